"""Endpoints that go and come back: what health sources make of them, and what clients see of it."""
import http.client
import json
import shutil
import ssl
import sys
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.certs import Authority  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy, Refusing  # noqa: E402
from rig.waiting import soon  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
logs: [ access_log: {{ format: json, path: $TMP/access.log, buffer: 1KiB }} ]
upstreams:
  app:
    balancer: round_robin
    health: [ {health} ]
    {more}
    endpoints: [ {endpoints} ]
routes:
  - match: {{ path: / }}
    forward: app
"""


class App:
    """An application whose answer the test decides, and who was asked what."""

    def __init__(self, port=0, tls=None):
        self.status, self.asked, self.hosts = 200, {}, set()
        app = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                app.asked[self.path] = app.asked.get(self.path, 0) + 1
                app.hosts.add(self.headers["Host"])
                body = b"status: ready"
                self.send_response(app.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # A probe may end without a word.
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Health(unittest.TestCase):
    def app(self, port=0, tls=None):
        made = App(port, tls)
        self.addCleanup(made.close)
        return made

    def origin(self):
        made = Origin().__enter__()
        self.addCleanup(made.__exit__)
        return made

    def refusing(self):
        made = Refusing()
        self.addCleanup(made.close)
        return made

    def start(self, health, *endpoints, more="", workers=1):
        listed = ", ".join(e if isinstance(e, str) else f'"127.0.0.1:{e.port}"' for e in endpoints)
        self.proxy = Proxy(
            CONFIG.format(health=health, more=more, endpoints=listed), workers=workers
        )
        self.addCleanup(self.proxy.stop)
        self.conn = None

    def get(self, path="/ok"):
        """(status, the reply, seconds)"""
        if self.conn is None:
            self.conn = http.client.HTTPConnection("127.0.0.1", self.proxy.port(), 20 * SLOW)
            self.addCleanup(self.conn.close)
        start = time.monotonic()
        self.conn.request("GET", path)
        reply = self.conn.getresponse()
        reply.body = reply.read()
        return reply.status, reply, time.monotonic() - start

    def until(self, what, wait=5):
        self.assertTrue(soon(what, wait), "not in time")

    def records(self):
        """What was logged; ends the proxy."""
        log = self.proxy.dir / "access.log"
        if self.conn:
            self.conn.close()
        self.proxy.finish()
        return [json.loads(line) for line in log.read_text().splitlines()]

    # --- passive

    def test_one_of_three_refuses(self):
        """F01: nothing is lost, the mean stays below 5 ms, the dead one is asked at most once a second."""
        dead = self.refusing()
        self.start("health_passive: { cooldown: 1s }", self.origin(), dead, self.origin())
        start = time.monotonic()
        times = []
        for _ in range(1000):
            status, _, took = self.get()
            self.assertEqual(status, 200)
            times.append(took)
        spent = time.monotonic() - start
        self.assertLess(sum(times) / len(times), 0.005 * SLOW)
        failed = [r["failed_attempts"] for r in self.records() if r["failed_attempts"]]
        self.assertTrue(all(f == f"127.0.0.1:{dead.port}=connect_refused" for f in failed))
        self.assertGreaterEqual(len(failed), 3)
        self.assertLessEqual(len(failed), 3 + spent)

    def test_all_refuse_and_one_comes_back(self):
        """F02: 502, then 503 with Retry-After, each at once; and good again within a second."""
        one, two = self.refusing(), self.refusing()
        self.start("health_passive", one, two)
        seen = []
        for _ in range(20):
            status, reply, took = self.get()
            self.assertLess(took, 0.5 * SLOW)  # No timeout is waited for.
            if status == 503:
                self.assertRegex(reply.headers["Retry-After"], "^[1-9]")
                self.assertIn("upstream_down", reply.headers["Proxy-Status"])
            seen.append(status)
        self.assertEqual(set(seen), {502, 503})
        self.assertEqual(seen, sorted(seen))
        port = two.port
        two.close()
        self.app(port)
        start = time.monotonic()
        self.until(lambda: self.get()[0] == 200)
        self.assertLess(time.monotonic() - start, 1 * SLOW)
        # One good answer is enough: it is up, not on trial.
        self.assertEqual({self.get()[0] for _ in range(50)}, {200})
        self.proxy.wait_log(rf"endpoint 127.0.0.1:{port}: up \(health_passive says up: .*well")
        logged = self.records()
        reasons = {r["end_reason"] for r in logged}
        self.assertEqual(reasons, {"complete", "connect_refused", "upstream_down"})
        wanted = {"status": 503, "end_reason": "upstream_down"}
        self.assertTrue(any(wanted.items() <= r.items() for r in logged))

    def test_try_all_when_none_is_up(self):
        one = self.app()
        one.status = 500
        self.start("health_passive: { failures: 1, on: [ 500 ] }", one, more="all_down: try_all")
        for _ in range(5):
            self.assertEqual(self.get()[0], 500)
        self.proxy.wait_log(r": down \(health_passive says down: 1 failure: status 500")
        one.status = 200
        self.assertEqual(self.get()[0], 200)
        self.proxy.wait_log(r": up \(health_passive")

    def test_a_trial_is_one_request(self):
        """After the cooldown one request finds out; while it fails the others do not notice."""
        bad, good = self.app(), self.origin()
        bad.status = 503
        self.start("health_passive: { failures: 2, cooldown: 200ms, on: [ 503 ] }", bad, good)
        first = [self.get()[0] for _ in range(30)]
        self.assertEqual(first.count(503), 2)
        end = time.monotonic() + 1.5
        later = []
        while time.monotonic() < end:
            later.append(self.get()[0])
        self.assertIn(later.count(503), (1, 2))
        bad.status = 200
        self.until(lambda: self.get()[0] and bad.asked["/ok"] > 40)

    def test_a_backup_serves_only_when_no_primary_is_up(self):
        primary, backup = self.app(), self.app()
        primary.status = 503
        self.start(
            "health_passive: { failures: 3, cooldown: 300ms, on: [ 503 ] }",
            primary,
            f'{{ address: "127.0.0.1:{backup.port}", backup: true }}',
        )
        self.assertEqual([self.get()[0] for _ in range(6)], [503] * 3 + [200] * 3)
        primary.status = 200
        self.until(lambda: (self.get(), primary.asked["/ok"])[1] > 10)
        served = backup.asked["/ok"]
        for _ in range(20):
            self.assertEqual(self.get()[0], 200)
        self.assertEqual(backup.asked["/ok"], served)

    # --- active

    ACTIVE = (
        "health_active: { path: /healthz, host: app.test, interval: 100ms, timeout: 300ms,"
        " rise: 2, fall: 2, body: ready }"
    )

    def test_a_status_takes_it_out_and_brings_it_back(self):
        one, two = self.app(), self.app()
        self.start(self.ACTIVE, one, two, workers=2)
        self.until(lambda: min(a.asked.get("/healthz", 0) for a in (one, two)) > 3)
        self.assertEqual(one.hosts, {"app.test"})
        one.status = 503
        self.proxy.wait_log(rf":{one.port}: down \(health_active says down: 2 probes .*status 503")
        served = one.asked.get("/ok", 0)
        for _ in range(20):
            self.assertEqual(self.get()[0], 200)
        self.assertEqual(one.asked.get("/ok", 0), served)
        one.status = 200
        self.proxy.wait_log(rf":{one.port}: up \(health_active says up: 2 probes in a row")
        for _ in range(20):
            self.assertEqual(self.get()[0], 200)
        self.assertEqual(one.asked.get("/ok", 0), served + 10)

    def test_one_worker_asks_for_all(self):
        one = self.app()
        self.start(self.ACTIVE, one, workers=2)
        self.until(lambda: one.asked.get("/healthz", 0) > 0)
        start, asked = time.monotonic(), one.asked["/healthz"]
        self.until(lambda: one.asked["/healthz"] >= asked + 10)
        # Ten probes 90 to 110 ms apart, of which some may have come and not been counted yet; two
        # workers would need half of that.
        self.assertGreater(time.monotonic() - start, 0.6)

    def test_a_connection_is_asked_for_without_a_path(self):
        dead, good = self.refusing(), self.origin()
        self.start("health_active: { interval: 50ms, fall: 2 }", dead, good)
        self.proxy.wait_log(rf":{dead.port}: down \(health_active says down: .*no connection")
        for _ in range(20):
            self.assertEqual(self.get()[0], 200)
        self.assertFalse([r for r in self.records() if r["failed_attempts"]])
        self.assertNotIn("/", good.counts)

    def test_all_are_down(self):
        one = self.app()
        one.status = 500
        self.start(self.ACTIVE, one)
        self.proxy.wait_log(r": down \(health_active")
        status, reply, _ = self.get()
        self.assertEqual(status, 503)
        self.assertRegex(reply.headers["Retry-After"], "^[1-9]")
        self.assertNotIn("/ok", one.asked)

    def test_one_source_that_says_down_is_enough(self):
        one, two = self.app(), self.app()
        one.status = 503
        passive = "health_passive: { failures: 1, cooldown: 1h, on: [ 503 ] }"
        active = "health_active: { path: /healthz, interval: 50ms, status: [ 2xx, 5xx ], rise: 1 }"
        self.start(f"{passive}, {active}", one, two)
        self.until(lambda: 503 in {self.get()[0] for _ in range(2)})
        self.proxy.wait_log(rf":{one.port}: down \(health_passive says down: ")
        asked = one.asked["/healthz"] if "/healthz" in one.asked else 0
        self.until(lambda: one.asked.get("/healthz", 0) > asked + 5)
        served = one.asked["/ok"]
        for _ in range(20):
            self.assertEqual(self.get()[0], 200)
        self.assertEqual(one.asked["/ok"], served)

    def test_probes_go_through_the_transport(self):
        """A server of plain HTTP, and one with a name that is not meant, are no TLS endpoints."""
        folder = Path(tempfile.mkdtemp(prefix="pkrig-"))
        self.addCleanup(shutil.rmtree, folder)
        root = Authority(folder, "root")
        served = {}
        for name in ("app.test", "else.test"):
            pem = root.issue(name, f"DNS:{name}")
            served[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            served[name].load_cert_chain(pem, pem.with_suffix(".key"))
        good, other = (self.app(tls=served[name]) for name in ("app.test", "else.test"))
        plain = self.app()
        for probe in ("path: /healthz, ", ""):
            with self.subTest(probe):
                self.start(
                    f"health_active: {{ {probe}interval: 50ms, timeout: 1s, fall: 2, rise: 1 }}",
                    *(good, other, plain),
                    more=f"transport: {{ tls: {{ ca: {root.pem}, server_name: app.test }} }}",
                )
                for bad in (other, plain):
                    self.proxy.wait_log(rf":{bad.port}: down \(health_active says down: ")
                for _ in range(10):
                    self.assertEqual(self.get()[0], 200)
                self.assertFalse([r for r in self.records() if r["failed_attempts"]])
        self.assertIn("/healthz", good.asked)
        self.assertEqual((other.asked, plain.asked), ({}, {}))

    # --- reload

    def reload(self, old, new):
        text = self.proxy.config_file.read_text()
        self.assertIn(old, text)
        self.assertIn("reloaded in", self.proxy.reload(text.replace(old, new)))

    def test_a_reload_keeps_what_is_known_of_endpoints(self):
        """With the same sources; other options begin anew."""
        one, two = self.app(), self.app()
        one.status = 503
        self.start("health_passive: { failures: 1, cooldown: 1h, on: [ 503 ] }", one, two)
        self.until(lambda: 503 in {self.get()[0] for _ in range(2)})
        one.status = 200
        served = one.asked["/ok"]
        self.reload("routes:", "routes:\n  - { match: { path: /more }, forward: app }")
        for _ in range(20):
            self.assertEqual(self.get()[0], 200)
        self.assertEqual(one.asked["/ok"], served)
        self.reload("failures: 1", "failures: 2")
        for _ in range(20):
            self.assertEqual(self.get()[0], 200)
        self.assertEqual(one.asked["/ok"], served + 10)

    def test_a_reload_goes_on_asking(self):
        one, two, three = self.app(), self.app(), self.app()
        one.status = 503
        self.start(self.ACTIVE, one, two, workers=2)
        self.proxy.wait_log(rf":{one.port}: down")
        self.reload(f'"127.0.0.1:{two.port}"', f'"127.0.0.1:{two.port}", "127.0.0.1:{three.port}"')
        for _ in range(20):
            self.assertEqual(self.get()[0], 200)
        self.assertNotIn("/ok", one.asked)
        self.until(lambda: three.asked.get("/healthz", 0) > 3)
        one.status = 200
        self.proxy.wait_log(rf":{one.port}: up")
        self.reload(self.ACTIVE, "health_passive")
        asked = one.asked["/healthz"]
        for _ in range(20):
            self.assertEqual(self.get()[0], 200)
        time.sleep(0.5)
        self.assertLessEqual(one.asked["/healthz"], asked + 1)


if __name__ == "__main__":
    unittest.main()
