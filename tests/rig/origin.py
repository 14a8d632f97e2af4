"""A faulty origin: its behaviour is the URL. As a program: `python3 -m rig.origin [PORT]`.

    /ok?size=N[&chunked=C]  a body of N bytes (C: 1, or the size of its chunks)       /echo        the body back
    /drain                  takes a large chunked body and keeps nothing
    /count?KEY              how often KEY ran       /reset-counts
Everything else is a fault; origin_faults.py tells of each. Every execution of a URL (its whole request
was read, or its behaviour began) is counted under the target with its query, which is how "never
twice" is proved, and the raw bytes of every connection are kept.
"""
import asyncio
import json
import re
import sys
from collections import Counter
from urllib.parse import parse_qs, urlsplit

from . import http1
from .origin_faults import FAULTS
from .served import LoopServer


# The rest of a config, behind its listeners: all goes to an origin at port %d, and the log tells of it.
TO_ORIGIN = """logs: [ access_log: { format: json, path: $TMP/access.log } ]
upstreams:
  origin: { endpoints: [ "127.0.0.1:%d" ] }
routes:
  - match: { path: / }
    forward: origin
"""


class Connection:
    """One connection, as a behaviour sees it."""

    def __init__(self, origin, reader, writer, number):
        self.origin, self.reader, self.writer, self.number = origin, reader, writer, number
        self.buffer, self.raw, self.requests = bytearray(), bytearray(), 0

    async def more(self):
        data = await self.reader.read(1 << 16)
        self.buffer += data
        if len(self.raw) < self.origin.raw_max:
            self.raw += data
        return bool(data)

    async def head(self):
        """The next request's head, or None when the connection ends first."""
        while True:
            found = http1.read_head(self.buffer)
            if found:
                return found[0]
            if not await self.more():
                return None

    async def request(self):
        """The whole request whose head is next, taken out of the buffer."""
        while True:
            found = http1.read_request(self.buffer)
            if found:
                del self.buffer[: found[1]]
                return found[0]
            if not await self.more():
                return None

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, body=b"", status="200 OK", fields=b""):
        await self.send(
            b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s"
            % (status.encode(), len(body), fields, body)
        )

    def rst(self):
        self.writer.transport.abort()  # with SO_LINGER 0, set at accept: a RST

    async def fin(self):
        """An orderly end: SO_LINGER is taken back first."""
        self.origin.linger(self.writer, False)
        self.writer.close()

    async def wait_end(self):
        while await self.more():
            self.buffer.clear()


class Origin(LoopServer):
    """`with Origin() as origin:` serves on origin.port in a thread of its own."""

    def __init__(self, port=0, raw_max=1 << 16, host="127.0.0.1"):
        super().__init__(port, host)
        self.raw_max = raw_max
        self.counts, self.connections, self.open = Counter(), [], 0
        self.heads = []

    @staticmethod
    def linger(writer, on):
        import socket
        import struct

        sock = writer.get_extra_info("socket")
        if sock and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", on, 0))

    async def _connection(self, reader, writer):
        conn = Connection(self, reader, writer, len(self.connections))
        self.connections.append(conn)
        self.open += 1
        self.linger(writer, True)
        try:
            while not writer.is_closing() and await self._one(conn):
                conn.requests += 1
            if not writer.is_closing():
                await conn.fin()
        except (OSError, asyncio.CancelledError):
            pass
        except http1.Malformed as error:
            self.counts[f"malformed: {error}"] += 1
            await conn.fin()
        finally:
            self.open -= 1
            writer.close()

    async def _one(self, conn):
        head = await conn.head()
        if head is None:
            return False
        http1.check_request_line(head)
        self.heads.append(head)
        url = urlsplit(head.target)
        query = {k: v[0] for k, v in parse_qs(url.query, keep_blank_values=True).items()}
        behave = getattr(self, "_" + re.sub(r"\W", "_", url.path[1:]), None) or FAULTS.get(url.path)
        if url.path not in ("/count", "/reset-counts"):
            self.counts[head.target] += 1
        if not behave:
            await conn.request()
            await conn.reply(b"no such behaviour\n", "404 Not Found")
            return True
        return await behave(conn, head, query) is not False

    # --- what is in order ---

    async def _ok(self, conn, head, query):
        await conn.request()
        size = int(query.get("size", 2))
        body = b"ok" if size == 2 else (b"0123456789abcdef" * (size // 16 + 1))[:size]
        if head.method == "HEAD":
            await conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        elif "chunked" in query:
            step = int(query["chunked"]) if int(query["chunked"]) > 1 else 8192
            chunks = b"".join(
                b"%x\r\n%s\r\n" % (len(body[i : i + step]), body[i : i + step])
                for i in range(0, size, step)
            )
            await conn.send(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
            )
        else:
            await conn.reply(body)

    async def _echo(self, conn, head, query):
        request = await conn.request()
        if not request:
            return False
        await conn.reply(request.body)

    async def _drain(self, conn, head, query):
        """A large chunked body, not kept; counted as "drained" when its end has come."""
        while not conn.buffer.endswith(b"\r\n0\r\n\r\n"):
            del conn.buffer[:-16]
            if not await conn.more():
                return False
        conn.buffer.clear()
        self.counts["drained"] += 1
        await conn.reply(b"ok")

    async def _count(self, conn, head, query):
        await conn.request()
        key = urlsplit(head.target).query
        body = json.dumps(self.counts if not key else self.counts[key]).encode()
        await conn.reply(body, fields=b"Content-Type: application/json\r\n")

    async def _reset_counts(self, conn, head, query):
        await conn.request()
        self.counts.clear()
        await conn.reply()


if __name__ == "__main__":

    async def main():
        origin = Origin(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
        task = asyncio.create_task(origin.serve())
        while not origin._started.is_set():
            await asyncio.sleep(0)
        print(f"listening {origin.port}", flush=True)
        await task

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
