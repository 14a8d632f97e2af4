"""S33: names that collide in a hash cost no more than names that do not."""
import random
import socket
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import SLOW, Proxy, cpu_seconds  # noqa: E402

CONFIG = """
listeners:
  - { name: web, address: "127.0.0.1:0" }
routes:
  - match: { path: /a, header: { X-Role: admin } }
    handler: { respond: { status: 403, body: "no" } }
  - match: { path: /a, query: { key: value } }
    handler: { respond: { status: 403, body: "no" } }
  - match: { host: [ one.example, two.example ] }
    handler: { respond: { status: 200, body: "named" } }
  - match: { path: / }
    handler: { respond: { status: 200, body: "ok" } }
"""
FIELDS = 97
REQUESTS = 2500


def token(length):
    return "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=length))


def spread():
    """Names with nothing in common."""
    return [token(19) for _ in range(FIELDS)]


def alike():
    """The same length, first and last bytes, which is what the parser's own hash looks at."""
    return [f"x-fo{token(11)}-for" for _ in range(FIELDS)]


def known():
    """All of them land where a well-known name stands, and differ from it in the middle."""
    return [f"x-fo{token(3)}de{n:02}-for" for n in range(FIELDS)]


def one(_=None):
    return ["x-forwarde-for"] * FIELDS


class Flooding(unittest.TestCase):
    def setUp(self):
        random.seed(33)
        self.proxy = Proxy(CONFIG)
        self.addCleanup(self.proxy.stop)
        self.sock = socket.create_connection(("127.0.0.1", self.proxy.port()), 30 * SLOW)
        self.addCleanup(self.sock.close)

    def cost(self, request):
        """CPU seconds of so many of these, each answered."""
        before, answered = cpu_seconds(self.proxy.pid), 0
        for _ in range(REQUESTS // 10):
            self.sock.sendall(request * 10)
            data = b""
            while data.count(b"HTTP/1.1 200") < 10:
                more = self.sock.recv(65536)
                self.assertTrue(more, data[-300:])
                data += more
            answered += 10
        self.assertEqual(answered, REQUESTS)
        return cpu_seconds(self.proxy.pid) - before

    def compare(self, plain, hostile):
        plain, hostile = (min(self.cost(request) for _ in range(3)) for request in (plain, hostile))
        # Collisions that count would cost tens of times as much; a sanitizer makes every byte that is looked at dear.
        self.assertLess(hostile, 4 * plain + 0.05, f"{hostile:.2f} s, {plain:.2f} s without")

    def test_field_names(self):
        def request(names):
            lines = "".join(f"{name}: 1\r\n" for name in names)
            return f"GET /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()

        for hostile in (alike, known, one):
            with self.subTest(hostile.__name__):
                self.compare(request(spread()), request(hostile()))

    def test_query_parameters(self):
        def request(keys):
            query = "&".join(f"{key}=1" for key in keys)
            return f"GET /a?{query} HTTP/1.1\r\nHost: a\r\n\r\n".encode()

        self.compare(request(token(3) for _ in range(900)), request("key" for _ in range(900)))

    def test_hosts_that_no_route_names(self):
        def request(host):
            return f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()

        self.compare(request("a.example"), request(".".join("a" * 120) + ".example"))


if __name__ == "__main__":
    unittest.main()
