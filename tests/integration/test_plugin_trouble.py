"""F31-F33: a plugin that throws, answers nonsense, resets or emits the wrong amount costs one request, visibly, and no more;
one that takes the process with it is named, and the next engine serves."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import access_log, http1, sanitized  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy, build_dir  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
  - {{ name: streams, address: "127.0.0.1:0", codecs: [ http2 ] }}
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
routes:
  - match: {{ path: /handler }}
    handler: trouble
  - match: {{ path: / }}
    filters: [ trouble ]
    forward: app
"""


def plugin():
    """Of the build under test, or (PKRIG_PLUGINS) of another."""
    return Path(os.environ.get("PKRIG_PLUGINS") or build_dir() / "tests" / "plugins") / "trouble.so"


def plugins_for(tests):
    """A plugins folder that lasts as long as the class `tests`."""
    folder = Path(tempfile.mkdtemp(prefix="pkrig-plugins-"))
    tests.addClassCleanup(shutil.rmtree, folder, True)
    folder.chmod(0o755)
    for file in (
        plugin(),
        *(build_dir() / "plugins" / f"{name}.so" for name in ("access_log", "http2")),
    ):
        shutil.copy(file, folder)
    return folder


class Trouble(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = plugins_for(cls)
        cls.origin = Origin().__enter__()
        cls.addClassCleanup(cls.origin.__exit__)
        cls.proxy = Proxy(CONFIG.format(port=cls.origin.port), args=["--plugins-dir", str(folder)])
        cls.addClassCleanup(cls.proxy.cleanup)
        cls.expected = []

    @classmethod
    def tearDownClass(cls):
        cls.proxy.finish()
        missing = access_log.missing(cls.proxy.dir / "access.log", cls.expected)
        if missing:
            raise AssertionError("\n".join(missing))

    def setUp(self):
        self.sock = socket.create_connection(("127.0.0.1", self.proxy.port()), 10 * SLOW)
        self.addCleanup(self.sock.close)
        self.data = bytearray()

    def ask(self, what, path="/ok", body=b"", chunked=False):
        """The response, None where the connection ended without one."""
        length = (
            b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % len(body)
        )
        if chunked:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        self.sock.sendall(
            b"POST %s HTTP/1.1\r\nHost: a\r\nX-Trouble: %s\r\n%s\r\n%s"
            % (path.encode(), what.encode(), length, body)
        )
        ended = False
        while True:
            found = http1.read_response(self.data, ended=ended)
            if found:
                del self.data[: found[1]]
                return found[0]
            if ended:
                return None
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                more = b""
            ended = not more
            self.data += more

    def told(self, what, **members):
        """The access log will have such a line for the request; looked for at the end."""
        words = ", ".join(
            f'"{key}": ' + (str(value) if isinstance(value, int) else f'"{value}"')
            for key, value in members.items()
        )
        self.expected.append((what, "{" + words + "}"))

    def fails(self, what, *args, kept=True, **how):
        """500 that names no secret, in the log by name, and (kept) the connection serves on."""
        seen = len(self.proxy.lines)
        reply = self.ask(what, *args, **how)
        self.assertEqual((reply.status, reply.complete), (500, True))
        self.assertIn(b"plugin_error", reply.get("proxy-status") or b"")
        self.assertNotIn(b"asked for", reply.raw)
        self.proxy.wait_log(r"\berror\b.*trouble", 5 * SLOW, seen)
        self.told(what, status=500, end_reason="plugin_error")
        if kept:
            self.assertEqual(self.ask("none").body, b"ok")

    def test_a_throw_before_the_origin_is_asked(self):
        for what in ("request-throw", "request-throw-int", "request-throw-object"):
            with self.subTest(what):
                seen = len(self.origin.heads)
                self.fails(what)
                self.assertEqual(len(self.origin.heads), seen + 1)

    def test_verdicts_without_meaning(self):
        for what in ("request-verdict", "request-done"):
            with self.subTest(what):
                self.fails(what)

    def test_a_throw_at_the_body_or_its_end(self):
        for what in ("data-throw", "data-throw-object", "data-greedy", "end-throw"):
            for chunked in (False, True):
                with self.subTest(what, chunked=chunked):
                    self.setUp()
                    self.fails(what, body=b"abc", chunked=chunked, kept=False)

    def test_a_throw_at_the_answer(self):
        for what in ("response-throw", "response-throw-int", "response-throw-object"):
            with self.subTest(what):
                self.fails(what)

    def test_trouble_inside_the_answers_body_is_visible(self):
        for what in ("response-data-throw", "response-data-greedy", "response-end-throw"):
            for path in ("/ok?size=100000", "/ok?size=100000&chunked=1"):
                with self.subTest(what, path=path):
                    self.setUp()
                    reply = self.ask(what, path)
                    if reply is not None and reply.complete:
                        self.assertEqual(reply.status, 500)
                    self.told(what, end_reason="~plugin_(error|reset)")

    def test_a_throw_when_all_is_over_costs_nothing(self):
        for _ in range(3):
            self.assertEqual(self.ask("gone-throw").body, b"ok")

    def test_a_reset_is_a_connection_without_an_answer(self):
        for what, path in (
            ("request-reset", "/ok"),
            ("response-reset", "/ok"),
            ("handler-reset", "/handler"),
        ):
            with self.subTest(what):
                self.setUp()
                self.assertIsNone(self.ask(what, path))
                self.told(what, end_reason="plugin_reset")

    def test_a_filters_own_answer(self):
        reply = self.ask("request-reply")
        self.assertEqual((reply.status, reply.body), (403, b"refused by a filter"))
        self.told("request-reply", status=403, end_reason="reply")
        reply = self.ask("response-reply")
        self.assertEqual((reply.status, reply.body), (403, b"refused by a filter"))
        self.assertEqual(self.ask("none").body, b"ok")

    def test_a_collected_body_at_its_limit_and_over_it(self):
        for chunked in (False, True):
            self.setUp()
            self.assertEqual(
                self.ask("request-collect", "/echo", b"0123456789", chunked).body, b"0123456789"
            )
            self.assertEqual(
                self.ask("request-collect", "/echo", b"0123456789a", chunked).status, 413
            )
        self.told("request-collect", status=413, end_reason="collected_body_too_large")
        self.setUp()
        self.assertEqual(self.ask("response-collect", "/ok?size=10").body, b"0123456789")
        self.assertEqual(self.ask("response-collect", "/ok?size=11").status, 502)
        self.told("response-collect", status=502, end_reason="collected_body_too_large")
        self.assertEqual(self.ask("none").body, b"ok")

    def test_a_handler_that_throws_or_gives_no_answer(self):
        for what in ("handler-throw", "handler-throw-int", "handler-throw-object", "handler-done"):
            with self.subTest(what):
                self.fails(what, "/handler")

    def test_a_handler_that_emits_less_than_it_announced_is_cut(self):
        reply = self.ask("handler-short", "/handler")
        self.assertEqual((reply.status, reply.complete, reply.body), (200, False, b"0123456789"))
        self.told("handler-short", end_reason="plugin_error")

    def test_a_handler_that_emits_more_than_it_announced_is_cut(self):
        reply = self.ask("handler-long", "/handler")
        self.assertEqual((reply.status, reply.complete, reply.body), (200, False, b""))
        self.told("handler-long", end_reason="plugin_error")
        self.proxy.wait_log(r"\berror\b.*trouble.*more than the length that it gave")

    def test_so_is_one_over_http2(self):
        for what in ("handler-short", "handler-long"):
            with self.subTest(what):
                url = f"http://127.0.0.1:{self.proxy.port('streams')}/handler"
                got = subprocess.run(
                    ["curl", "-sS", "--http2-prior-knowledge", "-H", f"X-Trouble: {what}", url],
                    capture_output=True,
                )
                self.assertNotIn(b"EVIL", got.stdout)
                self.assertIn(b"INTERNAL_ERROR", got.stderr)
                self.told(what, protocol="HTTP/2.0", end_reason="plugin_error")

    def test_a_filter_that_emits_another_length_than_it_gave_reaches_no_next_request(self):
        for what in ("request-emit-more", "request-emit-less"):
            for body in (b"", b"0123456789"):
                with self.subTest(what, body=body):
                    self.setUp()
                    self.fails(what, "/echo", body, kept=False)
                    self.setUp()
                    self.assertEqual(self.ask("none", "/echo", b"whole").body, b"whole")
        self.setUp()
        self.assertEqual(self.ask("request-emit-just", "/echo", b"0123456789").body, b"ok")

    def test_a_call_that_is_refused_is_told_by_name_and_reason(self):
        for what, why in (
            ("request-status", "a reply's status is from 200 to 599"),
            ("request-field", "a reply's fields have a name or value that is none"),
            ("request-collect-much", "more than 1 MiB and limits.collect of the route"),
            ("request-collect-other", "outside of the hook for that body's head"),
        ):
            with self.subTest(what):
                seen = len(self.proxy.lines)
                self.fails(what)
                self.proxy.wait_log(
                    rf"\berror\b trouble on route .*{re.escape(why)}", 5 * SLOW, seen
                )

    def test_a_second_answer_is_refused(self):
        reply = self.ask("handler-twice", "/handler")
        if reply is not None and reply.complete:
            self.assertIn((reply.status, reply.body), ((200, b"first"), (500, reply.body)))
        self.assertEqual(self.data, b"")


class Deaths(unittest.TestCase):
    """F32: wherever a plugin's code was running when it died."""

    def test_a_plugin_that_aborts_is_named(self):
        self.dies("handler-abort", "handler-abort-in-job", "handler-abort-in-timer")

    def test_a_plugin_that_exits_is_named(self):
        self.dies("handler-abort-by-exit", "handler-abort-by-_exit")

    def test_a_plugin_without_end_is_named(self):
        if sanitized.skips("test_plugin_trouble.stack"):
            self.skipTest("the sanitizer reports it itself")
        self.dies("handler-abort-by-recursion")

    def test_a_plugin_that_aborts_on_the_control_thread_is_named(self):
        config = CONFIG.replace("logs: [", "logs: [ trouble,").format(port=1)
        proxy = Proxy(config, args=["--plugins-dir", str(plugins_for(type(self)))])
        self.addCleanup(proxy.cleanup)
        proxy.signal(signal.SIGUSR1)
        proxy.wait_log(r"engine \d+ .*; running: trouble on ", 5 * SLOW)

    def dies(self, *ways):
        with Origin() as origin:
            folder = plugins_for(type(self))
            proxy = Proxy(CONFIG.format(port=origin.port), args=["--plugins-dir", str(folder)])
            self.addCleanup(proxy.cleanup)
            for where in ways:
                with self.subTest(where):
                    seen = len(proxy.lines)
                    with socket.create_connection(("127.0.0.1", proxy.port()), 10 * SLOW) as sock:
                        sock.sendall(
                            b"GET /handler HTTP/1.1\r\nHost: a\r\nX-Trouble: %s\r\n\r\n"
                            % where.encode()
                        )
                        self.assertEqual(received(sock), b"")
                    line = proxy.wait_log(r"engine \d+ .*; running: ", 5 * SLOW, seen)
                    self.assertRegex(line, r"running: trouble on route ")
                    with socket.create_connection(("127.0.0.1", proxy.port()), 10 * SLOW) as sock:
                        sock.sendall(b"GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                        self.assertIn(b"HTTP/1.1 200", received(sock))


def received(sock):
    """All that comes until the other side ends, in order or by a reset."""
    data = b""
    try:
        while more := sock.recv(65536):
            data += more
    except ConnectionResetError:
        pass
    return data


if __name__ == "__main__":
    unittest.main()
