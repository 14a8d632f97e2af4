"""F29: signals that mean nothing, a process that was stopped for long, a clock that jumps; F45, F41: origins that come late."""
import os
import signal
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import SLOW, Full, Origin, Proxy, Refusing  # noqa: E402
from rig.sanitized import skips  # noqa: E402
from rig.waiting import soon  # noqa: E402

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
# Within it a test opens hundreds of connections, also in a slow build.
LIMIT_MS = int(3000 * max(1, SLOW / 2))
CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0", timeouts: {{ head: {limit}ms, client_idle: 10s, body_stall: {limit}ms }} }}
upstreams:
  app:
    endpoints: [ "{address}" ]
    timeouts: {{ connect: 800ms, response: {limit}ms, stall: {limit}ms }}
routes:
  - match: {{ path: /here }}
    handler: {{ respond: {{ status: 200, body: "here" }} }}
  - match: {{ path: / }}
    forward: app
"""


class Running(unittest.TestCase):
    def start(self, address, **how):
        self.proxy = Proxy(CONFIG.format(address=address, limit=LIMIT_MS), **how)
        self.addCleanup(self.proxy.stop)

    def connect(self, data=b""):
        sock = socket.create_connection(("127.0.0.1", self.proxy.port()), 10 * SLOW)
        self.addCleanup(sock.close)
        sock.sendall(data)
        return sock

    @staticmethod
    def status(sock):
        data = sock.recv(65536)
        return int(data.split()[1]) if data else None

    def get(self, path):
        return self.status(self.connect(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()))


class Signals(Running):
    def setUp(self):
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)
        self.start(f"127.0.0.1:{self.origin.port}")

    def test_storms_of_sigchld_and_sigpipe_change_nothing(self):
        """F29"""
        engine, sock = self.proxy.engine_pid(), self.connect()
        for _ in range(500):
            for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG, signal.SIGWINCH):
                os.kill(self.proxy.pid, number)
                os.kill(engine, number)
            sock.sendall(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(self.status(sock), 200)
        self.assertEqual(self.proxy.engine_pid(), engine)

    def test_what_came_while_it_was_stopped_is_served_not_timed_out(self):
        """F29: more connections are ready than one turn of the loop takes, and every deadline has passed."""
        engine, before = self.proxy.engine_pid(), self.proxy.fd_count()
        heads = [self.connect(b"GET /here HTTP/1.1\r\n") for _ in range(400)]
        bodies = [
            self.connect(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
            for _ in range(100)
        ]
        late = b"GET /slow-answer?ms=1000 HTTP/1.1\r\nHost: a\r\n\r\n"
        asked = [self.connect(late) for _ in range(50)]
        self.until(lambda: self.origin.open >= 150, "the origin has not got them")
        self.until(lambda: self.proxy.fd_count() >= before + 700, "not all are accepted")
        os.kill(engine, signal.SIGSTOP)
        for sock in heads:
            sock.sendall(b"Host: a\r\n\r\n")
        for sock in bodies:
            sock.sendall(b"bc")
        # The time itself is what is tested: all deadlines lie in it.
        time.sleep(LIMIT_MS / 1000 + 0.2)
        os.kill(engine, signal.SIGCONT)
        self.assertEqual([self.status(sock) for sock in heads], [200] * 400)
        self.assertEqual([self.status(sock) for sock in bodies], [200] * 100)
        self.assertEqual([self.status(sock) for sock in asked], [200] * 50)

    def until(self, condition, what):
        self.assertTrue(soon(condition), what)


@unittest.skipIf(skips("test_clock.wall_clock"), "see sanitizers_skip.txt")
@unittest.skipUnless(FAKETIME, "needs libfaketime")
class WallClock(Running):
    def test_an_hour_back_or_forth_expires_nothing(self):
        """F29: the wall clock is set while requests wait; deadlines stand on the monotonic one."""
        origin = Origin().__enter__()
        self.addCleanup(origin.__exit__)
        self.start(f"127.0.0.1:{origin.port}", start=False)
        file = self.proxy.dir / "time"
        file.write_text("+0")
        self.proxy.env |= {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.proxy.start(20)
        kept = self.connect()
        for jump in ("-1h", "+1h"):
            kept.sendall(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(self.status(kept), 200)
            waiting = self.connect(b"GET /slow-answer?ms=300 HTTP/1.1\r\nHost: a\r\n\r\n")
            file.write_text(jump)
            self.assertEqual(self.status(waiting), 200)
            kept.sendall(b"GET /date HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(self.status(kept), 404)


class Late(Running):
    def test_an_origin_that_is_not_there_yet_is_served_when_it_comes(self):
        """F45: it starts without it, and needs no restart."""
        dead = Refusing()
        self.start(f"127.0.0.1:{dead.port}")
        self.assertEqual(self.get("/ok"), 502)
        dead.close()
        with Origin(dead.port):
            self.until_served()

    def test_a_unix_socket_that_is_not_there_yet(self):
        """F45"""
        self.start("unix:$TMP/app.sock")
        path = self.proxy.dir / "app.sock"
        self.assertEqual(self.get("/ok"), 502)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            path.chmod(0o777)
            listener.listen()
            client = self.connect(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
            listener.settimeout(5 * SLOW)
            with listener.accept()[0] as one:
                one.recv(1000)
                one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                self.assertEqual(self.status(client), 200)

    def test_a_name_of_two_families_of_which_one_listens(self):
        """F41: `localhost` is ::1 and 127.0.0.1; an application often listens on one of them."""
        for host in ("127.0.0.1", "::1"):
            with self.subTest(host), socket.create_server(
                (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
            ) as listener:
                listener.settimeout(5 * SLOW)
                self.start(f"localhost:{listener.getsockname()[1]}")
                begin = time.monotonic()
                client = self.connect(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                with listener.accept()[0] as one:
                    self.assertLess(time.monotonic() - begin, 0.25 * SLOW)
                    one.recv(1000)
                    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    self.assertEqual(self.status(client), 200)

    def test_a_family_that_leads_nowhere_costs_250_ms_once(self):
        """F41: 127.0.0.1, which is tried first, neither answers nor refuses; ::1 has the origin."""
        hole = Full()
        self.addCleanup(hole.close)
        with socket.create_server(("::1", hole.port), family=socket.AF_INET6) as listener:
            listener.settimeout(5 * SLOW)
            self.start(f"localhost:{hole.port}")
            took = []
            for _ in range(4):
                begin = time.monotonic()
                client = self.connect(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                with listener.accept()[0] as one:
                    took.append(time.monotonic() - begin)
                    one.recv(1000)
                    one.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                    self.assertEqual(self.status(client), 204)
            self.assertGreater(took[0], 0.2)
            self.assertLess(took[0], 0.25 + 0.5 * SLOW)
            # The machine may hold up one of them, but not each just as long as the wrong family would.
            self.assertLess(sorted(took[1:])[1], 0.2)

    def test_when_no_family_answers_the_timeout_is_one(self):
        """F41: the connect timeout is for all addresses together."""
        hole = Full()
        self.addCleanup(hole.close)
        with socket.socket(socket.AF_INET6) as other:
            other.bind(("::1", hole.port))
            other.listen(0)
            waiting = [socket.socket(socket.AF_INET6) for _ in range(8)]
            for one in waiting:
                self.addCleanup(one.close)
                one.setblocking(False)
                one.connect_ex(("::1", hole.port))
            self.start(f"localhost:{hole.port}")
            begin = time.monotonic()
            self.assertEqual(self.get("/ok"), 504)
            self.assertTrue(0.7 < time.monotonic() - begin < 0.8 + 0.5 * SLOW)

    def until_served(self):
        served = soon(lambda: self.get("/ok") == 200, within=1)
        self.assertTrue(served, "not served within a second")


if __name__ == "__main__":
    unittest.main()
