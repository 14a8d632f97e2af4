"""Slow clients and origins: deadlines that trickling does not move, back-pressure, bounded memory (S29, S30, D)."""
import select
import socket
import struct
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import http1  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy  # noqa: E402
from rig.sanitized import skips  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0", timeouts: {{ head: 400ms, body_stall: {body_stall}, write_stall: {write_stall} }} }}
upstreams:
  app:
    endpoints: [ "127.0.0.1:{port}" ]
    timeouts: {{ response: 30s, send: 30s }}
routes:
  - match: {{ path: / }}
    forward: app
"""


class Slow(unittest.TestCase):
    def setUp(self):
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)

    def start(self, write_stall="30s", body_stall="10s"):
        self.proxy = Proxy(
            CONFIG.format(port=self.origin.port, write_stall=write_stall, body_stall=body_stall)
        )
        self.addCleanup(self.proxy.stop)

    def connect(self, receive_buffer=0):
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(10 * SLOW)
        sock.connect(("127.0.0.1", self.proxy.port()))
        self.addCleanup(self.leave, sock)
        return sock

    @staticmethod
    def leave(sock):
        """By a reset: a FIN would wait behind what a peer that stopped reading has not taken."""
        if sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

    def test_a_head_byte_by_byte_does_not_move_its_deadline(self):
        self.start()
        sock, start = self.connect(), time.monotonic()
        for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1000:
            if select.select([sock], [], [], 0.02)[0]:
                break
            sock.send(bytes([byte]))
        took = time.monotonic() - start
        self.assertTrue(sock.recv(1000).startswith(b"HTTP/1.1 408"))
        self.assertTrue(0.35 < took < 2 * SLOW, took)

    def test_a_client_that_reads_nothing_is_cut_off(self):
        self.start(write_stall="400ms")
        for query in (b"", b"?length"):
            with self.subTest(query):
                sock, start = self.connect(receive_buffer=4096), time.monotonic()
                sock.sendall(b"GET /endless-body%s HTTP/1.1\r\nHost: a\r\n\r\n" % query)
                poll = select.poll()
                poll.register(sock, select.POLLHUP | select.POLLERR)
                events = poll.poll(8000 * SLOW)
                self.assertTrue(events, "still connected")
                self.assertGreater(time.monotonic() - start, 0.39)
                self.wait_origin_free()

    def test_a_client_that_reads_slowly_is_served(self):
        self.start(write_stall="2s")
        sock = self.connect(receive_buffer=4096)
        sock.sendall(b"GET /ok?size=300000 HTTP/1.1\r\nHost: a\r\n\r\n")
        got, end = 0, time.monotonic() + 20 * SLOW
        while got < 300000 and time.monotonic() < end:
            data = sock.recv(8192)
            self.assertTrue(data, f"cut after {got}")
            got += len(data)
            select.select([], [], [], 0.005)
        self.assertGreaterEqual(got, 300000)

    def test_answers_of_any_size_in_small_chunks_arrive_whole(self):
        """What waits in a buffer when the client is behind is not forgotten when it has caught up."""
        self.start()
        sock = self.connect()
        for size in range(1000, 400_000, 3989):
            sock.sendall(b"GET /ok?size=%d&chunked=20 HTTP/1.1\r\nHost: a\r\n\r\n" % size)
            data = bytearray()
            while not data.endswith(b"\r\n0\r\n\r\n"):
                data += sock.recv(1 << 17)
            self.assertEqual(len(http1.read_response(data)[0].body), size)

    def test_a_body_below_the_least_rate_is_a_stall_one_above_is_not(self):
        """240 bytes a second, over the time of body_stall."""
        self.start(body_stall="700ms")
        for piece, status in ((b"a", 408), (b"a" * 100, 200)):
            with self.subTest(len(piece)):
                sock = self.connect()
                sock.sendall(
                    b"POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
                    % (len(piece) * 30)
                )
                for _ in range(30):
                    if select.select([sock], [], [], 0.05)[0]:
                        break
                    sock.sendall(piece)
                self.assertTrue(sock.recv(1000).startswith(b"HTTP/1.1 %d" % status))

    def test_100_mib_without_a_length_and_one_byte_more(self):
        """D: 413 at the byte. The origin never has a whole request."""
        self.start()
        sock, chunk = self.connect(), b"100000\r\n" + b"a" * (1 << 20) + b"\r\n"
        sock.sendall(b"POST /drain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            sock.sendall(chunk)
        self.assertFalse(select.select([sock], [], [], 0.1)[0], "answered before the limit")
        sock.sendall(b"1\r\na\r\n")
        self.assertTrue(sock.recv(1000).startswith(b"HTTP/1.1 413"))
        self.assertEqual(self.origin.counts["drained"], 0)
        whole = self.connect()
        whole.sendall(b"POST /drain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            whole.sendall(chunk)
        whole.sendall(b"0\r\n\r\n")
        self.assertTrue(whole.recv(1000).startswith(b"HTTP/1.1 200"))

    def wait_origin_free(self):
        deadline = time.monotonic() + 5 * SLOW
        while self.origin.open and time.monotonic() < deadline:
            time.sleep(0.005)
        self.assertEqual(self.origin.open, 0)

    def test_stopped_readers_stop_the_origin_and_hold_little_memory(self):
        """S30: 40 clients that read nothing of endless bodies."""
        self.start()
        warm = self.connect()
        warm.sendall(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
        warm.recv(1000)
        before, socks = self.proxy.rss_bytes(), []
        for i in range(40):
            sock = self.connect(receive_buffer=4096)
            sock.sendall(
                b"GET /endless-body%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"?length" if i % 2 else b"")
            )
            socks.append(sock)
        self.wait_still(before)
        if not skips("test_slow_peers.memory"):
            self.assertLess(self.proxy.rss_bytes() - before, 40 * (256 << 10))
        for sock in socks:
            sock.close()
        self.wait_origin_free_but(1)

    def test_a_gigabyte_that_is_not_read_and_then_is(self):
        """S30: the origin is stopped at what sockets hold; nothing of it is kept here, and nothing is lost."""
        size = 1 << 30
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.proxy = Proxy(
                CONFIG.format(port=listener.getsockname()[1], write_stall="30s", body_stall="10s")
            )
            self.addCleanup(self.proxy.stop)
            sent = 0

            def pour():
                nonlocal sent
                piece, (one, _) = b"a" * (1 << 20), listener.accept()
                with one:
                    one.recv(4096)
                    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                    while sent < size:
                        one.sendall(piece)
                        sent += len(piece)

            origin = threading.Thread(target=pour, daemon=True)
            origin.start()
            sock = self.connect(receive_buffer=1 << 16)
            before = self.proxy.rss_bytes()
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.wait_still(before)
            self.assertLess(sent, 32 << 20)
            held = self.proxy.rss_bytes() - before
            got, buffer = 0, bytearray(1 << 20)
            head = sock.recv(4096)
            got = len(head) - head.index(b"\r\n\r\n") - 4
            while n := sock.recv_into(buffer, min(len(buffer), size - got)):
                got += n
                if got == size:
                    break
            origin.join(10 * SLOW)
            self.assertEqual((got, sent), (size, size))
            if not skips("test_slow_peers.memory"):
                self.assertLess(held, 256 << 10)
                self.assertLess(self.proxy.rss_bytes() - before, 1 << 20)

    def wait_origin_free_but(self, most):
        deadline = time.monotonic() + 5 * SLOW
        while self.origin.open > most and time.monotonic() < deadline:
            time.sleep(0.005)
        self.assertLessEqual(self.origin.open, most)

    def wait_still(self, before):
        """Until memory has not grown for half a second."""
        last, since = before, time.monotonic()
        while time.monotonic() - since < 0.5:
            now = self.proxy.rss_bytes()
            if now > last:
                last, since = now, time.monotonic()
            time.sleep(0.02)

    def test_uploads_to_an_origin_that_does_not_read_hold_little_memory(self):
        self.start()
        before, socks = self.proxy.rss_bytes(), []
        for _ in range(40):
            sock = self.connect()
            sock.sendall(b"POST /no-read HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
            sock.setblocking(False)
            socks.append(sock)
        piece, end = b"a" * 65536, time.monotonic() + 1
        while time.monotonic() < end:
            for sock in select.select([], socks, [], 0.05)[1]:
                try:
                    sock.send(piece)
                except BlockingIOError:
                    pass
        if not skips("test_slow_peers.memory"):
            self.assertLess(self.proxy.rss_bytes() - before, 40 * (256 << 10))

    def test_a_good_client_does_not_feel_the_slow_ones(self):
        """S29, small: 200 that drip."""
        self.start()
        slow = [self.connect() for _ in range(200)]
        for sock in slow:
            sock.send(b"GET / HT")
        good, worst = self.connect(), 0
        for _ in range(50):
            start = time.monotonic()
            good.sendall(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertIn(b"200", good.recv(1000))
            worst = max(worst, time.monotonic() - start)
        self.assertLess(worst, 0.25 * SLOW)
        for sock in slow:
            self.assertTrue(sock.recv(100).startswith(b"HTTP/1.1 408"))


if __name__ == "__main__":
    unittest.main()
