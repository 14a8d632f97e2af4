"""The faults of the origin, one function a URL. Each docstring is the manual.

A behaviour gets the connection, the request's head and the query; it answers False when the
connection must end behind it.
"""
import asyncio

FAULTS = {}


def fault(path):
    def add(function):
        FAULTS[path] = function
        return function

    return add


def _raw(path, data, doc, then="keep"):
    """A fault that reads the request, sends fixed bytes and then keeps, closes or resets."""

    async def behave(conn, head, query):
        await conn.request()
        await conn.send(data)
        if then == "rst":
            conn.rst()
        return then == "keep"

    behave.__doc__ = doc
    FAULTS[path] = behave


_OK = b"HTTP/1.1 200 OK\r\n"

_raw("/rst-hdr", b"HTTP/1.1 200 OK\r\nContent-Le", "RST inside the head.", "rst")
_raw("/fin-hdr", b"HTTP/1.1 200 OK\r\nContent-Le", "FIN inside the head.", "close")
_raw(
    "/rst-body", _OK + b"Content-Length: 100\r\n\r\n0123456789", "RST after 10 of 100 bytes.", "rst"
)
_raw(
    "/fin-cl", _OK + b"Content-Length: 100\r\n\r\n0123456789", "FIN after 10 of 100 bytes.", "close"
)
_raw(
    "/fin-chunk",
    _OK + b"Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n",
    "FIN without a last chunk.",
    "close",
)
_raw(
    "/rst-chunk",
    _OK + b"Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n",
    "RST without a last chunk.",
    "rst",
)
_raw("/fin-none", _OK + b"\r\n0123456789", "A body that ends with the connection.", "close")
_raw("/close-before", b"", "FIN before any byte.", "close")
_raw("/rst-before", b"", "RST before any byte.", "rst")
_raw("/garbage", b"\x16\x03\x01\x02 this is no HTTP at all\r\n\r\n", "No status line.", "close")
_raw("/http09", b"<html>old</html>\n", "An answer without any head.", "close")
_raw("/icy", b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok", "A wrong protocol name.")
_raw(
    "/big-head",
    _OK + b"X-Big: " + b"a" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "A head of 100 kB.",
)
_raw(
    "/many-fields",
    _OK + b"".join(b"X-%d: a\r\n" % i for i in range(10_000)) + b"Content-Length: 0\r\n\r\n",
    "10,000 fields.",
)
_raw(
    "/103",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + _OK + b"Content-Length: 2\r\n\r\nok",
    "103, then 200.",
)
_raw(
    "/102",
    b"HTTP/1.1 102 Processing\r\n\r\n" + _OK + b"Content-Length: 2\r\n\r\nok",
    "102, then 200.",
)
_raw(
    "/1xx-flood",
    b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000 + _OK + b"Content-Length: 2\r\n\r\nok",
    "1,000 × 103, then 200.",
)
_raw(
    "/101-unasked",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello",
    "A tunnel that nobody asked for.",
)
_raw(
    "/two-100",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + _OK + b"Content-Length: 2\r\n\r\nok",
    "100 twice, then 200.",
)
_raw("/cl-short", _OK + b"Content-Length: 2\r\n\r\nok and more", "More bytes than announced.")
_raw(
    "/cl-long",
    _OK + b"Content-Length: 20\r\n\r\nok",
    "Fewer bytes than announced, then FIN.",
    "close",
)
_raw(
    "/te-cl",
    _OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "Both framings.",
)
_raw("/dup-cl", _OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", "Two lengths.")
_raw(
    "/204-body",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    "A body where none may be.",
)


@fault("/early-rst")
async def early_rst(conn, head, query):
    """413 before the body was read, then RST."""
    await conn.reply(b"too big", "413 Content Too Large", b"Connection: close\r\n")
    conn.rst()
    return False


@fault("/early-413")
async def early_413(conn, head, query):
    """413 before the body was read, which then is read and ignored."""
    await conn.reply(b"too big", "413 Content Too Large", b"Connection: close\r\n")
    await conn.wait_end()
    return False


@fault("/stale")
async def stale(conn, head, query):
    """Answers once; when a second request arrives on the same connection: RST (?fin=1: FIN)."""
    if conn.requests:
        if "fin" not in query:
            conn.rst()
        return False
    await conn.request()
    await conn.reply(b"ok")


@fault("/stale-now")
async def stale_now(conn, head, query):
    """Answers as if it would keep the connection, and closes it at once."""
    await conn.request()
    await conn.reply(b"ok")
    return False


@fault("/slow-head")
async def slow_head(conn, head, query):
    """The head byte by byte, ?ms= apart (100)."""
    await conn.request()
    for byte in _OK + b"Content-Length: 2\r\n\r\nok":
        await conn.send(bytes([byte]))
        await asyncio.sleep(int(query.get("ms", 100)) / 1000)


@fault("/slow-answer")
async def slow_answer(conn, head, query):
    """200, ?ms= after the request (100)."""
    await conn.request()
    await asyncio.sleep(int(query.get("ms", 100)) / 1000)
    await conn.reply(b"ok")


@fault("/stall-body")
async def stall_body(conn, head, query):
    """10 of 100 bytes, then nothing; with ?chunked, of a body without a length."""
    await conn.request()
    if "chunked" in query:
        await conn.send(_OK + b"Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n")
    else:
        await conn.send(_OK + b"Content-Length: 100\r\n\r\n0123456789")
    await conn.wait_end()
    return False


@fault("/hang")
async def hang(conn, head, query):
    """Reads the request and never answers."""
    await conn.request()
    await conn.wait_end()
    return False


@fault("/no-read")
async def no_read(conn, head, query):
    """Reads the head only and never answers."""
    await asyncio.Event().wait()


@fault("/no-100")
async def no_100(conn, head, query):
    """Never sends 100, answers when the body has come."""
    await conn.request()
    await conn.reply(b"ok")


@fault("/100")
async def with_100(conn, head, query):
    """Sends 100 at the head, 200 after the body."""
    await conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    request = await conn.request()
    await conn.reply(b"%d" % len(request.body) if request else b"")


@fault("/417")
async def refuses_100(conn, head, query):
    """Answers 417 at the head and closes."""
    await conn.reply(b"no", "417 Expectation Failed", b"Connection: close\r\n")
    return False


@fault("/endless-head")
async def endless_head(conn, head, query):
    """Fields without end."""
    await conn.request()
    await conn.send(_OK)
    while True:
        await conn.send(b"X-More: and more\r\n" * 64)


@fault("/endless-body")
async def endless_body(conn, head, query):
    """A chunked body without end, as fast as it is taken; with ?length, a whole terabyte that is announced."""
    await conn.request()
    if "length" in query:
        await conn.send(_OK + b"Content-Length: %d\r\n\r\n" % (1 << 40))
        while True:
            await conn.send(b"a" * 65536)
    await conn.send(_OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        await conn.send(b"10000\r\n" + b"a" * 65536 + b"\r\n")


@fault("/every-other-503")
async def every_other_503(conn, head, query):
    """503 and 200 in turn, on connections that are kept."""
    await conn.request()
    turn = conn.origin.turns = getattr(conn.origin, "turns", 0) + 1
    await conn.reply(b"ok", "503 Service Unavailable" if turn % 2 else "200 OK")


@fault("/sse")
async def sse(conn, head, query):
    """?n= events (3), each sent by itself, 10 ms apart."""
    await conn.request()
    await conn.send(_OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for i in range(int(query.get("n", 3))):
        event = b"data: %d\n\n" % i
        await conn.send(b"%x\r\n%s\r\n" % (len(event), event))
        await asyncio.sleep(0.01)
    await conn.send(b"0\r\n\r\n")
