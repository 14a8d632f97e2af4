"""Slow peers in numbers: 300 slow uploads, and what slowhttptest does (S29)."""
import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import SLOW, Origin, Proxy  # noqa: E402
from rig.stage import with_test_plugins  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0", timeouts: {{ head: {head}, body_stall: {stall}, write_stall: {stall} }} }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ], pool: {{ idle_per_endpoint: 1 }} }}
routes:
  - match: {{ path: /here }}
    handler: {{ respond: {{ status: 200, body: "here" }} }}
  - match: {{ path: /whole }}
    filters: [ probe: a ]
    forward: app
  - match: {{ path: / }}
    forward: app
"""
UPLOADS = 300


class Slow(unittest.TestCase):
    def start(self, head="1s", stall="1s"):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)
        folder = Path(tempfile.mkdtemp(prefix="pkrig-plugins-"))
        self.addCleanup(shutil.rmtree, folder, True)
        config = CONFIG.format(port=self.origin.port, head=head, stall=stall)
        self.proxy = Proxy(config, args=with_test_plugins(config, folder))
        self.addCleanup(self.proxy.stop)

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.proxy.port()), 10 * SLOW)
        self.addCleanup(sock.close)
        return sock

    def ask(self, sock, path="/ok"):
        """(status, seconds)"""
        start = time.monotonic()
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        data = sock.recv(65536)
        return int(data.split()[1]) if data else None, time.monotonic() - start


class Uploads(Slow):
    """300 uploads that send their head and then next to nothing."""

    def upload(self, path, fields):
        sock = self.connect()
        sock.sendall(
            f"POST {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: 100000\r\n\r\nab".encode()
        )
        return sock

    def hold(self, path, fields, most):
        """What they hold of the origin, that others are served meanwhile, and that all of it ends."""
        uploads = [self.upload(path, fields) for _ in range(UPLOADS)]
        good, worst = self.connect(), 0
        for _ in range(30):
            status, took = self.ask(good)
            self.assertEqual(status, 200)
            worst = max(worst, took)
            self.assertLessEqual(self.origin.open, most)
        self.assertLess(worst, 0.25 * SLOW)
        for sock in uploads:
            self.assertEqual(sock.recv(1000)[:12], b"HTTP/1.1 408")
        deadline = time.monotonic() + 5 * SLOW
        while self.origin.open > 1:
            self.assertLess(time.monotonic(), deadline, f"{self.origin.open} still open")
            time.sleep(0.005)

    def test_they_are_cut_off_and_nobody_else_feels_them(self):
        """A body is streamed, so each holds one connection of the origin until its stall, not longer."""
        self.start()
        self.hold("/ok", "", UPLOADS + 1)

    def test_on_a_route_that_collects_they_spend_no_connection_of_the_origin(self):
        """One is the good client's own."""
        self.start()
        self.hold("/whole/ok", "X-A: request=collect:200000\r\n", 1)


@unittest.skipUnless(shutil.which("slowhttptest"), "needs slowhttptest")
class SlowHttpTest(Slow):
    """Each of its modes: a good client is served all the while, and every slow one is gone at its budget."""

    def attack(self, *words, path="/ok", seconds=4):
        url = f"http://127.0.0.1:{self.proxy.port()}{path}"
        attack = subprocess.Popen(
            ["slowhttptest", *words, "-c", "300", "-r", "300", "-l", str(seconds), "-u", url],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.addCleanup(attack.wait)
        self.addCleanup(attack.stdout.close)
        self.addCleanup(attack.kill)
        good, answers = self.connect(), []
        while attack.poll() is None:
            answers.append(self.ask(good))
            select.select([], [], [], 0.02)
        out = attack.stdout.read().decode()
        self.assertGreater(len(answers), 20, out)
        self.assertEqual({status for status, _ in answers}, {200})
        slowest = sorted(took for _, took in answers)[len(answers) * 99 // 100]
        self.assertLess(slowest, 0.25 * SLOW)
        return out

    def gone(self):
        """The proxy's descriptors are back where they were before."""
        deadline = time.monotonic() + 5 * SLOW
        while self.proxy.fd_count() > self.before + 4:
            self.assertLess(time.monotonic(), deadline, f"{self.proxy.fd_count()} descriptors")
            time.sleep(0.02)

    def setUp(self):
        self.start()
        self.ask(self.connect())
        self.before = self.proxy.fd_count()

    def test_slow_heads(self):
        out = self.attack("-H", "-i", "1", "-x", "8")
        self.assertRegex(out, r"closed:\s+\S*[1-9]\d*")
        self.gone()

    def test_slow_bodies(self):
        out = self.attack("-B", "-i", "1", "-x", "8", "-s", "8192")
        self.assertRegex(out, r"closed:\s+\S*[1-9]\d*")
        self.gone()

    def test_overlapping_ranges(self):
        self.attack("-R", "-a", "10", "-b", "3000", path="/ok?size=100000")
        self.gone()

    def test_slow_readers(self):
        self.attack("-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", path="/ok?size=500000")
        self.gone()


if __name__ == "__main__":
    unittest.main()
