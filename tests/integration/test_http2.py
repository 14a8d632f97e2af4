"""HTTP/2 of the real binary: curl, nghttp, h2load and Node as clients, frames by hand for S04 and S10 to S12."""
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import h2, procs, sanitized, waiting  # noqa: E402
from rig.certs import Authority  # noqa: E402
from rig.origin import TO_ORIGIN  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy  # noqa: E402

CONFIG = (
    """
listeners:
  - { name: both, address: "127.0.0.1:0", codecs: [ http2, http1 ] }
  - name: small
    address: "127.0.0.1:0"
    codecs: [ http2 ]
    limits: { streams: 4, streams_total: 6 }
  - name: hasty
    address: "127.0.0.1:0"
    codecs: [ http2 ]
    timeouts: { write_stall: 500ms, client_idle: 500ms, body_stall: 500ms }
"""
    + TO_ORIGIN
)
NODE_CLIENT = Path(__file__).parents[1] / "apps/http2_client.js"


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, timeout=60 * SLOW, **more)
    return done.stdout


class Http2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = cls.enterClassContext(Origin())
        cls.proxy = cls.enterClassContext(Proxy(CONFIG % cls.origin.port))

    def setUp(self):
        self.before = sum(self.origin.counts.values())

    def url(self, path, name="both"):
        return f"http://127.0.0.1:{self.proxy.port(name)}{path}"

    def client(self, name="both", **more):
        made = h2.Client(self.proxy.port(name), **more)
        self.addCleanup(made.close)
        return made

    def head_of(self, target):
        """What the origin got for it."""
        return next(h for h in reversed(self.origin.heads) if h.target == target)

    def logged(self, field, value):
        """The first line of the access log where it has that value, once that has been flushed."""
        deadline = time.monotonic() + 5 * SLOW
        while time.monotonic() < deadline:
            for line in (self.proxy.dir / "access.log").read_text().splitlines():
                if json.loads(line)[field] == value:
                    return json.loads(line)
            time.sleep(0.05)
        self.fail(f"no {field} {value} in the log")

    def logged_with(self, words):
        """How many requests have ended with one of them."""
        lines = (self.proxy.dir / "access.log").read_text().splitlines()
        return sum(json.loads(line)["end_reason"] in words for line in lines)

    def asked(self):
        """Requests that have reached the origin in this test."""
        return sum(self.origin.counts.values()) - self.before


class Clients(Http2):
    def test_curl(self):
        out = run(
            "curl",
            "-s",
            "--http2-prior-knowledge",
            "-w",
            " %{http_version} %{http_code}",
            self.url("/ok?size=5"),
        )
        self.assertRegex(out.decode(), r"^.{5} 2 200$")
        out = run("curl", "-s", "-w", " %{http_version}", self.url("/ok?size=5"))
        self.assertTrue(out.endswith(b" 1.1"), out)

    def test_a_body_up_and_back_through_curl(self):
        body = bytes(i * 7 % 251 for i in range(1 << 20)) * 5
        back = run(
            "curl",
            "-s",
            "--http2-prior-knowledge",
            "--data-binary",
            "@-",
            self.url("/echo"),
            input=body,
        )
        self.assertEqual(hashlib.sha256(back).digest(), hashlib.sha256(body).digest())

    def test_expect_continue(self):
        out = run(
            "curl",
            "-s",
            "--http2-prior-knowledge",
            "-H",
            "Expect: 100-continue",
            "-d",
            "abc",
            self.url("/echo"),
        )
        self.assertEqual(out, b"abc")

    @unittest.skipUnless(shutil.which("nghttp"), "no nghttp")
    def test_nghttp_and_h2load(self):
        out = run(
            "nghttp", "-s", "-n", self.url("/ok?size=100000"), self.url("/ok?size=3&chunked=1")
        ).decode()
        self.assertEqual(out.count(" 200 "), 2, out)
        out = run("h2load", "-n", "2000", "-c", "4", "-m", "32", self.url("/ok?size=1000")).decode()
        self.assertIn("2000 succeeded, 0 failed, 0 errored", out)
        self.assertIn("2000 2xx", out)

    def test_node(self):
        out = run("node", NODE_CLIENT, self.url(""), self.url("/ok?size=70000"), self.url("/echo"))
        self.assertEqual(
            json.loads(out),
            {"get": [200, 70000], "post": [200, 300000, True], "cancelled": True, "after": 200},
            out,
        )

    def test_via_and_the_log_name_the_version(self):
        run("curl", "-s", "--http2-prior-knowledge", self.url("/ok?version"))
        (via,) = self.head_of("/ok?version").all("via")
        self.assertRegex(via, b"^2\\.0 ")
        self.assertEqual(self.logged("target", "/ok?version")["protocol"], "HTTP/2.0")


class OverTls(unittest.TestCase):
    def test_alpn_chooses_and_bodies_come_back_whole(self):
        folder = Path(tempfile.mkdtemp(prefix="pkrig-h2-"))
        self.addCleanup(shutil.rmtree, folder)
        ca = Authority(folder, "root")
        ca.issue("app", "DNS:localhost")
        config = f"""
listeners:
  - address: "127.0.0.1:0"
    transport: {{ tls: [ {{ cert: {folder}/app.pem, key: {folder}/app.key }} ] }}
    codecs: [ http2, http1 ]
upstreams: {{ origin: {{ endpoints: [ "127.0.0.1:%d" ] }} }}
routes: [ {{ match: {{ path: / }}, forward: origin }} ]
"""
        body = bytes(i * 7 % 251 for i in range(1 << 20)) * 3
        with Origin() as origin, Proxy(config % origin.port) as proxy:
            url = f"https://localhost:{proxy.port()}"
            for flag, version in (("--http2", b"2"), ("--http1.1", b"1.1")):
                words = ["curl", "-s", flag, "--cacert", str(ca.pem), "-w", "%{http_version}"]
                out = run(*words, "--data-binary", "@-", url + "/echo", input=body)
                self.assertEqual((out[: len(body)] == body, out[len(body) :]), (True, version))


class Malformed(Http2):
    def test_s04_what_http1_could_misread_reaches_no_origin(self):
        rows = [
            h2.request("/a b"),
            h2.request("/a\r\nX: y"),
            h2.request("a"),
            h2.request("/", more=[("x", "a\r\ny: b")]),
            h2.request("/", more=[("x", b"a\0b")]),
            h2.request("/", more=[("transfer-encoding", "chunked")]),
            h2.request("/", more=[("te", "gzip, trailers")]),
            h2.request("/", more=[("connection", "x")]),
            h2.request("/", more=[("X-Upper", "a")]),
            h2.request("/", more=[("x y", "a")]),
            h2.request("/", more=[("x:", "a")]),
            h2.request("/", authority="a.test, b.test"),
            h2.request("/", authority="a.test/x"),
            h2.request("/", authority="user@a.test"),
            h2.request("/", more=[("host", "b.test")]),
            h2.request("/", more=[("content-length", "4")]),
            h2.request("/", more=[("content-length", "-1")]),
            h2.request("/", method="GET /x HTTP/1.1\r\nA:"),
            [(":method", "GET"), (":scheme", "http"), (":path", "/")],
            h2.request("/") + [(":path", "/other")],
            h2.request("/", more=[("x", "1"), (":late", "2")]),
        ]
        words = {"malformed_head", "bad_request_line", "bad_target", "bad_host", "bad_path"}
        words |= {"content_lengths_differ", "missing_host", "bad_field_value"}
        before = self.logged_with(words)
        for fields in rows:
            with self.subTest(fields):
                c = self.client()
                c.headers(1, fields)
                self.assertEqual(c.reset(1), h2.PROTOCOL_ERROR)
                c.headers(3, h2.request("/ok?size=2"))
                self.assertEqual(c.response(3)[0], 200)
        self.assertEqual(self.asked(), len(rows))  # The good ones.
        told = lambda: self.logged_with(words) - before
        self.assertTrue(waiting.soon(lambda: told() == len(rows)), told())
        log = (self.proxy.dir / "access.log").read_text()
        self.assertRegex(log, '"target":"/".*"end_reason":"malformed_head"')

    def test_s04_a_body_of_another_length(self):
        for length, body in (("4", b"abc"), ("4", b"abcde"), ("0", b"x"), ("3", b"")):
            with self.subTest(length=length, body=body):
                c = self.client()
                head = h2.request("/echo", "POST", more=[("content-length", length)])
                c.send(
                    h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.literals(head))
                    + h2.frame(h2.DATA, h2.END_STREAM, 1, body)
                )
                self.assertEqual(c.reset(1), h2.PROTOCOL_ERROR)
                c.headers(3, h2.request("/ok?size=2"))
                self.assertEqual(c.response(3)[0], 200)

    def test_what_the_kernel_finds_malformed_is_in_the_log(self):
        c = self.client()
        for stream, head, word in (
            (1, h2.request("/log%zz"), "bad_path"),
            (3, h2.request("/log", authority="user@a.test"), "bad_host"),
        ):
            c.headers(stream, head)
            self.assertEqual(c.reset(stream), h2.PROTOCOL_ERROR)
            self.assertEqual(self.logged("end_reason", word)["protocol"], "HTTP/2.0")
        c.headers(5, h2.request("/ok?log=3"))
        self.assertEqual(c.response(5)[0], 200)
        self.assertEqual(self.asked(), 1)

    def test_connect_is_refused(self):
        c = self.client()
        c.headers(1, [(":method", "CONNECT"), (":authority", "a.test:443")])
        self.assertEqual(c.response(1)[0], 405)
        self.assertEqual(self.asked(), 0)

    def test_crumbs_reach_the_origin_as_one_field(self):
        c = self.client()
        c.headers(1, h2.request("/ok?crumbs", more=[("cookie", "a=1"), ("cookie", "b=2")]))
        self.assertEqual(c.response(1)[0], 200)
        self.assertEqual(self.head_of("/ok?crumbs").all("cookie"), [b"a=1; b=2"])

    def test_limits_of_a_head(self):
        rows = [
            (h2.request("/" + "a" * 8192), 414),
            (h2.request("/", more=[("x", "a" * 16385)]), 431),
            (h2.request("/ok", more=[("x", "1")] * 101), 431),
            (h2.request("/ok", more=[("cookie", "a=1")] * 101), 431),
        ]
        for fields, status in rows:
            with self.subTest(status=status, n=len(fields)):
                c = self.client()
                c.headers(1, h2.request("/ok", method="HEAD"))
                self.assertEqual(c.response(1), (200, b""))
                block = h2.literals(fields)
                c.send(h2.frame(h2.HEADERS, h2.END_STREAM, 3, block[:16000]))
                c.send(h2.frame(h2.CONTINUATION, h2.END_HEADERS, 3, block[16000:]))
                # The page is there: nothing is left of the HEAD that this stream's memory served.
                answered, page = c.response(3)
                self.assertEqual((answered, len(page) > 0), (status, True))
                c.headers(5, h2.request("/ok?size=2"))
                self.assertEqual(c.response(5)[0], 200)


class Ends(Http2):
    def test_f07_an_origin_that_breaks_off_is_a_reset_and_the_others_go_on(self):
        c = self.client()
        c.headers(1, h2.request("/rst-body"))
        c.headers(3, h2.request("/ok?size=5"))
        self.assertEqual(c.response(3)[0], 200)
        code = c.reset(1)
        status = [h.get(":status") for h in c.heads.get(1, [])]
        self.assertEqual((code, status, c.bodies.get(1)), (2, ["200"], b"0123456789"))

    def test_streams_and_their_total(self):
        c = self.client("small")
        for stream in range(1, 11, 2):
            c.headers(stream, h2.request("/slow-answer?ms=300"))
        self.assertEqual(c.reset(9), h2.REFUSED_STREAM)
        c.headers(11, h2.request("/ok?size=1"))  # The sixth: the last.
        last = c.wait_for(lambda f: f[0] == h2.GOAWAY)
        self.assertEqual(int.from_bytes(last[3][:4], "big"), 0x7FFFFFFF)
        for ping in [f for f in c.frames if f[0] == h2.PING and not f[1] & h2.ACK]:
            c.send(h2.frame(h2.PING, h2.ACK, 0, ping[3]))
        self.assertEqual(c.goaway(), h2.NO_ERROR)
        for stream in (1, 3, 5, 7):
            self.assertIsNotNone(c.response(stream), stream)

    def test_an_idle_connection_is_said_goodbye(self):
        c = self.client("hasty")
        self.assertEqual(c.goaway(), h2.NO_ERROR)

    def test_what_a_connection_ends_of_its_streams(self):
        """By a limit or by an error of the connection: each request that was under way says so."""
        ping = h2.frame(h2.PING, 0, 0, b"12345678")
        limit, error = dict(end_reason="connection_limit"), dict(end_reason="connection_error")
        rows = [
            ("/hang?limit", ping * 60, h2.CALM, limit),
            ("/hang?error", h2.frame(h2.DATA, 0, 0, b"x"), h2.PROTOCOL_ERROR, error),
        ]
        for target, data, code, members in rows:
            with self.subTest(target):
                c = self.client()
                c.headers(1, h2.request(target))
                deadline = time.monotonic() + 5 * SLOW
                while not self.origin.counts[target] and time.monotonic() < deadline:
                    time.sleep(0.01)
                c.send(data)
                self.assertEqual(c.goaway(), code)
                self.assertEqual(
                    self.logged("target", target), self.logged("target", target) | members
                )

    def test_a_slow_upload_ends_alone(self):
        c = self.client("hasty")
        c.headers(1, h2.request("/echo", "POST"), h2.END_HEADERS)
        c.send(h2.frame(h2.DATA, 0, 1, b"x"))
        done = c.wait_for(lambda f: f[2] == 1 and (f[0] == h2.RST or f[1] & h2.END_STREAM))
        self.assertIsNotNone(done)

    def test_f16_a_client_that_ended_and_takes_nothing_is_gone(self):
        """Its windows are shut and stay so; a request that is not answered yet gets its answer all the same (F09)."""
        c = self.client(settings=b"\0\x04\0\0\0\0")
        c.headers(1, h2.request("/ok?size=300000"))
        self.assertIsNotNone(c.wait_for(lambda f: f[0] == h2.HEADERS))
        c.headers(3, h2.request("/slow-answer?ms=1500"))
        c.send(h2.frame(h2.WINDOW, 0, 3, b"\0\0\x10\0"))
        c.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(c.response(3)[0], 200)
        self.assertEqual(self.logged("target", "/ok?size=300000")["end_reason"], "client_closed")

    def test_f27_a_drain_loses_nothing(self):
        with Proxy(CONFIG % self.origin.port) as proxy:
            c = h2.Client(proxy.port("both"))
            c.headers(1, h2.request("/slow-answer?ms=500"))
            c.headers(3, h2.request("/ok?size=5"))
            self.assertEqual(c.response(3)[0], 200)
            proxy.process.terminate()
            self.assertIsNotNone(c.wait_for(lambda f: f[0] == h2.GOAWAY))
            c.headers(5, h2.request("/ok?size=7"))  # It was on its way.
            for ping in [f for f in c.frames if f[0] == h2.PING and not f[1] & h2.ACK]:
                c.send(h2.frame(h2.PING, h2.ACK, 0, ping[3]))
            self.assertEqual(c.response(5), (200, c.bodies.get(5)))
            self.assertIsNotNone(c.response(1))
            self.assertEqual(c.goaway(), h2.NO_ERROR)
            c.close()


class Floods(Http2):
    def rss(self):
        return procs.rss_bytes(self.proxy.engine_pid())

    def bystander(self, stop, times):
        with h2.Client(self.proxy.port("both")) as c:
            stream = 1
            while not stop.is_set() and stream < 15000:
                start = time.monotonic()
                c.headers(stream, h2.request("/ok?size=10"))
                if not c.response(stream):
                    return times.append(None)
                times.append(time.monotonic() - start)
                c.frames.clear()
                stream += 2

    def flooded(self, data, at_most, total=1 << 22):
        """Sends `data` again and again; the code that it ends with, and bytes sent."""
        c = self.client()
        start = self.rss()
        while c.sent < total and c.send(data):
            pass
        code = c.goaway()
        self.assertTrue(c.over)
        self.assertLess(self.rss() - start, at_most)
        return code

    def test_s10_rapid_reset(self):
        stop, times = threading.Event(), []
        other = threading.Thread(target=self.bystander, args=(stop, times))
        other.start()
        c = self.client()
        start, block = self.rss(), h2.literals(h2.request("/ok?rapid"))
        sent = 0
        for first in range(1, 200001, 2000):
            batch = b"".join(
                h2.frame(h2.HEADERS, 5, s, block) + h2.frame(h2.RST, 0, s, b"\0\0\0\x08")
                for s in range(first, first + 2000, 2)
            )
            sent += 1000
            if not c.send(batch):
                break
        code = c.goaway()
        stop.set()
        other.join()
        self.assertEqual(code, h2.CALM)
        self.assertLess(sent, 100_000)
        self.assertNotIn(None, times)
        self.assertLessEqual(sum(n for t, n in self.origin.counts.items() if "rapid" in t), 200)
        self.assertLess(self.rss() - start, 20 << 20)

    def test_s10_made_you_reset(self):
        c = self.client()
        for stream in range(1, 2001, 2):
            c.headers(stream, h2.request("/ok?made"), h2.END_HEADERS)
            if not c.send(h2.frame(h2.WINDOW, 0, stream, b"\x7f\xff\xff\xff")):
                break
            c.read(0)
        self.assertEqual(c.goaway(), h2.CALM)
        self.assertLessEqual(sum(n for t, n in self.origin.counts.items() if "made" in t), 200)

    def test_s11_floods(self):
        rows = {
            "settings": h2.frame(h2.SETTINGS),
            "ping": h2.frame(h2.PING, 0, 0, b"12345678"),
            "priority": h2.frame(h2.PRIORITY, 0, 1, b"\0\0\0\0\0"),
            "unknown": h2.frame(0x4B, 0, 0, b"grease"),
            "window": h2.frame(h2.WINDOW, 0, 0, b"\0\0\0\1"),
        }
        for name, data in rows.items():
            with self.subTest(name):
                self.assertEqual(self.flooded(data * 100, 4 << 20), h2.CALM)

    def test_s11_continuation_and_empty_data(self):
        for name, first, then in (
            (
                "continuation",
                h2.frame(h2.HEADERS, 0, 1, h2.literals(h2.request())),
                h2.frame(h2.CONTINUATION, 0, 1, b""),
            ),
            (
                "large",
                h2.frame(h2.HEADERS, 0, 1, b""),
                h2.frame(h2.CONTINUATION, 0, 1, b"\x90" * 16000),
            ),
            (
                "given up",
                h2.frame(h2.HEADERS, 0, 1, h2.literals(h2.request(more=[("X-Upper", "a")]))),
                h2.frame(h2.CONTINUATION, 0, 1, b"\x90" * 16000),
            ),
            (
                "data",
                h2.frame(h2.HEADERS, 4, 1, h2.literals(h2.request("/echo", "POST"))),
                h2.frame(h2.DATA, 0, 1),
            ),
        ):
            with self.subTest(name):
                c = self.client()
                c.send(first)
                while c.sent < 1 << 22 and c.send(then * 100):
                    pass
                self.assertEqual(c.goaway(), h2.CALM)

    def test_s12_hpack_bomb(self):
        value = b"v" * 4000
        table = (
            b"\x40\x06cookie\x7f" + bytes([(4000 - 127) % 128 + 128, (4000 - 127) // 128]) + value
        )
        block = h2.literals(h2.request()) + table
        block += b"\xbe" * (16384 - len(block))
        start, clients = self.rss(), [self.client() for _ in range(50)]
        for c in clients:
            for stream in range(1, 21, 2):
                c.send(h2.frame(h2.HEADERS, 5, stream, block))
        for c in clients:
            for stream in range(1, 21, 2):
                self.assertEqual(c.response(stream, 20)[0], 431)
        self.assertLess(self.rss() - start, 64 << 20)
        self.assertEqual(self.asked(), 0)

    def test_s12_readers_with_a_closed_window(self):
        start, clients = self.rss(), []
        for _ in range(10):
            c = self.client("hasty", settings=b"\0\x04\0\0\0\0")
            clients.append(c)
            for stream in range(1, 201, 2):
                c.headers(stream, h2.request("/ok?size=100000"))
        # Every stream holds what one read brought, and ends when nothing was taken for a while.
        for c in clients:
            last = c.wait_for(lambda f: f[0] in (h2.RST, h2.GOAWAY), 20)
            self.assertIsNotNone(last)
        if not sanitized.skips("test_http2.memory"):
            self.assertLess(self.rss() - start, 64 << 20)


if __name__ == "__main__":
    unittest.main()
