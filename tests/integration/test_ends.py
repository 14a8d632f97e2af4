"""Every end_reason is told of in docs/end_reasons.md and reached by a test; here those that no conversation reaches."""
import re
import signal
import socket
import struct
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import access_log  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy  # noqa: E402

ROOT = Path(__file__).parents[2]
NEVER = {"bad_chunk"}  # a guard: the decoder has no such state
CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0", timeouts: {{ write_stall: 300ms, body_stall: 10s }} }}
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
upstreams:
  app:
    endpoints: [ "127.0.0.1:{port}" ]
    timeouts: {{ send: 300ms, response: 60s, stall: 60s }}
routes:
  - match: {{ path: / }}
    forward: app
"""


def words_of_the_sources():
    """What the kernel passes as the cause of an end, found by how it is written."""
    words = {"complete"}
    for name in ("head", "chunked", "framing", "target"):
        words |= set(
            re.findall(r'"([a-z]+(?:_[a-z0-9]+)+)"', (ROOT / f"kernel/http/{name}.cpp").read_text())
        )
    for layer in ("stream", "upstream", "runtime"):
        for file in (ROOT / "kernel" / layer).glob("*.cpp"):
            text = file.read_text()
            for pattern in (
                r'\{PK_END_\w+,\s*"(\w+)"',
                r'\{(?:reset|close)_cause_, "(\w+)"',
                r'\{\d{3}, "(\w+)"\}',
                r'kill_all\("(\w+)"\)',
            ):
                words |= set(re.findall(pattern, text))
    return words


class Documented(unittest.TestCase):
    def setUp(self):
        page = (ROOT / "docs/end_reasons.md").read_text()
        self.rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (\S+) \|$", page, re.M))

    def test_every_word_has_its_row_and_every_row_its_word(self):
        self.assertEqual(words_of_the_sources() - NEVER, set(self.rows))

    def test_every_row_names_a_test_that_asks_for_the_word(self):
        for word, test in self.rows.items():
            with self.subTest(word):
                self.assertRegex(
                    (Path(__file__).parent / test).read_text(), rf'end_reason"?[:=] ?"{word}"'
                )


class Reached(unittest.TestCase):
    def setUp(self):
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)
        self.proxy = Proxy(CONFIG.format(port=self.origin.port))
        self.addCleanup(self.proxy.cleanup)

    def connect(self, data, receive_buffer=0):
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.settimeout(20 * SLOW)
        sock.connect(("127.0.0.1", self.proxy.port()))
        sock.sendall(data)
        self.addCleanup(sock.close)
        return sock

    def logged(self, **members):
        """Such a line is in the log within 5 s."""
        log, deadline = self.proxy.dir / "access.log", time.monotonic() + 5 * SLOW
        while time.monotonic() < deadline:
            lines = log.read_bytes().split(b"\n")[:-1] if log.exists() else []
            if any(access_log.fits(line, members) for line in lines):
                return
            time.sleep(0.01)
        self.fail(f"no line {members} in {lines}")

    def test_write_stall(self):
        self.connect(b"GET /endless-body HTTP/1.1\r\nHost: a\r\n\r\n", receive_buffer=4096)
        self.logged(status=200, end_reason="write_stall")
        self.proxy.finish()

    def test_upstream_send_timeout(self):
        sock = self.connect(
            b"POST /no-read HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n"
        )
        sock.settimeout(0.5)
        try:
            while sock.send(b"a" * 65536):
                pass
        except OSError:
            pass
        self.logged(status=504, end_reason="upstream_send_timeout")
        sock.close()
        self.proxy.finish()

    def test_loop_detected(self):
        self.connect(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").recv(1000)
        name = self.origin.heads[-1].get("via").split()[1]
        self.connect(
            b"GET /ok HTTP/1.1\r\nHost: a\r\nVia: 1.1 %s, 1.1 %s\r\n\r\n" % (name, name)
        ).recv(1000)
        self.logged(status=508, end_reason="loop_detected")
        self.proxy.finish()

    def hang(self):
        """A request under way that will not end."""
        sock = self.connect(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        while not self.origin.heads:
            time.sleep(0.001)
        return sock

    def test_shutdown(self):
        self.hang()
        self.proxy.signal(signal.SIGTERM)
        self.proxy.wait_log("draining", 5 * SLOW)
        self.proxy.signal(signal.SIGTERM)
        self.assertEqual(self.proxy.wait_exit(5), 0)
        self.logged(end_reason="shutdown")

    def test_a_body_until_the_end_that_a_shutdown_cuts_ends_in_a_reset(self):
        """A FIN would tell a client of HTTP/1.0 that it has the whole of it (F27, F07)."""
        sock = self.connect(b"GET /stall-body?chunked HTTP/1.0\r\nHost: a\r\n\r\n")
        got = b""
        while not got.endswith(b"0123456789"):
            got += sock.recv(1000)
        self.proxy.signal(signal.SIGTERM)
        self.proxy.wait_log("draining", 5 * SLOW)
        self.proxy.signal(signal.SIGTERM)
        self.assertRaises(ConnectionResetError, sock.recv, 1000)
        self.assertEqual(self.proxy.wait_exit(5), 0)

    def test_drain_timeout(self):
        """The one wait of 30 s: the limit of F27 is fixed."""
        sock = self.hang()
        start = time.monotonic()
        self.proxy.signal(signal.SIGTERM)
        self.assertEqual(self.proxy.wait_exit(40), 0)
        self.assertGreater(time.monotonic() - start, 25)
        self.logged(end_reason="drain_timeout")
        with self.assertRaises(OSError):
            if sock.recv(1000) == b"":
                raise ConnectionResetError


if __name__ == "__main__":
    unittest.main()
