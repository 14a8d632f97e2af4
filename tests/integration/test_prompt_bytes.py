"""Bytes of a long body that pauses are not held back for company: TCP would do so for 200 ms."""
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import Proxy  # noqa: E402

CONFIG = """
listeners: [ { name: web, address: "127.0.0.1:0" } ]
upstreams: { app: { endpoints: [ "127.0.0.1:%d" ] } }
routes: [ { match: { path: / }, forward: app } ]
"""
HELD_BACK = 0.2
TRIES = 10


class PromptBytes(unittest.TestCase):
    def setUp(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listening.close)
        proxy = Proxy(CONFIG % self.listening.getsockname()[1])
        self.addCleanup(proxy.__exit__, None, None, None)
        self.port = proxy.__enter__().port()

    def once(self, pieces):
        """The longest that a piece took to come whole, when the origin says nothing until it did."""
        longest = 0
        with socket.create_connection(("127.0.0.1", self.port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            origin, _ = self.listening.accept()
            with origin:
                origin.settimeout(10)
                self.assertTrue(origin.recv(65536))
                head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
                for piece in (head, *(b"x" * size for size in pieces)):
                    began = time.monotonic()
                    origin.sendall(piece)
                    self.take(client, head=piece is head, size=len(piece))
                    longest = max(longest, time.monotonic() - began)
        return longest

    def take(self, client, head, size):
        got = b""
        while not got.endswith(b"\r\n\r\n") if head else size > 0:
            part = client.recv(1 if head else min(size, 1 << 20))
            self.assertTrue(part)
            got = got[-3:] + part
            size -= len(part)

    def best(self, *pieces):
        """What was held back is so each time; what the machine was busy with is not."""
        return min(self.once(pieces) for _ in range(TRIES))

    def test_a_head_comes_before_its_body(self):
        self.assertLess(self.best(), HELD_BACK / 2)

    def test_a_piece_comes_before_the_next(self):
        # One that fills a pipe, and ends within a segment; one that fills it exactly; a byte.
        self.assertLess(self.best(300_001, 256 << 10, 1), HELD_BACK / 2)


if __name__ == "__main__":
    unittest.main()
