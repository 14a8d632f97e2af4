"""F17, S37: endpoints that follow their names, and a name server that changes its mind, fails, and lies."""
import http.client
import json
import socket
import struct
import sys
import threading
import time
import unittest
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import loss_client  # noqa: E402
from rig.dns_liar import (
    A,
    AAAA,
    CNAME,
    Liar,
    empty,
    good,
    nxdomain,
    records_of,
    servfail,
    silent,
)  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy, Refusing  # noqa: E402
from rig.waiting import soon  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app:
    balancer: round_robin
    discovery: {{ dns: {{ servers: [ "{server}" ], timeout: 100ms, tries: 2, hosts_file: false, {more} }} }}
    endpoints: [ "{name}:{port}" ]
    timeouts: {{ connect: 1s }}
    {upstream}
logs: [ access_log: $TMP/access.log ]
routes:
  - forward: app
"""
LOCAL = "allow_local: true"
NEW = 2.5  # A TTL of 1 s, and 1 s, and what a busy machine takes.


class Dns(unittest.TestCase):
    def setUp(self):
        self.liar = Liar().__enter__()
        self.addCleanup(self.liar.__exit__)

    def config(self, port, more=LOCAL, name="app.test", upstream=""):
        return CONFIG.format(
            server=self.liar.address, port=port, more=more, name=name, upstream=upstream
        )

    @staticmethod
    def status(proxy):
        conn = http.client.HTTPConnection("127.0.0.1", proxy.port(), timeout=10 * SLOW)
        try:
            conn.request("GET", "/ok")
            return conn.getresponse().status
        finally:
            conn.close()

    def served(self, proxy):
        """200, as soon as the name stands for something."""
        proxy.wait_log(r"upstream 'app' has \d+ endpoint", 5 * SLOW)
        self.assertEqual(self.status(proxy), 200)

    def until(self, what, within, why):
        self.assertTrue(soon(what, within), f"not within {within} s: {why}")


class Changes(Dns):
    """F17."""

    def origins(self, *hosts):
        first = Origin(host=hosts[0]).__enter__()
        all_of_them = [first] + [Origin(host=h, port=first.port).__enter__() for h in hosts[1:]]
        for origin in all_of_them:
            self.addCleanup(origin.__exit__)
        return all_of_them

    def test_addresses_change_under_load(self):
        """The new one is used within TTL + 1 s, the old one no more, and no request is lost."""
        one, two = self.origins("127.0.0.2", "127.0.0.3")
        self.liar.zone["app.test"] = good("127.0.0.2")
        with Proxy(self.config(one.port), workers=2) as proxy:
            plan = loss_client.Plan(port=proxy.port(), seconds=300, rate=400)
            with loss_client.Background(plan) as load:
                self.assertTrue(load.sends(400))
                self.assertEqual(two.counts["/ok"], 0)
                self.liar.zone["app.test"] = good("127.0.0.3")
                self.until(lambda: two.counts["/ok"] > 0, NEW, "the new address is used")
                gone = r"upstream 'app' has 1 endpoint; new: 127.0.0.3:\d+; gone: 127.0.0.2:"
                proxy.wait_log(gone)
                self.assertTrue(load.sends(80))
                then = one.counts["/ok"]
                self.liar.zone["app.test"] = good("127.0.0.3", "127.0.0.2")
                self.until(lambda: one.counts["/ok"] > then, NEW, "both are used")
                self.liar.zone["app.test"] = good("127.0.0.2")
                self.assertTrue(load.sends(400))
            self.assertEqual(load.result["lost"], 0, load.result)

    def test_what_runs_at_an_address_that_goes_is_finished(self):
        one, two = self.origins("127.0.0.2", "127.0.0.3")
        self.liar.zone["app.test"] = good("127.0.0.2")
        with Proxy(self.config(one.port)) as proxy:
            conn = http.client.HTTPConnection("127.0.0.1", proxy.port(), timeout=20 * SLOW)
            conn.request("POST", "/echo", body=iter([]), headers={"Content-Length": "5"})
            conn.sock.sendall(b"he")
            self.until(lambda: one.connections, 5, "it has begun")
            self.liar.zone["app.test"] = good("127.0.0.3")
            proxy.wait_log(r"gone: 127.0.0.2:", 10 * SLOW)
            self.assertEqual(self.status(proxy), 200)
            self.assertEqual(two.counts["/ok"], 1)
            conn.sock.sendall(b"llo")
            response = conn.getresponse()
            self.assertEqual((response.status, response.read()), (200, b"hello"))
            conn.close()

    def test_what_waits_for_a_place_goes_to_the_new_address(self):
        """The old one has one request, which it does not answer."""
        one, two = self.origins("127.0.0.2", "127.0.0.3")
        self.liar.zone["app.test"] = good("127.0.0.2")
        text = self.config(one.port, upstream="queue: { size: 9, timeout: 60s }")
        text = text.replace(
            f'"app.test:{one.port}"', f'{{ address: "app.test:{one.port}", max_connections: 1 }}'
        )
        with Proxy(text, workers=2) as proxy:
            with socket.create_connection(("127.0.0.1", proxy.port()), 10 * SLOW) as first:
                first.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
                self.until(lambda: one.connections, 5, "it has begun")
                statuses = []
                waiting = [
                    threading.Thread(target=lambda: statuses.append(self.status(proxy)))
                    for _ in range(5)
                ]
                for each in waiting:
                    each.start()
                self.liar.zone["app.test"] = good("127.0.0.3")
                for each in waiting:
                    each.join()
                self.assertEqual((statuses, two.counts["/ok"]), ([200] * 5, 5))
                first.sendall(b"llo")
                self.assertTrue(first.recv(4096).startswith(b"HTTP/1.1 200"))

    def test_what_is_sent_once_more_goes_to_the_new_address(self):
        gone = Refusing()
        self.addCleanup(gone.close)
        two = Origin(host="127.0.0.3", port=gone.port).__enter__()
        self.addCleanup(two.__exit__)
        self.liar.zone["app.test"] = good("127.0.0.1")
        retry = "attempt: [ retry: { tries: 9, delay: 1s } ]"
        with Proxy(self.config(gone.port, upstream=retry)) as proxy:
            proxy.wait_log(r"upstream 'app' has \d+ endpoint", 5 * SLOW)
            self.liar.zone["app.test"] = good("127.0.0.3")
            self.assertEqual((self.status(proxy), two.counts["/ok"]), (200, 1))

    def test_failures_keep_what_was_good(self):
        """NXDOMAIN, SERVFAIL, silence, no address: nothing changes, each is a line of the log once."""
        (one,) = self.origins("127.0.0.2")
        lies = {"NXDOMAIN": nxdomain, "SERVFAIL": servfail, "no server answers": silent}
        lies["no address"] = empty
        for words, lie in lies.items():
            with self.subTest(words):
                self.liar.zone["app.test"] = good("127.0.0.2")
                with Proxy(self.config(one.port)) as proxy:
                    self.served(proxy)
                    self.liar.zone["app.test"] = lie
                    line = proxy.wait_log(rf"app.test:\d+ is not resolved: .*{words}", 10 * SLOW)
                    self.assertIn("what it was before stays in use", line)
                    asked = len(self.liar.asked("app.test", A))
                    self.until(
                        lambda: len(self.liar.asked("app.test", A)) > asked, 6, "it asks again"
                    )
                    self.assertEqual(self.status(proxy), 200)
                    self.assertEqual(proxy.log.count("is not resolved"), 1)
                    self.liar.zone["app.test"] = good("127.0.0.2")
                    proxy.wait_log("is resolved again", 10 * SLOW)

    def test_a_start_waits_for_no_server(self):
        """Empty, or silent, at the start: 503 until the address comes."""
        (one,) = self.origins("127.0.0.2")
        for lie in (silent, empty, nxdomain):
            with self.subTest(lie):
                self.liar.zone["app.test"] = lie
                begun = time.monotonic()
                with Proxy(self.config(one.port)) as proxy:
                    self.assertLess(time.monotonic() - begun, 2 * SLOW)
                    self.assertEqual(self.status(proxy), 503)
                    self.liar.zone["app.test"] = good("127.0.0.2")
                    self.until(lambda: self.status(proxy) == 200, 10, "it is served")

    def test_the_first_request_finds_an_endpoint(self):
        (one,) = self.origins("127.0.0.2")
        self.liar.zone["app.test"] = good("127.0.0.2", ttl=60)
        at_once = 0
        for _ in range(5):
            with Proxy(self.config(one.port)) as proxy:
                at_once += self.status(proxy) == 200
        self.assertGreaterEqual(at_once, 3)  # A busy machine may take half a second to answer.

    def test_ttls_are_held_within_bounds(self):
        """0 is 1 s, so is 2^31; more than ttl_max is that."""
        (one,) = self.origins("127.0.0.2")
        for ttl in (0, 1 << 31, (1 << 31) - 1):
            with self.subTest(ttl):
                self.liar.queries.clear()
                self.liar.zone["app.test"] = good("127.0.0.2", ttl=ttl)
                with Proxy(self.config(one.port, LOCAL + ", family: ipv4, ttl_max: 2s")):
                    self.until(lambda: len(self.liar.asked("app.test")) >= 3, 10, "three queries")
                times = [q.at for q in self.liar.asked("app.test")]
                least = 1 if ttl in (0, 1 << 31) else 2
                for a, b in zip(times, times[1:]):
                    self.assertGreaterEqual(b - a, least - 0.05)

    def test_a_reload_goes_on_with_what_is_known(self):
        (one,) = self.origins("127.0.0.2")
        self.liar.zone["app.test"] = good("127.0.0.2", ttl=60)
        with Proxy(self.config(one.port)) as proxy:
            self.served(proxy)
            self.liar.zone["app.test"] = servfail
            asked = len(self.liar.queries)
            self.assertIn("reloaded in", proxy.reload(self.config(one.port, upstream="via: off")))
            self.assertEqual(self.status(proxy), 200)
            self.assertEqual(len(self.liar.queries), asked)  # The instance is the same.
            again = self.config(one.port, LOCAL + ", ttl_max: 9s")
            self.assertIn("reloaded in", proxy.reload(again))
            self.until(lambda: len(self.liar.queries) > asked, 5, "another instance asks")
            self.assertEqual(self.status(proxy), 200)

    def test_weights_and_limits_are_the_entrys(self):
        one, two, three = self.origins("127.0.0.2", "127.0.0.3", "127.0.0.4")
        self.liar.zone["app.test"] = good("127.0.0.2", "127.0.0.3")
        config = self.config(one.port).replace(
            f'endpoints: [ "app.test:{one.port}" ]',
            f'endpoints: [ {{ address: "app.test:{one.port}", weight: 3 }}, "127.0.0.4:{one.port}" ]',
        )
        with Proxy(config) as proxy:
            proxy.wait_log("upstream 'app' has 3 endpoints", 5 * SLOW)
            for _ in range(70):
                self.assertEqual(self.status(proxy), 200)
            proxy.finish()
            log = [json.loads(x) for x in (proxy.dir / "access.log").read_text().splitlines()]
        self.assertEqual([o.counts["/ok"] for o in (one, two, three)], [30, 30, 10])
        used = Counter(line["endpoint"] for line in log)
        self.assertEqual(used[f"127.0.0.2:{one.port}"], 30, used)

    def test_a_reload_without_it_and_with_it_again(self):
        """Its thread and file go, and come back."""
        (one,) = self.origins("127.0.0.2")
        self.liar.zone["app.test"] = good("127.0.0.2")
        without = self.config(one.port).split("    discovery:")[0] + (
            f'    endpoints: [ "127.0.0.2:{one.port}" ]\nroutes: [ {{ forward: app }} ]\n'
        )
        with Proxy(self.config(one.port)) as proxy:
            for _ in range(3):
                self.assertIn("reloaded in", proxy.reload(without))
                self.assertEqual(self.status(proxy), 200)
                maps = Path(f"/proc/{proxy.engine_pid()}/maps")
                self.until(lambda: "libcares" not in maps.read_text(), 5, "it is unmapped")
                asked = len(self.liar.queries)
                self.assertIn("reloaded in", proxy.reload(self.config(one.port)))
                self.until(lambda: len(self.liar.queries) > asked, 5, "it asks")
                self.until(lambda: self.status(proxy) == 200, 5, "it is served")

    def test_one_endpoint_is_where_its_name_is(self):
        """And a kept connection to where it was is not used."""
        one, two = self.origins("127.0.0.2", "127.0.0.3")
        self.liar.zone["app.test"] = good("127.0.0.2")
        with Proxy(self.config(one.port, LOCAL + ", one_endpoint: true")) as proxy:
            self.served(proxy)
            self.liar.zone["app.test"] = good("127.0.0.3")
            proxy.wait_log(r"new: app.test:\d+ at 127.0.0.3:\d+; gone: app.test:", 10 * SLOW)
            self.assertEqual(self.status(proxy), 200)
            self.assertEqual((one.counts["/ok"], two.counts["/ok"]), (1, 1))


def with_wrong_id(q):
    return [q.reply(records_of(q.name, ["127.0.0.66"], 60, q.type), number=q.id ^ 1)]


def with_wrong_question(q):
    return [
        q.reply(records_of(n, ["127.0.0.66"], 60, q.type), question=(n, q.type))
        for n in ("evil.test",)
    ]


def of_another_name(q):
    return [q.reply(records_of("evil.test", ["127.0.0.66", "::66"], 60, q.type))]


def cname_loop(q):
    def to(name):
        return b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0"

    return [q.reply([(q.name, CNAME, 60, to("b.test")), ("b.test", CNAME, 60, to(q.name.lower()))])]


def pointer_loop(q):
    """The owner of the record is a pointer to itself."""
    head = bytearray(q.reply())
    head[6:8] = struct.pack("!H", 1)
    at = len(head)
    record = struct.pack("!H", 0xC000 | at) + struct.pack("!2HIH", q.type, 1, 60, 4)
    return [bytes(head) + record + bytes([127, 0, 0, 66])]


def random_bytes(q):
    return [q.raw[:2] + b"\x81\x80" + bytes(range(7, 60)), b"", b"\0" * 11]


class Lies(Dns):
    """S37: what is said amiss is ignored, and a good answer that follows it is not."""

    def outcome(self, lie, origin, after=True):
        right = good("127.0.0.2", ttl=60)
        self.liar.zone["app.test"] = (lambda q: lie(q) + right(q)) if after else lie
        with Proxy(self.config(origin.port)) as proxy:
            proxy.wait_log(r"upstream 'app' has \d+ endpoint|is not resolved", 5 * SLOW)
            status = self.status(proxy)
            self.assertNotIn("127.0.0.66", proxy.log)
            return status, proxy.log

    def test_answers_to_what_was_not_asked(self):
        with Origin(host="127.0.0.2") as origin:
            for lie in (with_wrong_id, with_wrong_question):
                with self.subTest(lie.__name__):
                    self.assertEqual(self.outcome(lie, origin)[0], 200)

    def test_answers_that_are_wrong_in_themselves(self):
        with Origin(host="127.0.0.2") as origin:
            for lie in (of_another_name, cname_loop, pointer_loop, random_bytes):
                with self.subTest(lie.__name__):
                    status, log = self.outcome(lie, origin, after=False)
                    self.assertEqual(status, 503)
                    if lie is not random_bytes:  # c-ares waits for a better one.
                        self.assertRegex(log, "has no address|too many CNAMEs|damaged|Misformatted")

    def test_answers_from_elsewhere(self):
        """Another port than that of the server: whoever can guess the id cannot send from it."""
        import socket

        def from_elsewhere(q):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind(("127.0.0.1", 0))
                reply = q.reply(records_of(q.name, ["127.0.0.66"], 60, q.type))
                sock.sendto(reply, ("127.0.0.1", q.source))
            return []

        with Origin(host="127.0.0.2") as origin:
            self.assertEqual(self.outcome(from_elsewhere, origin)[0], 200)

    def test_1000_answers(self):
        """By TCP, since they fit into no datagram; the first 64 are used and the log says so."""
        many = [f"127.1.{i // 250}.{i % 250 + 1}" for i in range(1000)]

        def lie(q):
            whole = good(*many, ttl=60)(q)[0]
            return [whole if q.tcp else q.reply(flags=0x0200)]

        self.liar.zone["app.test"] = lie
        with Proxy(self.config(1)) as proxy:
            proxy.wait_log(r"app.test: addresses that are not used: and those after the first 64")
            proxy.wait_log(r"upstream 'app' has 64 endpoints; new: .* and 48 more")
        self.assertTrue(any(q.tcp for q in self.liar.asked("app.test")))

    def test_truncated_answers_are_asked_for_again_by_tcp(self):
        def lie(q):
            wrong = q.reply(records_of(q.name, ["127.0.0.66"], 60, q.type), flags=0x0200)
            return good("127.0.0.2", ttl=60)(q) if q.tcp else [wrong]

        with Origin(host="127.0.0.2") as origin:
            self.assertEqual(self.outcome(lie, origin, after=False)[0], 200)

    def test_this_machine_is_not_taken_from_dns(self):
        """127.0.0.0/8, ::1, link-local: by an option only; unspecified and multicast never."""
        with Origin() as origin:
            for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254"):
                with self.subTest(address):
                    self.liar.zone["app.test"] = good(address)
                    with Proxy(self.config(origin.port, "")) as proxy:
                        proxy.wait_log("none of its addresses may be used", 5 * SLOW)
                        self.assertEqual(self.status(proxy), 503)
            for address in ("0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1"):
                with self.subTest(address):
                    self.liar.zone["app.test"] = good(address)
                    with Proxy(self.config(origin.port)) as proxy:
                        proxy.wait_log("none of its addresses may be used", 5 * SLOW)

    def test_names_are_lower_cased_and_asked_once_at_a_time(self):
        gate = threading.Event()

        def slow(q):
            gate.wait(0.08)
            return good("127.0.0.2", ttl=0)(q)

        with Origin(host="127.0.0.2") as origin:
            self.liar.zone["app.test"] = slow
            config = self.config(origin.port, LOCAL + ", family: ipv4", name="App.TEST")
            twin = config.split("upstreams:\n")[1].split("logs:")[0].replace("app:", "twin:", 1)
            config = config.replace("logs:", twin + "logs:").replace(
                "  - forward: app",
                '  - { match: { path: /twin }, forward: twin }\n  - forward: app',
            )
            with Proxy(config) as proxy:
                self.until(lambda: len(self.liar.asked("app.test")) >= 3, 10, "three queries")
                self.assertEqual(self.status(proxy), 200)
        self.assertEqual(self.liar.asked("App.TEST"), [])
        times = [q.at for q in self.liar.asked("app.test")]
        for a, b in zip(times, times[1:]):
            self.assertGreater(b - a, 0.95)

    def test_ports_and_ids_are_not_guessed(self):
        """A query is from a port of its own, with an id of its own."""
        self.liar.zone["app.test"] = nxdomain
        names = [f"n{i}.test" for i in range(8)]
        with Origin(host="127.0.0.2") as origin:
            config = self.config(origin.port, LOCAL + ", family: ipv4")
            more = ", ".join(f'"{n}:80"' for n in names)
            config = config.replace('endpoints: [ ', f'endpoints: [ {more}, ')
            with Proxy(config):
                self.until(lambda: len(self.liar.queries) >= 27, 20, "three rounds of queries")
        queries = [q for q in self.liar.queries]
        self.assertGreater(len({q.id for q in queries}), len(queries) * 0.9)
        self.assertGreaterEqual(len({q.source for q in queries}), 3)
        steps = {(b.id - a.id) & 0xFFFF for a, b in zip(queries, queries[1:])}
        self.assertGreater(len(steps), len(queries) // 2)


if __name__ == "__main__":
    unittest.main()
