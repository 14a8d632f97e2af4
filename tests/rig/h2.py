"""An HTTP/2 client that writes frames by hand (Debian: python3-hpack), for what a real client cannot be made to do."""
import socket
import struct
import sys
import time

sys.path.append("/usr/lib/python3/dist-packages")  # Where Debian's is, whichever python this is.
import hpack  # noqa: E402

from .proxy import SLOW  # noqa: E402

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, CANCEL, CALM = 0, 1, 7, 8, 11


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literals(fields):
    """A block that uses no table, whatever the bytes."""
    block = b""
    for text in fields:
        name, value = text
        block += b"\0"
        for part in (name, value):
            part = part if isinstance(part, bytes) else part.encode()
            n = len(part)
            if n < 127:
                block += bytes([n]) + part
                continue
            size, n = b"\x7f", n - 127
            while n >= 128:
                size, n = size + bytes([n % 128 + 128]), n // 128
            block += size + bytes([n]) + part
    return block


def request(path="/", method="GET", authority="a.test", more=()):
    head = [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path)]
    return head + list(more)


class Client:
    """One connection. What arrives is kept in `frames`; ended() and wait_for() read on."""

    def __init__(self, port, settings=b"", read=True, room=None):
        """`room`: of the socket, for what it has not read."""
        self.sock = socket.socket()
        if room:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.frames, self.over = b"", [], False
        self.decoder = hpack.Decoder()
        self.heads, self.bodies = {}, {}
        self.sent = 0
        self.window = {0: 65535}  # What may be sent, by stream; 0: in all.
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))
        if read:
            self.wait_for(lambda f: f[0] == SETTINGS and not f[1] & ACK)
            self.send(frame(SETTINGS, ACK))

    def send(self, data):
        """Whether all could be sent."""
        try:
            self.sock.sendall(data)
            self.sent += len(data)
            return True
        except OSError:
            return False

    def headers(self, stream, fields, flags=END_STREAM | END_HEADERS):
        return self.send(frame(HEADERS, flags, stream, literals(fields)))

    def upload(self, stream, size, leave=0, wait=2):
        """Sends so much of a body, or until no window opens any more; keeps `leave` of the stream's. What went."""
        left = size
        while left:
            room = min(self.window[0], self.window.setdefault(stream, 65536) - leave)
            n = min(left, room, 16384)
            if n <= 0 and not self.read(wait * SLOW):
                break
            if n > 0:
                self.send(frame(DATA, 0, stream, b"u" * n))
                self.window[stream] -= n
                self.window[0] -= n
                left -= n
        return size - left

    def read(self, wait):
        """Some more bytes, into frames; False at the end or when none come."""
        self.sock.settimeout(max(wait, 0.001))
        try:
            data = self.sock.recv(1 << 18)
        except TimeoutError:
            return False
        except OSError:
            data = b""
        if not data:
            self.over = True
            return False
        self.buffer += data
        while len(self.buffer) >= 9:
            size = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + size:
                break
            kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
            payload, self.buffer = self.buffer[9 : 9 + size], self.buffer[9 + size :]
            self._note(kind, flags, stream, payload)
        return True

    def _note(self, kind, flags, stream, payload):
        self.frames.append((kind, flags, stream, payload))
        if kind == HEADERS:
            self.heads.setdefault(stream, []).append(dict(self.decoder.decode(payload)))
        if kind == WINDOW:
            self.window[stream] = self.window.get(stream, 65536) + int.from_bytes(payload, "big")
        if kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, b"") + payload

    def find(self, match):
        return next((f for f in self.frames if match(f)), None)

    def wait_for(self, match, wait=5):
        """The first frame that matches, or None at the end of the connection or of patience."""
        deadline = time.monotonic() + wait * SLOW
        while True:
            found = self.find(match)
            left = deadline - time.monotonic()
            if found or self.over or left <= 0:
                return found
            self.read(left)

    def reset(self, stream, wait=5):
        """The code of the RST_STREAM for it, or None."""
        f = self.wait_for(lambda f: f[0] in (RST, GOAWAY) and f[2] in (stream, 0), wait)
        return int.from_bytes(f[3], "big") if f and f[0] == RST else None

    def goaway(self, wait=5):
        """The code of the last GOAWAY once the connection has ended, or None."""
        deadline = time.monotonic() + wait * SLOW
        while not self.over and time.monotonic() < deadline:
            self.read(deadline - time.monotonic())
        codes = [int.from_bytes(f[3][4:8], "big") for f in self.frames if f[0] == GOAWAY]
        return codes[-1] if codes else None

    def response(self, stream, wait=5):
        """Status and body once it is complete; None otherwise."""
        done = lambda f: f[2] == stream and f[0] in (DATA, HEADERS) and f[1] & END_STREAM
        if not self.wait_for(done, wait):
            return None
        final = next(h for h in self.heads[stream] if not h.get(":status", "1").startswith("1"))
        return int(final[":status"]), self.bodies.get(stream, b"")

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
