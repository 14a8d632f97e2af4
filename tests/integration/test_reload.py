"""Reload by SIGHUP: F25, F34, F37; what changes, what stays, and that nobody notices."""
import json
import shutil
import socket
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import h2  # noqa: E402
from rig.certs import Authority  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy, Taken, build_dir, fd_count  # noqa: E402
from rig.ports import free_port, refuses  # noqa: E402
from rig.waiting import soon  # noqa: E402

SAY = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
routes:
  - match: {{ path: / }}
    handler: {{ respond: {{ status: 200, body: "{0}" }} }}
"""
TWO = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
  - {{ name: more, address: "127.0.0.1:{0}" }}
routes:
  - match: {{ path: /, listener: more }}
    handler: {{ respond: {{ status: 200, body: "more" }} }}
  - match: {{ path: / }}
    handler: {{ respond: {{ status: 200, body: "web" }} }}
"""
FORWARD = """
listeners:
  - {{ name: web, address: "127.0.0.1:0", codecs: [ http2, http1 ] }}
upstreams:
  app: {{ balancer: round_robin, endpoints: [ "127.0.0.1:{0}", {{ address: "localhost:{1}", weight: {2} }} ] }}
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
routes:
  - match: {{ path: / }}
    filters: [ forwarded, headers: {{ response: {{ set: {{ x-round: "{2}" }} }} }} ]
    forward: app
"""


TLS = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
  - {{ name: behind, address: "127.0.0.1:{1}", transport: {{ tls: [ {{ cert: {0}/app.pem, key: {0}/app.key }} ] }} }}
upstreams:
  app:
    endpoints: [ "127.0.0.1:{1}" ]
    transport: {{ tls: {{ ca: {0}/root.pem, server_name: app.test }} }}
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
routes:
  - match: {{ path: /, listener: behind }}
    handler: {{ respond: {{ status: 200, body: "behind {2}" }} }}
  - match: {{ path: / }}
    forward: app
"""


TUNNEL = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{0}" ] }}
routes:
  - match: {{ path: / }}
    upgrade: [ websocket ]
    forward: app
"""


def websocket_origin(listener):
    """Takes one connection and answers each message of a client by "hi"."""
    sock, _ = listener.accept()
    with sock:
        while b"\r\n\r\n" not in sock.recv(4096):
            pass
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        while sock.recv(4096):
            sock.sendall(b"\x81\x02hi")


class Keeper:
    """A connection that is kept: each get() is one request on it."""

    def __init__(self, port, host="127.0.0.1"):
        self.sock = socket.create_connection((host, port), 10)

    def get(self, path="/"):
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(65536)
            if not more:
                raise AssertionError(f"closed after {data!r}")
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        size = int(next(l for l in head.lower().split(b"\r\n") if b"content-length:" in l)[15:])
        while len(body) < size:
            body += self.sock.recv(65536)
        return head.lower(), body

    def close(self):
        self.sock.close()


def body_of(port):
    keeper = Keeper(port)
    try:
        return keeper.get()[1]
    finally:
        keeper.close()


class Changes(unittest.TestCase):
    def proxy(self, config, **how):
        proxy = Proxy(config, **how)
        self.addCleanup(proxy.stop)
        return proxy

    def keep(self, port):
        keeper = Keeper(port)
        self.addCleanup(keeper.close)
        return keeper

    def test_the_next_request_on_a_kept_connection_is_of_the_new_config(self):
        for args in ((), ("--single-process",)):
            proxy = self.proxy(SAY.format("one"), workers=2, args=args)
            kept = [self.keep(proxy.port()) for _ in range(8)]
            silent = self.keep(proxy.port())
            self.assertEqual({k.get()[1] for k in kept}, {b"one"})
            for word in ("two", "three"):
                self.assertRegex(proxy.reload(SAY.format(word)), "0 of 1 instances as before")
                self.assertEqual({k.get()[1].decode() for k in kept}, {word})
            self.assertEqual(silent.get()[1], b"three", "it had said nothing before")

    def test_what_has_not_changed_stays_the_same_object(self):
        proxy = self.proxy(SAY.format("one"))
        self.assertRegex(proxy.reload(), "generation 2, 1 of 1 instances as before")
        more = SAY.format("one") + "    filters: [ forwarded ]\n"
        self.assertRegex(proxy.reload(more), "generation 3, 1 of 2 instances as before")

    def test_a_request_under_way_ends_as_it_began(self):
        """Also when its upstream has left the config meanwhile."""
        with Origin() as origin:
            config = FORWARD.format(origin.port, origin.port, 1)
            proxy = self.proxy(config)
            kept = self.keep(proxy.port())
            kept.sock.sendall(b"GET /slow-head?ms=20 HTTP/1.1\r\nHost: a\r\n\r\n")
            while not origin.heads:
                time.sleep(0.001)
            self.assertIn("reloaded in", proxy.reload(SAY.format("new")))
            data = b""
            while not data.endswith(b"\r\n\r\nok"):
                more = kept.sock.recv(65536)
                self.assertTrue(more, data)
                data += more
            self.assertIn(b"x-round: 1", data)
            self.assertEqual(kept.get()[1], b"new")

    def test_a_listener_comes_and_goes(self):
        port = free_port()
        proxy = self.proxy(SAY.format("web"), workers=2)
        web = self.keep(proxy.port())
        self.assertEqual(web.get()[1], b"web")
        self.assertIn("reloaded in", proxy.reload(TWO.format(port)))
        self.assertEqual([body_of(port) for _ in range(8)], [b"more"] * 8)
        idle, asking = self.keep(port), self.keep(port)
        self.assertEqual((idle.get()[1], asking.get()[1]), (b"more", b"more"))

        self.assertIn("reloaded in", proxy.reload(SAY.format("web")))
        head, body = asking.get()  # What it is told is of the config that it came under.
        self.assertEqual(body, b"more")
        self.assertIn(b"connection: close", head)
        self.assertEqual(asking.sock.recv(1), b"")
        idle.sock.settimeout(5 * SLOW)
        self.assertEqual(idle.sock.recv(1), b"", "an idle one is closed after a second")
        self.assertTrue(soon(lambda: refuses(port)))
        self.assertEqual(web.get()[1], b"web")
        self.assertIn("reloaded in", proxy.reload(TWO.format(port)))
        self.assertEqual(body_of(port), b"more")

    def test_a_listener_on_a_path_comes_and_goes(self):
        config = SAY.format("web")
        more = config.replace("routes:", '  - { name: sock, address: "unix:$TMP/s" }\nroutes:')
        proxy = self.proxy(config, workers=2)
        self.assertIn("reloaded in", proxy.reload(more))
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(proxy.dir / "s"))
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertTrue(b"".join(iter(lambda: sock.recv(4096), b"")).endswith(b"web"))
        self.assertIn("reloaded in", proxy.reload(config))
        self.assertTrue(soon(lambda: not (proxy.dir / "s").exists()))

    def test_another_number_of_workers_is_told_and_not_had(self):
        proxy = self.proxy("workers: 2\n" + SAY.format("one"), workers=0)
        self.assertIn("reloaded in", proxy.reload("workers: 5\n" + SAY.format("two")))
        self.assertIn("keeps 2 workers", proxy.log)
        self.assertEqual(body_of(proxy.port()), b"two")

    def test_what_is_in_flight_at_an_endpoint_goes_on_being_counted(self):
        with Origin() as origin:
            config = FORWARD.format(origin.port, origin.port, 1)
            one = config.replace(f'"127.0.0.1:{origin.port}", ', "").replace(
                "weight: 1", "max_connections: 1"
            )
            proxy = self.proxy(one)
            for round in range(3):
                origin.heads.clear()
                kept, other = self.keep(proxy.port()), self.keep(proxy.port())
                kept.sock.sendall(b"GET /slow-head?ms=20 HTTP/1.1\r\nHost: a\r\n\r\n")
                while not origin.heads:
                    time.sleep(0.001)
                self.assertIn(b" 503 ", other.get()[0].split(b"\r\n")[0])
                changed = one.replace("x-round", f"x-other-{round}")
                self.assertIn("reloaded in", proxy.reload(changed))
                self.assertIn(b" 503 ", other.get()[0].split(b"\r\n")[0], "still full")
                data = b""
                while not data.endswith(b"\r\n\r\nok"):
                    data += kept.sock.recv(65536)
                self.assertEqual(other.get("/ok")[1], b"ok")

    def test_connections_to_origins_that_idle_are_used_on(self):
        with Origin() as origin:
            config = FORWARD.format(origin.port, origin.port, 1)
            one = config.replace(f'"127.0.0.1:{origin.port}", ', "")
            proxy = self.proxy(one)
            kept = self.keep(proxy.port())
            for round in range(4):
                self.assertEqual(kept.get("/ok")[1], b"ok")
                changed = one.replace("x-round", f"x-other-{round}")
                self.assertIn("reloaded in", proxy.reload(changed))
            self.assertEqual(len(origin.connections), 1)

    def test_tls_on_both_sides_goes_on(self):
        """The proxy is its own origin. Sessions outlive the generation that they were made in."""
        folder, port = Path(tempfile.mkdtemp(prefix="pkrig-tls-")), free_port()
        self.addCleanup(shutil.rmtree, folder)
        Authority(folder, "root").issue("app", "DNS:app.test")
        config = TLS.format(folder, port, 0)
        proxy = self.proxy(config, workers=1)
        kept = [self.keep(proxy.port()) for _ in range(3)]
        for i in range(1, 8):
            for one in kept:
                self.assertEqual(one.get()[1], b"behind %d" % (i - 1))
            self.assertIn("reloaded in", proxy.reload(TLS.format(folder, port, i)))
        for one in kept:
            one.get()
        proxy.finish()
        log = (proxy.dir / "access.log").read_text().splitlines()
        reused = [r["reused"] for r in map(json.loads, log) if r["upstream"] == "app"]
        self.assertEqual(reused, [False] + [True] * (len(reused) - 1))

    def test_a_tunnel_goes_on(self):  # F24
        with socket.create_server(("127.0.0.1", 0)) as origin:
            threading.Thread(target=websocket_origin, args=(origin,), daemon=True).start()
            config = TUNNEL.format(origin.getsockname()[1])
            proxy = self.proxy(config, workers=2)
            kept = self.keep(proxy.port())
            kept.sock.sendall(
                b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            data = b""
            while not data.endswith(b"\r\n\r\n"):
                data += kept.sock.recv(4096)
            self.assertIn(b" 101 ", data)
            for i in range(10):
                kept.sock.sendall(b"\x81\x82\0\0\0\0hi")
                self.assertEqual(kept.sock.recv(4096), b"\x81\x02hi")
                fresh = SAY.format(i) if i % 2 else config
                self.assertIn("reloaded in", proxy.reload(fresh))

    def test_http2_goes_on(self):
        with Origin() as origin:
            proxy = self.proxy(FORWARD.format(origin.port, origin.port, 1))
            with h2.Client(proxy.port()) as client:
                for number, stream in ((1, 1), (2, 3), (3, 5)):
                    client.headers(stream, h2.request("/ok"))
                    self.assertEqual(client.response(stream), (200, b"ok"))
                    self.assertEqual(client.heads[stream][-1]["x-round"], str(number))
                    config = FORWARD.format(origin.port, origin.port, number + 1)
                    self.assertIn("reloaded in", proxy.reload(config))
                self.assertFalse([f for f in client.frames if f[0] == h2.GOAWAY])


class Refused(unittest.TestCase):
    """What is wrong is told with its place; what was in force stays in force."""

    def setUp(self):
        self.proxy = Proxy(SAY.format("old"), workers=2)
        self.addCleanup(self.proxy.stop)
        self.kept = Keeper(self.proxy.port())
        self.addCleanup(self.kept.close)
        self.kept.get()

    def refused(self, config, pattern):
        before = len(self.proxy.lines)
        fds = fd_count(self.proxy.pid)
        self.assertIn("reload refused", self.proxy.reload(config), pattern)
        self.assertRegex("\n".join(self.proxy.lines[before:]), pattern)
        self.assertEqual(self.kept.get()[1], b"old")
        self.assertEqual(body_of(self.proxy.port()), b"old")
        self.assertLessEqual(fd_count(self.proxy.pid), fds + 1)

    def test_a_broken_config(self):  # F25
        good = SAY.format("new")
        place = r"pkernel\.yaml:%s: error\[E\d+\]: "
        for config, pattern in (
            (good.replace("handler", "handlr"), place % r"6:5" + "unknown option 'handlr'"),
            (good[: good.index("handler") + 20], place % r"\d+:\d+"),
            (good + "include: gone.yaml\n", place % r"7:10" + "cannot read '.*gone.yaml'"),
            ("", "error"),
            (good.replace("body", "bodi"), place % r"6:\d+"),
            (
                good.replace(
                    "127.0.0.1:0\"",
                    "127.0.0.1:0\", transport: { tls: { certificates: [ { cert: a.pem, key: a.key } ] } }",
                ),
                place % r"3:\d+" + "cannot read '.*a.pem': there is no such file",
            ),
        ):
            with self.subTest(pattern):
                self.refused(config, pattern)

    def test_a_missing_config(self):
        self.proxy.config_file.unlink()
        self.refused(None, "cannot read .*no such file")

    def test_a_port_that_another_has(self):  # F37
        """Nothing of the new config is taken over, not even the address that was free."""
        taken, free = Taken(), free_port()
        self.addCleanup(taken.close)
        config = SAY.format("new").replace(
            "routes:",
            f'  - {{ name: free, address: "127.0.0.1:{free}" }}\n'
            f'  - {{ name: taken, address: "127.0.0.1:{taken.port}" }}\nroutes:',
        )
        self.refused(config, r"pkernel\.yaml:5:\d+: error\[E\d+\]: .*the address is in use")
        self.assertTrue(soon(lambda: refuses(free)))
        taken.close()
        self.assertIn("reloaded in", self.proxy.reload(config))
        self.assertEqual(body_of(free), b"new")

    def test_after_many_refusals_a_good_one_is_taken(self):
        fds = fd_count(self.proxy.pid)
        for _ in range(20):
            self.assertIn("refused", self.proxy.reload(SAY.format("x").replace("200", "2000")))
        self.assertIn("reloaded in", self.proxy.reload(SAY.format("new")))
        self.assertEqual(self.kept.get()[1], b"new")
        self.assertLessEqual(fd_count(self.proxy.pid), fds + 1)


class Plugins(unittest.TestCase):
    """F34 at a reload: files that are no plugins."""

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="pkrig-so-"))
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ("respond", "headers"):
            shutil.copy(build_dir() / f"plugins/{name}.so", self.dir)
        self.proxy = Proxy(SAY.format("old"), args=("--plugins-dir", str(self.dir)))
        self.addCleanup(self.proxy.stop)

    def test_a_file_that_is_no_plugin_is_refused(self):
        good = (self.dir / "headers.so").read_bytes()
        config = SAY.format("new") + "    filters: [ headers: { response: { set: { a: b } } } ]\n"
        for what, content in (
            ("empty", b""),
            ("text", b"not a library\n" * 99),
            ("cut", good[:1000]),
            ("cut later", good[: len(good) // 2]),
            ("gone", None),
        ):
            with self.subTest(what):
                (self.dir / "headers.so").unlink()
                if content is not None:
                    (self.dir / "headers.so").write_bytes(content)
                before = len(self.proxy.lines)
                self.assertIn("reload refused", self.proxy.reload(config))
                told = "\n".join(self.proxy.lines[before:])
                self.assertRegex(told, r"pkernel\.yaml:7:\d+: error\[E\d+\]: .*headers\.so")
                self.assertEqual(body_of(self.proxy.port()), b"old")
                (self.dir / "headers.so").write_bytes(good)
        self.assertIn("reloaded in", self.proxy.reload(config))
        self.assertEqual(body_of(self.proxy.port()), b"new")

    def test_a_plugin_that_is_bad_at_load_is_tried_elsewhere(self):
        """Its constructor runs before anything can be asked of it: in another process first."""
        engine = self.proxy.engine_pid()
        for name, why in (
            # A sanitizer makes an exit of a crash.
            (
                "crashes",
                r"(crashed|ended the process) while it was loaded, in a trial.*(SIGSEGV|1|66)",
            ),
            ("exits", "ended the process while it was loaded, in a trial"),
            ("hangs", "had not loaded after 5 s, in a trial"),
        ):
            with self.subTest(name):
                shutil.copy(build_dir() / f"tests/plugins/bad/{name}.so", self.dir)
                before = len(self.proxy.lines)
                config = SAY.format("new") + f"    filters: [ {name} ]\n"
                self.assertIn("reload refused", self.proxy.reload(config))
                told = "\n".join(self.proxy.lines[before:])
                self.assertRegex(told, rf"pkernel\.yaml:7:\d+: error\[E\d+\]: \S+{name}\.so {why}")
                self.assertEqual(body_of(self.proxy.port()), b"old")
        self.assertEqual(self.proxy.engine_pid(), engine)

    def test_a_new_file_of_a_plugin_replaces_the_old_one(self):
        """The same options, another file: another instance, and the old file is unmapped."""
        file = self.dir / "respond.so"
        fresh = self.dir / "fresh"
        fresh.write_bytes(file.read_bytes() + b"\0" * 64)
        fresh.replace(file)
        self.assertIn("0 of 1 instances as before", self.proxy.reload())
        self.assertEqual(body_of(self.proxy.port()), b"old")
        deadline = time.monotonic() + 10 * SLOW
        while time.monotonic() < deadline:
            maps = Path(f"/proc/{self.proxy.engine_pid()}/maps").read_text().splitlines()
            if len({line.split()[-1] for line in maps if "respond" in line}) == 1:
                return
        self.fail("both files are still mapped")


if __name__ == "__main__":
    unittest.main()
