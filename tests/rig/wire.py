"""One TCP connection of a conversation, and the loop that moves the bytes of all of them.

Nothing blocks: whoever waits calls pump(), which serves every wire, so that a long send on one
never deadlocks with a read on another. Nothing sleeps: waiting ends with a condition or a deadline.
"""
import select
import socket
import struct
import time

from . import http1


class Wire:
    def __init__(self, sock, name):
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.name = sock, name
        self.received = bytearray()  # not yet consumed
        self.record = bytearray()  # all that ever came
        self.pending = bytearray()  # to be sent
        self.eof = self.reset = self.closed = self.send_failed = False
        self.half_close_wanted = False
        self.head_bytes = b""  # of a request that was taken without its body

    def untold(self):
        """What was received and belongs to no request that was taken, with or without its body."""
        if self.head_bytes and self.received:
            whole = http1.read_request(self.head_bytes + self.received)
            return bytes(self.received[whole[1] - len(self.head_bytes) :]) if whole else b""
        return bytes(self.received)

    def send(self, data):
        self.pending += data
        self.flush()

    def flush(self):
        while self.pending and not self.closed:
            try:
                del self.pending[: self.sock.send(self.pending[: 1 << 18])]
            except BlockingIOError:
                return
            except OSError:
                self.send_failed = True
                self.pending.clear()
        if self.half_close_wanted and not self.closed:
            self.half_close_wanted = False
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def fill(self):
        while not (self.closed or self.eof or self.reset):
            try:
                data = self.sock.recv(1 << 18)
            except BlockingIOError:
                return
            except OSError:
                self.reset = True
                return
            if not data:
                self.eof = True
            self.received += data
            self.record += data

    @property
    def ended(self):
        return self.eof or self.reset

    def half_close(self):
        self.half_close_wanted = True
        self.flush()

    def close(self, rst=False):
        if self.closed:
            return
        if rst:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.closed = True
        self.sock.close()


class Listener:
    """A scripted origin's listening socket and the connections that it took."""

    def __init__(self, name):
        self.name, self.sock = name, socket.create_server(("127.0.0.1", 0), backlog=512)
        self.sock.setblocking(False)
        self.port = self.sock.getsockname()[1]
        self.wires, self.accepted = [], 0

    def accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except (BlockingIOError, OSError):
                return
            self.accepted += 1
            self.wires.append(Wire(sock, f"{self.name} connection {self.accepted}"))

    def forget(self):
        """Closes every connection, also those that wait in the backlog."""
        self.accept()
        for wire in self.wires:
            wire.close()
        self.wires.clear()

    def close(self):
        self.forget()
        self.sock.close()


def pump(wires, listeners, until, deadline):
    """Serves all sockets until `until()` is true; False if the deadline came first."""
    while True:
        for listener in listeners:
            listener.accept()
        live = [w for l in listeners for w in l.wires] + list(wires)
        for wire in live:
            wire.flush()
            wire.fill()
        if until():
            return True
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        poll = select.poll()
        for listener in listeners:
            poll.register(listener.sock, select.POLLIN)
        for wire in live:
            if wire.closed:
                continue
            mask = (0 if wire.ended else select.POLLIN) | (select.POLLOUT if wire.pending else 0)
            if mask:
                poll.register(wire.sock, mask)
        poll.poll(min(left, 0.5) * 1000)
