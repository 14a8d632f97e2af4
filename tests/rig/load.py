"""Requests at a rate that does not wait for answers, and what became of each. One thread, plain sockets and epoll.

A connection has one request at a time: what falls due while all are busy is offered as soon as one is free, and its
time counts from then.
"""
import select
import socket
import time
from collections import deque


class Result:
    def __init__(self):
        self.times = {}  # By status: seconds.
        self.lost = 0  # Connections that ended inside a response.

    def count(self, status):
        return len(self.times.get(status, ()))

    def quantile(self, status, part):
        ordered = sorted(self.times[status])
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]

    def __str__(self):
        rows = [
            f"{status}: {len(times)}, p50 {self.quantile(status, 0.5) * 1000:.1f} ms,"
            f" p99 {self.quantile(status, 0.99) * 1000:.1f} ms"
            for status, times in sorted(self.times.items())
        ]
        return "; ".join(rows + [f"lost {self.lost}"])


class Load:
    """`with Load(port, 100) as load: load.run(rate=500, seconds=2)`"""

    def __init__(self, port, connections, target="/"):
        self.request = f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        self.poll, self.socks, self.free = select.epoll(), {}, deque()
        self.since, self.buffers = {}, {}
        for _ in range(connections):
            sock = socket.create_connection(("127.0.0.1", port), 10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            self.poll.register(sock, select.EPOLLIN)
            self.socks[sock.fileno()] = sock
            self.free.append(sock.fileno())

    def run(self, seconds, rate=None):
        """`rate` a second, all connections of one accord; None: each asks again as it is answered."""
        out, start = Result(), time.monotonic()
        offered, end = 0, start + seconds
        while True:
            now = time.monotonic()
            if now >= end and len(self.free) == len(self.socks):
                return out
            if now < end:
                due = len(self.free) if rate is None else int((now - start) * rate) - offered
                offered += self._ask(min(due, len(self.free)))
                if rate is not None:  # What nobody could take is not saved up.
                    offered = max(offered, int((now - start) * rate) - len(self.socks))
            elif now > end + 10:
                raise AssertionError(f"{len(self.socks) - len(self.free)} are not answered")
            ready = self.poll.poll(0)
            for fd, _ in ready:
                self._read(fd, out)
            if not ready:
                time.sleep(
                    0.00005
                )  # epoll's own wait is a millisecond at least: that is too coarse.

    def _ask(self, count):
        for _ in range(count):
            fd = self.free.popleft()
            self.since[fd], self.buffers[fd] = time.monotonic(), b""
            self.socks[fd].send(self.request)
        return max(count, 0)

    def _read(self, fd, out):
        try:
            data = self.socks[fd].recv(65536)
        except BlockingIOError:
            return
        if not data:
            out.lost += 1
            self.poll.unregister(fd)
            self.socks.pop(fd).close()
            return
        self.buffers[fd] += data
        head, found, body = self.buffers[fd].partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().split(b"content-length: ")[1].split(b"\r")[0]):
            return
        took = time.monotonic() - self.since[fd]
        out.times.setdefault(int(head[9:12]), []).append(took)
        if head[9:12] == b"503":
            assert b"\r\nRetry-After: 1\r\n" in head, head
        self.free.append(fd)

    def close(self):
        for sock in self.socks.values():
            sock.close()
        self.poll.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
