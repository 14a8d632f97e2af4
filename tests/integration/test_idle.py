"""S29, J: 20,000 connections that wait. What each costs, and that it is nobody's trouble.

The proxy keeps a descriptor for an origin beside each client's: it needs twice as many. Where the system does not
allow so many, the test has as many connections as it does, 2,000 at least.
"""
import select
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import procs  # noqa: E402
from rig.pkrig import Proxy, cpu_seconds  # noqa: E402

CONFIG = """
listeners:
  - { name: web, address: "127.0.0.1:0", timeouts: { head: 300s, client_idle: 300s } }
routes:
  - match: { path: / }
    handler: { respond: { status: 200, body: "here" } }
"""
COUNT = 20_000
DESCRIPTORS = 2 * COUNT + 1000
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def setUpModule():
    global COUNT, DESCRIPTORS
    DESCRIPTORS = procs.may_have_descriptors(DESCRIPTORS)
    COUNT = min(COUNT, (DESCRIPTORS - 1000) // 2)
    if COUNT < 2000:
        raise unittest.SkipTest(f"only {DESCRIPTORS} descriptors")


class Idle(unittest.TestCase):
    def setUp(self):
        self.proxy = Proxy(CONFIG, nofile=DESCRIPTORS)
        self.addCleanup(self.proxy.stop, 30)
        for warm in self.crowd(200, GET):
            warm.close()

    def crowd(self, count, data):
        """Connected, each from one of a few addresses so that ports last; all have sent `data`, or been answered."""
        socks = []
        for i in range(count):
            sock = socket.socket()
            self.addCleanup(sock.close)
            sock.bind((f"127.0.3.{1 + i % 4}", 0))
            sock.connect(("127.0.0.1", self.proxy.port()))
            sock.sendall(data)
            socks.append(sock)
        if data.endswith(b"\r\n\r\n"):
            for sock in socks:
                self.assertIn(b" 200 ", sock.recv(4096))
        return socks

    def good_client(self):
        """p99 of five hundred requests."""
        times = []
        with socket.create_connection(("127.0.0.1", self.proxy.port()), 10) as sock:
            for _ in range(500):
                start = time.monotonic()
                sock.sendall(GET)
                self.assertIn(b" 200 ", sock.recv(4096))
                times.append(time.monotonic() - start)
        return sorted(times)[494]

    def settled(self):
        """Memory once nothing happens any more: no processor time for a quarter of a second."""
        while True:
            spent = cpu_seconds(self.proxy.pid)
            time.sleep(0.25)
            if cpu_seconds(self.proxy.pid) - spent < 0.02:
                return self.proxy.rss_bytes()

    def test_s29_those_that_wait_for_their_next_request(self):
        base = self.settled()
        socks = self.crowd(COUNT, GET)
        each = (self.settled() - base) / COUNT
        self.assertLess(each, 1024)
        self.assertLess(self.good_client(), 0.05)
        self.assertFalse(select.select(socks[:500], [], [], 0)[0], "somebody was closed")
        for sock in socks[::20]:
            sock.sendall(GET)
            self.assertIn(b" 200 ", sock.recv(4096))

    def test_s29_heads_that_never_end(self):
        base = self.settled()
        socks = self.crowd(COUNT, GET[:-2] + b"X-Slow: ")
        each = (self.settled() - base) / COUNT
        self.assertLess(each, 32 << 10)
        self.assertLess(self.good_client(), 0.05)
        for sock in socks[::100]:
            sock.sendall(b"1\r\n\r\n")
            self.assertIn(b" 200 ", sock.recv(4096))


if __name__ == "__main__":
    unittest.main()
