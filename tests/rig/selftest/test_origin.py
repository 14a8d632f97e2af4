"""The faulty origin, seen by a bare socket: each URL does what its manual says, and is counted."""
import socket
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from rig import http1  # noqa: E402
from rig.origin import Origin  # noqa: E402
from rig.origin_faults import FAULTS  # noqa: E402


def ask(sock, path, method="GET", body=b""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{length}\r\n".encode() + body)


def everything(sock):
    """(bytes, 'fin' or 'rst')"""
    data = b""
    while True:
        try:
            more = sock.recv(65536)
        except ConnectionResetError:
            return data, "rst"
        if not more:
            return data, "fin"
        data += more


class Faults(unittest.TestCase):
    def setUp(self):
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.origin.port), 5)
        self.addCleanup(sock.close)
        return sock

    def test_ends(self):
        for path, end, tail in (
            ("/rst-hdr", "rst", b"Content-Le"),
            ("/rst-body", "rst", b"0123456789"),
            ("/rst-before", "rst", b""),
            ("/close-before", "fin", b""),
            ("/fin-cl", "fin", b"0123456789"),
            ("/fin-chunk", "fin", b"0123456789\r\n"),
            ("/garbage", "fin", b"all\r\n\r\n"),
            ("/early-rst", "rst", b"too big"),
            ("/417", "fin", b"no"),
            ("/cl-long", "fin", b"ok"),
            ("/stale-now", "fin", b"ok"),
        ):
            with self.subTest(path):
                sock = self.connect()
                ask(sock, path)
                data, how = everything(sock)
                self.assertEqual(how, end)
                self.assertTrue(data.endswith(tail) if tail else not data, data)
                self.assertEqual(self.origin.counts[path], 1)

    def test_a_stale_connection_answers_once(self):
        sock = self.connect()
        ask(sock, "/stale")
        self.assertTrue(sock.recv(1000).endswith(b"ok"))
        ask(sock, "/stale")
        self.assertEqual(everything(sock), (b"", "rst"))

    def test_executions_are_counted_by_url(self):
        sock = self.connect()
        for path in ("/ok?a", "/ok?a", "/ok?b", "/count?/ok?a"):
            ask(sock, path)
            data = bytearray()
            while not http1.read_response(data):
                data += sock.recv(1000)
        self.assertTrue(data.endswith(b"2"), data)
        self.assertIn(b"GET /ok?b", self.origin.connections[0].raw)

    def test_echo_and_100(self):
        sock = self.connect()
        ask(sock, "/echo", "POST", b"hello")
        self.assertTrue(sock.recv(1000).endswith(b"hello"))
        ask(sock, "/100", "POST", b"hello")
        data = b""
        while not data.endswith(b"\r\n\r\n5"):
            data += sock.recv(1000)
        self.assertTrue(data.startswith(b"HTTP/1.1 100 "))

    def test_sizes(self):
        for query in ("size=100000", "size=100000&chunked=1", "size=0"):
            sock = self.connect()
            ask(sock, "/ok?" + query)
            data = bytearray()
            while not http1.read_response(data):
                data += sock.recv(65536)
            size = int(query.split("=")[1].split("&")[0])
            self.assertEqual(len(http1.read_response(data)[0].body), size)

    def test_every_fault_has_its_manual(self):
        self.assertGreater(len(FAULTS), 35)
        self.assertEqual([path for path, fault in FAULTS.items() if not fault.__doc__], [])


if __name__ == "__main__":
    unittest.main()
