"""Descriptors and memory under many clients: F16, F21, S29's idle connections, and what a connection costs."""
import json
import resource
import shutil
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import SLOW, Origin, Proxy, cpu_seconds, pipe_fds  # noqa: E402
from rig.sanitized import skips  # noqa: E402
from rig.waiting import soon  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0", timeouts: {{ head: 30s, client_idle: 60s }} }}
upstreams:
  app:
    endpoints: [ "127.0.0.1:{port}" ]
routes:
  - match: {{ path: /here }}
    handler: {{ respond: {{ status: 200, body: "here" }} }}
  - match: {{ path: / }}
    forward: app
"""


class Many(unittest.TestCase):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)

    def start(self, **how):
        self.proxy = Proxy(CONFIG.format(port=self.origin.port), **how)
        self.addCleanup(self.proxy.stop)

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.proxy.port()), 10 * SLOW)
        self.addCleanup(sock.close)
        return sock

    def ask(self, sock, path="/here"):
        """The status on this connection, or None when it ended without one."""
        try:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            data = b""
            while b"\r\n\r\n" not in data:
                more = sock.recv(65536)
                if not more:
                    return None
                data += more
        except (ConnectionResetError, BrokenPipeError):
            return None
        return int(data.split()[1])

    def until(self, condition, what, seconds=5):
        self.assertTrue(soon(condition, seconds), what)


class Limit(Many):
    def test_the_limit_of_a_listener_is_that_of_all_workers(self):
        config = CONFIG.format(port=self.origin.port).replace(
            "timeouts:", "limits: { connections: 5 }, timeouts:", 1
        )
        self.proxy = Proxy(config, workers=2)
        self.addCleanup(self.proxy.stop)
        socks = [self.connect() for _ in range(5)]
        self.assertEqual([self.ask(sock) for sock in socks], [200] * 5)
        self.assertEqual([self.ask(self.connect()) for _ in range(5)], [None] * 5)
        socks.pop().close()
        self.until(lambda: self.ask(self.connect()) == 200, "no room after one has left")


class Aborts(Many):
    """F16: clients leave at every stage, a thousand times; all is as before."""

    def test_a_thousand(self):
        self.start()
        self.ask(self.connect(), "/ok")
        base, pipes = self.but_for_pipes(), pipe_fds(self.proxy.pid)
        self.round(200)
        memory = self.proxy.rss_bytes()
        self.round(1000)
        self.until(lambda: self.but_for_pipes() <= base, f"more descriptors than {base}")
        # A body that was cut leaves its pipe to the next one, if it is empty: at most 64 a worker are kept.
        self.assertLessEqual(pipe_fds(self.proxy.pid), pipes + 2 * 64)
        self.until(lambda: self.origin.open <= 1, "the origin still has connections")
        if not skips("test_descriptors.memory"):
            self.assertLess(self.proxy.rss_bytes() - memory, 2 << 20)
        self.assertEqual(self.ask(self.connect(), "/ok"), 200)

    def but_for_pipes(self):
        return self.proxy.fd_count() - pipe_fds(self.proxy.pid)

    def round(self, count):
        stages = (
            b"",
            b"GET / HT",
            b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /endless-body HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /endless-body?length HTTP/1.1\r\nHost: a\r\n\r\n",
            b"POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc",
            b"POST /ok HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
            b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\nGET /hang HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        reset = b"\1\0\0\0\0\0\0\0"
        for i in range(count):
            sock = socket.create_connection(("127.0.0.1", self.proxy.port()), 5 * SLOW)
            sock.sendall(stages[i % len(stages)])
            if i % 4 == 0 and i % len(stages) in (3, 4, 7):
                sock.recv(100)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            sock.close()


class FewDescriptors(Many):
    """F21: `ulimit -n 64` and 200 clients."""

    def test_64_descriptors_and_200_clients(self):
        self.start(nofile=64)
        first = [self.connect() for _ in range(5)]
        self.assertEqual([self.ask(sock) for sock in first], [200] * 5)
        crowd = [self.connect() for _ in range(200)]
        for sock in crowd:
            self.ask(sock)
        spent = cpu_seconds(self.proxy.pid)
        start = time.monotonic()
        self.assertEqual(
            [self.ask(sock, "/ok") for sock in first], [200] * 5, "who was there is served on"
        )
        time.sleep(max(0, start + 1 - time.monotonic()))
        self.assertLess(cpu_seconds(self.proxy.pid) - spent, 0.1 * SLOW, "it spins")
        for sock in crowd:
            sock.close()
        self.until(
            lambda: self.ask(self.connect()) == 200,
            "no new client is served when the others have left",
        )
        told = [
            line
            for line in self.proxy.lines
            if "too many connections" in line or "out of descriptors" in line
        ]
        self.assertTrue(1 <= len(told) <= 5, self.proxy.log)

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_an_accept_that_fails_pauses_and_resumes(self):
        """The budget keeps EMFILE away, so it is injected: every accept but the first few fails for a while."""
        fault = "accept4:error=EMFILE:when=2..6"
        # The leak checker cannot work on a process that is being traced.
        self.start(
            prefix=[
                "env",
                "ASAN_OPTIONS=detect_leaks=0",
                "strace",
                "-D",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "trace=accept4",
                "-e",
                f"inject={fault}",
            ]
        )
        first = self.connect()
        self.until(lambda: self.ask(self.connect()) == 200, "accepting has not resumed", 10)
        self.assertEqual(self.ask(first), 200)
        self.proxy.wait_log("out of descriptors", 5 * SLOW)

    def test_a_limit_that_nobody_chose_is_warned_of(self):
        """What a soft limit in front of it says does not matter: it is raised."""
        self.start(nofile=1024)
        self.proxy.wait_log(r"warn .*serves \d+ connections at most: RLIMIT_NOFILE \(1024\)")
        self.start(nofile=4096)
        self.assertNotIn("LimitNOFILE", self.proxy.log)

    def test_too_few_descriptors_to_serve_anybody_is_refused_at_the_start(self):
        proxy = Proxy(CONFIG.format(port=self.origin.port), nofile=20, start=False)
        self.addCleanup(proxy.cleanup)
        with self.assertRaisesRegex(AssertionError, r"(?s)exit code 4.*RLIMIT_NOFILE"):
            proxy.start(5 * SLOW)


@unittest.skipIf(skips("test_descriptors.none_left"), "see sanitizers_skip.txt")
class NoneLeft(Many):
    """None left between accepting and connecting: our own lack, which says nothing of the origin."""

    CONFIG = CONFIG.replace(
        "endpoints:", "health: [ health_passive: {{ failures: 1 }} ]\n    endpoints:"
    ).replace("routes:", "logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]\nroutes:")

    def test_no_endpoint_is_blamed(self):
        self.proxy = Proxy(self.CONFIG.format(port=self.origin.port))
        self.addCleanup(self.proxy.cleanup)
        sock = self.connect()
        self.assertEqual(self.ask(sock), 200)
        engine = self.proxy.engine_pid()
        before = resource.prlimit(engine, resource.RLIMIT_NOFILE)
        resource.prlimit(engine, resource.RLIMIT_NOFILE, (3, before[1]))
        self.assertEqual(self.ask(sock, "/ok"), 503)
        resource.prlimit(engine, resource.RLIMIT_NOFILE, before)
        self.assertEqual(self.ask(self.connect(), "/ok"), 200)
        self.proxy.finish()
        self.assertNotIn("health_passive says", self.proxy.log)
        self.assertRegex(self.proxy.log, "endpoint 127.0.0.1:.*: no_resources")
        lines = (self.proxy.dir / "access.log").read_text().splitlines()
        ends = [json.loads(line)["end_reason"] for line in lines]
        self.assertEqual(
            ends, ["complete", "no_resources", "complete"]
        )  # {"end_reason": "no_resources"}


@unittest.skipIf(skips("test_descriptors.idle"), "see sanitizers_skip.txt")
class Memory(Many):
    def test_an_idle_connection_costs_little(self):
        """J: 1 KiB, S29: 8 KiB at most."""
        self.start()
        self.ask(self.connect(), "/ok")
        warm = [self.connect() for _ in range(50)]
        for sock in warm:
            self.ask(sock)
        base, socks = self.proxy.rss_bytes(), [self.connect() for _ in range(2000)]
        for sock in socks:
            self.assertEqual(self.ask(sock), 200)
        self.assertLess((self.proxy.rss_bytes() - base) / len(socks), 8 << 10)

    def test_a_slow_head_costs_no_more_than_its_buffer(self):
        """S29: 32 KiB a slow connection at most."""
        self.start()
        self.ask(self.connect())
        base, socks = self.proxy.rss_bytes(), [self.connect() for _ in range(1000)]
        for sock in socks:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        good = self.connect()
        self.assertEqual(self.ask(good), 200)
        self.assertLess((self.proxy.rss_bytes() - base) / len(socks), 32 << 10)


if __name__ == "__main__":
    unittest.main()
