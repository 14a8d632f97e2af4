"""A strict reading of HTTP/1.1, by the rig alone: it shares no code with the proxy it judges.

read_request and read_response answer None for "need more bytes" and raise Malformed for "never".
What they accept is only the normal form that a careful sender writes (RFC 9112 without its leniences).
"""
import re
from dataclasses import dataclass, field

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_VALUE = re.compile(rb"[\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?\Z")


class Malformed(Exception):
    pass


@dataclass
class Message:
    start: bytes
    fields: list
    body: bytes = b""
    trailers: list = field(default_factory=list)
    raw: bytes = b""
    complete: bool = True  # False: cut short

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower().encode()]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    @property
    def status(self):
        return int(self.start.split(b" ")[1])

    @property
    def method(self):
        return self.start.split(b" ")[0].decode()

    @property
    def target(self):
        return self.start.split(b" ")[1].decode("latin-1")


def _lines(block):
    if not block:
        return []
    lines = block.split(b"\r\n")
    for line in lines:
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise Malformed(f"bare CR, LF or NUL in {line!r}")
    return lines


def _fields(lines):
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.match(name):
            raise Malformed(f"not a field line: {line[:200]!r}")
        value = value.strip(b" \t")
        if value and not _VALUE.match(value):
            raise Malformed(f"not a field value: {line[:200]!r}")
        fields.append((name, value))
    return fields


def _head(buf):
    end = buf.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = _lines(bytes(buf[:end]))
    return Message(lines[0], _fields(lines[1:])), end + 4


def _framing(message):
    """'chunked', a length, or None where the message says nothing."""
    codings, lengths = message.all("transfer-encoding"), message.all("content-length")
    if codings:
        if lengths:
            raise Malformed("both Transfer-Encoding and Content-Length")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise Malformed(f"Transfer-Encoding is {codings!r}, not chunked alone")
        return "chunked"
    if not lengths:
        return None
    if len(lengths) > 1 or not re.match(rb"\d{1,18}\Z", lengths[0]):
        raise Malformed(f"Content-Length is {lengths!r}")
    return int(lengths[0])


def _chunked(message, buf, at):
    """Fills body and trailers; returns the end, or None for more bytes."""
    body = bytearray()
    try:
        return _chunks(message, buf, at, body)
    finally:
        message.body = bytes(body)


def _chunks(message, buf, at, body):
    while True:
        eol = buf.find(b"\r\n", at)
        if eol < 0:
            if len(buf) - at > 64:
                raise Malformed(f"chunk size line without end: {bytes(buf[at:at + 64])!r}")
            return None
        line = bytes(buf[at:eol])
        if not re.match(rb"[0-9a-fA-F]{1,16}\Z", line):
            raise Malformed(f"chunk size line {line!r}")
        size, at = int(line, 16), eol + 2
        if size == 0:
            break
        body += buf[at : at + size]
        if len(buf) < at + size + 2:
            return None
        if buf[at + size : at + size + 2] != b"\r\n":
            raise Malformed("chunk data does not end with CR LF")
        at += size + 2
    if buf[at : at + 2] == b"\r\n":
        return at + 2
    end = buf.find(b"\r\n\r\n", at)
    if end < 0:
        return None
    message.trailers = _fields(_lines(bytes(buf[at:end])))
    return end + 4


def _finish(message, buf, end):
    message.raw = bytes(buf[:end])
    return message, end


def read_head(buf):
    """The head of a request or response alone: (Message, its length) or None."""
    found = _head(buf)
    return found and _finish(found[0], buf, found[1])


def check_request_line(message):
    if not re.match(
        rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e\x80-\xff]+ HTTP/1\.1\Z", message.start
    ):
        raise Malformed(f"request line {message.start[:200]!r}")
    if len(message.all("host")) != 1:
        raise Malformed(f"{len(message.all('host'))} Host fields")


def read_request(buf):
    found = _head(buf)
    if not found:
        return None
    message, at = found
    check_request_line(message)
    framing = _framing(message)
    if framing == "chunked":
        end = _chunked(message, buf, at)
        return None if end is None else _finish(message, buf, end)
    end = at + (framing or 0)
    if len(buf) < end:
        return None
    message.body = bytes(buf[at:end])
    return _finish(message, buf, end)


def read_response(buf, to_method="GET", ended=False):
    """One response, 1xx ones singly. `ended`: no byte will follow, so a cut one is returned as such."""
    found = _head(buf)
    if not found:
        if ended and buf:
            raise Malformed(f"ended inside a response head: {bytes(buf[:300])!r}")
        return None
    message, at = found
    if not re.match(rb"HTTP/1\.[01] [1-5]\d\d [\t \x21-\x7e\x80-\xff]*\Z", message.start):
        raise Malformed(f"status line {message.start[:200]!r}")
    status = message.status
    if status < 200 or status in (204, 304) or to_method == "HEAD":
        if status < 200 or status == 204:
            if _framing(message) is not None:
                raise Malformed(f"a {status} that announces a body")
        return _finish(message, buf, at)
    framing = _framing(message)
    if framing is None:
        message.body = bytes(buf[at:])
        return _finish(message, buf, len(buf)) if ended else None
    if framing == "chunked":
        end = _chunked(message, buf, at)
    else:
        message.body = bytes(buf[at : at + framing])
        end = at + framing if len(buf) >= at + framing else None
    if end is not None:
        return _finish(message, buf, end)
    if not ended:
        return None
    message.complete = False
    return _finish(message, buf, len(buf))
