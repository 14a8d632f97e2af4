"""A warm request takes nothing from the heap: forwarded, balanced, logged, with a body or without."""
import os
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import Origin, Proxy  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app:
    balancer: round_robin
    endpoints: [ "127.0.0.1:{port}", "localhost:{port}" ]
routes:
  - match: {{ path: / }}
    filters: [ forwarded ]
    forward: app
logs: [ access_log: {{ path: $TMP/access.log }} ]
"""
GET = b"GET /ok?size=1000 HTTP/1.1\r\nHost: a\r\nUser-Agent: rig\r\nAccept: */*\r\n\r\n"
POST = b"POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000


class Allocations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory()
        cls.counter = Path(cls.dir.name) / "malloc_count.so"
        source = Path(__file__).parents[1] / "rig" / "malloc_count.c"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", cls.counter, source], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.dir.cleanup()

    def allocations(self, request, rounds):
        """Of the whole process, from its start to its end, while it answers `rounds` requests."""
        counted = Path(self.dir.name) / "count"
        counted.unlink(missing_ok=True)
        env = {"LD_PRELOAD": str(self.counter), "PKRIG_MALLOC_COUNT": str(counted)}
        with Origin() as origin:
            with Proxy(
                CONFIG.format(port=origin.port), args=["--single-process"], env=env
            ) as proxy:
                link = socket.create_connection(("127.0.0.1", proxy.port()), 5)
                for _ in range(rounds):
                    link.sendall(request)
                    self.answer(link)
                link.close()
        count, self.splices = map(int, counted.read_text().split())
        return count

    def answer(self, link):
        got = b""
        while b"\r\n\r\n" not in got:
            got += link.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        while len(body) < length:
            body += link.recv(65536)

    def per_request(self, request):
        few, many = 200, 1200
        more = self.allocations(request, many) - self.allocations(request, few)
        return more / (many - few)

    def test_a_get_takes_nothing_from_the_heap(self):
        self.assertLess(self.per_request(GET), 0.02)  # The log's ticks and lines are few, not none.

    def test_a_post_takes_nothing_from_the_heap(self):
        self.assertLess(self.per_request(POST), 0.02)

    def test_a_long_body_goes_by_splice_and_a_short_one_does_not(self):
        self.allocations(GET.replace(b"1000", b"4000000"), 2)
        self.assertGreater(self.splices, 20)
        self.allocations(GET, 2)
        self.assertEqual(self.splices, 0)

    def test_the_counter_counts(self):
        self.assertGreater(self.allocations(GET, 1), 100)


if __name__ == "__main__":
    os.environ.pop("LD_PRELOAD", None)
    unittest.main()
