"""Faulty origins: what the client gets, and how often the origin executed it."""
import os
import signal
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import http1, loss_client, procs  # noqa: E402
from rig.pkrig import SLOW, Full, Origin, Proxy, Refusing  # noqa: E402
from rig.sanitized import skips  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app:
    balancer: round_robin
    endpoints: [ {endpoints} ]
    timeouts: {{ connect: 500ms, response: 400ms, stall: 400ms }}
routes:
  - match: {{ path: / }}
    forward: app
"""


def config(*ports):
    return CONFIG.format(endpoints=", ".join(f'"127.0.0.1:{port}"' for port in ports))


def exchange(port, method, path, body=b"", timeout=10):
    """(the final response or None, how the connection ended: 'open', 'fin', 'rst')"""
    with socket.create_connection(("127.0.0.1", port), timeout * SLOW) as sock:
        head = f"{method} {path} HTTP/1.1\r\nHost: a\r\n" + (
            f"Content-Length: {len(body)}\r\n" if body else ""
        )
        sock.sendall(head.encode() + b"\r\n" + body)
        data, end = bytearray(), "open"
        while True:
            reply = http1.read_response(data, method, ended=end != "open")
            if reply and reply[0].status < 200:
                del data[: reply[1]]
            elif reply:
                return reply[0], end
            elif end != "open":
                return None, end
            else:
                try:
                    more = sock.recv(65536)
                except ConnectionResetError:
                    more, end = b"", "rst"
                if not more and end == "open":
                    end = "fin"
                data += more


class Surplus(unittest.TestCase):
    """F15: what an origin says unasked on a kept connection is nobody's answer."""

    RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"

    def serve(self, origin, answer):
        while b"\r\n\r\n" not in origin.recv(4096):
            pass
        origin.sendall(self.RESPONSE + answer)

    def test_what_comes_in_the_turn_in_which_the_connection_is_used_again(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(10 * SLOW)
            with Proxy(config(listener.getsockname()[1])) as proxy:
                with socket.create_connection(("127.0.0.1", proxy.port()), 10 * SLOW) as client:
                    ask = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                    client.sendall(ask)
                    first, _ = listener.accept()
                    self.serve(first, b"good")
                    self.assertTrue(client.recv(4096).endswith(b"good"))
                    engine = proxy.engine_pid()
                    procs.stop(engine)  # It sees both at once when it goes on: the request first.
                    client.sendall(ask)
                    first.sendall(self.RESPONSE + b"evil")
                    os.kill(engine, signal.SIGCONT)
                    second, _ = listener.accept()
                    self.serve(second, b"good")
                    self.assertTrue(client.recv(4096).endswith(b"good"))
                    first.close()
                    second.close()


class OneOrigin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = Origin().__enter__()
        cls.addClassCleanup(cls.origin.__exit__)
        cls.proxy = Proxy(config(cls.origin.port))
        cls.addClassCleanup(cls.proxy.stop)

    def ask(self, method, path, body=b""):
        before = self.origin.counts[path]
        reply, end = exchange(self.proxy.port(), method, path, body)
        return reply, end, self.origin.counts[path] - before

    def test_faults_before_the_answer_are_502(self):
        """F04, F06, F10, F11, F14, F15"""
        for path in (
            "/close-before",
            "/rst-before",
            "/rst-hdr",
            "/fin-hdr",
            "/garbage",
            "/http09",
            "/icy",
            "/big-head",
            "/many-fields",
            "/1xx-flood",
            "/101-unasked",
            "/te-cl",
            "/dup-cl",
            "/endless-head",
        ):
            for method, body, most in (("GET", b"", 2), ("POST", b"abc", 1)):
                with self.subTest(f"{method} {path}"):
                    reply, end, times = self.ask(method, path, body)
                    self.assertIsNotNone(reply, f"closed with no answer ({end})")
                    self.assertEqual(reply.status, 502)
                    self.assertTrue(1 <= times <= most, f"executed {times} times")

    def test_timeouts_are_504(self):
        """F08"""
        for path in ("/hang", "/slow-head?ms=100"):
            with self.subTest(path):
                start = time.monotonic()
                reply, _, times = self.ask("POST", path, b"abc")
                self.assertEqual((reply.status, times), (504, 1))
                self.assertLess(time.monotonic() - start, 3 * SLOW)

    def test_a_cut_body_is_visible(self):
        """F07"""
        for path in ("/rst-body", "/fin-cl", "/fin-chunk", "/rst-chunk", "/cl-long", "/stall-body"):
            with self.subTest(path):
                reply, end, times = self.ask("GET", path)
                self.assertEqual((reply.status, reply.complete, times), (200, False, 1), end)

    def test_what_is_odd_but_legal_passes(self):
        """F13, F14"""
        for path, body in (
            ("/fin-none", b"0123456789"),
            ("/103", b"ok"),
            ("/102", b"ok"),
            ("/two-100", b"ok"),
            ("/stale-now", b"ok"),
            ("/ok?size=100000&chunked=1", (b"0123456789abcdef" * 6250)),
            ("/sse", b"data: 0\n\ndata: 1\n\ndata: 2\n\n"),
        ):
            with self.subTest(path):
                reply, _, times = self.ask("GET", path)
                self.assertEqual(
                    (reply.status, reply.complete, reply.body, times), (200, True, body, 1)
                )

    def test_surplus_never_reaches_the_next_client(self):
        """F15"""
        for _ in range(20):
            reply, _, _ = self.ask("GET", "/cl-short")
            self.assertIn(reply.status, (200, 502))
            self.assertIn(reply.body if reply.status == 200 else b"ok", (b"ok",))
            reply, _, _ = self.ask("GET", "/ok")
            self.assertEqual((reply.status, reply.body), (200, b"ok"))
        reply, _, _ = self.ask("GET", "/204-body")
        self.assertIn(reply.status, (204, 502))
        self.assertEqual(self.ask("GET", "/ok")[0].body, b"ok")

    def test_an_early_413_reaches_a_fast_and_large_upload(self):
        """F12"""
        for path in ("/early-413", "/early-rst"):
            for _ in range(10):
                with self.subTest(path):
                    status, body = self.upload(path, 4 << 20)
                    self.assertEqual((status, body), (413, b"too big"))

    def upload(self, path, size):
        """Sends with all its might until it is stopped, then reads what there is to read."""
        with socket.create_connection(("127.0.0.1", self.proxy.port()), 10 * SLOW) as sock:
            sock.sendall(
                f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode()
            )
            data = bytearray()
            try:
                sock.sendall(b"a" * size)
            except (BrokenPipeError, ConnectionResetError):
                pass
            while not http1.read_response(data):
                more = sock.recv(65536)
                self.assertTrue(more, f"closed after {bytes(data)!r}")
                data += more
            reply = http1.read_response(data)[0]
            return reply.status, reply.body

    def test_a_connection_that_dies_under_a_request_costs_nobody_anything(self):
        """F05: GETs are answered all the same, POSTs are never executed twice."""
        for path in ("/stale", "/stale?fin=1", "/stale-now"):
            plan = loss_client.Plan(port=self.proxy.port(), path=path, seconds=1, rate=300)
            with self.subTest(path):
                result = loss_client.run(plan)
                self.assertEqual(result["lost"], 0, result)

    def test_posts_are_never_executed_twice(self):
        """F05"""
        self.origin.counts.clear()
        plan = loss_client.Plan(
            port=self.proxy.port(), path="/stale?", seconds=1, rate=300, post_share=1, unique=True
        )
        result = loss_client.run(plan)
        answered = {k: v for k, v in result.items() if k in loss_client.KINDS and v}
        self.assertLessEqual(set(answered), {"ok", "wrong_status"}, result)
        self.assertEqual([key for key, n in self.origin.counts.items() if n > 1], [])

    def test_clients_that_leave_leave_nothing_behind(self):
        """F16: descriptors and connections return to where they were."""
        exchange(self.proxy.port(), "GET", "/ok")
        fds, memory = self.proxy.fd_count(), self.proxy.rss_bytes()
        for i in range(300):
            sock = socket.create_connection(("127.0.0.1", self.proxy.port()), 5)
            path = "/hang" if i % 2 else "/endless-body"
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            if i % 3 == 0 and not i % 2:
                sock.recv(100)
            sock.close()
        deadline = time.monotonic() + 5 * SLOW
        while self.proxy.fd_count() > fds + 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertLessEqual(self.proxy.fd_count(), fds + 8)
        while self.origin.open > 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertLessEqual(self.origin.open, 8)
        if not skips("test_faulty_origin.memory"):
            self.assertLess(self.proxy.rss_bytes() - memory, 32 << 20)


class SeveralOrigins(unittest.TestCase):
    def test_a_dead_endpoint_costs_nothing(self):
        """F01"""
        dead = Refusing()
        self.addCleanup(dead.close)
        with Origin() as one, Origin() as two, Proxy(
            config(one.port, dead.port, two.port)
        ) as proxy:
            result = loss_client.run(
                loss_client.Plan(port=proxy.port(), seconds=1, rate=500, post_share=0.5)
            )
            self.assertEqual(result["lost"], 0, result)
            self.assertGreater(min(one.counts["/ok"], two.counts["/ok"]), 50)

    def test_all_refuse_then_one_comes_back(self):
        """F02"""
        dead = Refusing()
        with Proxy(config(dead.port)) as proxy:
            start = time.monotonic()
            for method, body in (("GET", b""), ("POST", b"abc")):
                reply, _ = exchange(proxy.port(), method, "/ok", body)
                self.assertIn(reply.status, (502, 503))
                self.assertIn(b"connection_refused", reply.get("proxy-status") or b"")
            self.assertLess(time.monotonic() - start, 1 * SLOW)  # No timeout is waited for.
            port = dead.port
            dead.close()
            origin = Origin(port).__enter__()
            self.addCleanup(origin.__exit__)
            deadline = time.monotonic() + 5 * SLOW
            while exchange(proxy.port(), "GET", "/ok")[0].status != 200:
                self.assertLess(time.monotonic(), deadline, "not back in time")

    def test_a_connect_that_never_ends_is_504_or_goes_elsewhere(self):
        """F03 on loopback: a listener whose backlog is full answers no SYN."""
        full = Full()
        self.addCleanup(full.close)
        with Proxy(config(full.port)) as proxy:
            start = time.monotonic()
            reply, _ = exchange(proxy.port(), "POST", "/ok", b"abc")
            self.assertIn(reply.status, (502, 503, 504))
            self.assertTrue(0.4 < time.monotonic() - start < 2.5 * SLOW, time.monotonic() - start)
        with Origin() as origin, Proxy(config(full.port, origin.port)) as proxy:
            for _ in range(4):
                reply, _ = exchange(proxy.port(), "GET", "/ok")
                self.assertIn(reply.status, (200, 504))


if __name__ == "__main__":
    unittest.main()
