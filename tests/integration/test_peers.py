"""The classic configs of nginx and Apache and their equivalents in conf/: the same requests, origins and faults for the
real server and for ours, in one test, and the same to be seen from outside."""
import collections
import http.client
import socket
import struct
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from rig.peers import Peer, with_ports  # noqa: E402
from rig.pkrig import SLOW, Full, Origin, Proxy  # noqa: E402

CONF = HERE.parents[1] / "conf"


class Ours(Proxy):
    """The proxy on a file of conf/."""

    def __init__(self, file, ports):
        text = file.read_text().replace('":8080"', '"127.0.0.1:0"')
        super().__init__(with_ports(text, {**ports, 0: 0}))


class Same:
    """What is asked of the peer and of us; `original` and `equivalent` are the two configs."""

    peer = original = equivalent = None

    def both(self, scene, first=None):
        """The scene before the peer, then before us, each time with three origins of its own;
        `first` stands in the first one's place."""
        for name in (self.peer, "pkernel"):
            with self.subTest(name):
                self.origins = [Behaving().__enter__() for _ in range(3)]
                ports = {3001 + i: o.port for i, o in enumerate(self.origins)}
                if first:
                    ports[3001] = first.port
                proxy = (
                    Ours(CONF / self.equivalent, ports)
                    if name == "pkernel"
                    else Peer(name, HERE / "peers" / self.original, ports)
                )
                self.waiting = []
                try:
                    self.port = proxy.port()
                    scene()
                finally:
                    for sock in self.waiting:  # By a reset: a FIN alone would wait for its answer.
                        sock.setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                        )
                        sock.close()
                    proxy.stop()
                    for origin in self.origins:
                        self.kill(origin)

    def kill(self, origin):
        if origin.open_for_work:
            origin.open_for_work = False
            origin.__exit__()

    def ask(self, path, times=1, source="127.0.0.1"):
        """Which origins answered, counted; every answer is a 200. One connection."""
        conn = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=20 * SLOW, source_address=(source, 0)
        )
        seen = collections.Counter()
        for _ in range(times):
            conn.request("GET", path)
            reply = conn.getresponse()
            self.assertEqual(reply.status, 200)
            seen[int(reply.read())] += 1
        conn.close()
        return [seen[o.port] for o in self.origins]

    def occupy(self, path):
        """A request that is not answered; which origin has it."""
        before = [o.counts[path] for o in self.origins]
        sock = socket.create_connection(("127.0.0.1", self.port), 20 * SLOW)
        self.waiting.append(sock)
        sock.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
        deadline = time.monotonic() + 5 * SLOW
        while time.monotonic() < deadline:
            now = [o.counts[path] for o in self.origins]
            moved = [i for i in range(3) if now[i] > before[i]]
            if moved:
                return moved[0]
            time.sleep(0.005)
        self.fail("no origin was asked")

    def shares_by_weight_and_a_backup(self):
        # Smooth: three of each four, at any moment.
        for _ in range(5):
            self.assertEqual(self.ask("/weighted/who", 40), [30, 10, 0])
        self.kill(self.origins[0])
        self.assertEqual(self.ask("/weighted/who", 20), [0, 20, 0])
        self.kill(self.origins[1])
        self.assertEqual(self.ask("/weighted/who", 20), [0, 0, 20])

    def goes_to_the_least_busy(self):
        first = self.occupy("/busy/hang")
        second = self.occupy("/busy/hang")
        self.assertNotEqual(first, second)
        free = ({0, 1, 2} - {first, second}).pop()
        self.assertEqual(self.ask("/busy/who", 30)[free], 30)


class Behaving(Origin):
    """Says which it is, on any path that ends in /who; keeps the client waiting on /hang. With `status`
    set it answers that instead, or, with "reset" or "hang", not at all."""

    open_for_work = True
    status = None
    keeps = True  # Its connections, behind an answer.

    def __init__(self):
        super().__init__()
        self.when = []  # Each request's time.

    async def _one(self, conn):
        head = await conn.head()
        if head is None:
            return False
        self.counts[head.target] += 1
        self.when.append(time.monotonic())
        await conn.request()
        if head.target.endswith("/hang") or self.status == "hang":
            await conn.wait_end()
            return False
        if self.status == "reset":
            conn.rst()
            return False
        fields = b"" if self.keeps else b"Connection: close\r\n"
        await conn.reply(str(self.port).encode(), self.status or "200 OK", fields)
        return self.keeps


class Nginx(Same, unittest.TestCase):
    peer, original, equivalent = "nginx", "nginx.conf", "from_nginx.yaml"

    def test_weight_and_backup(self):
        self.both(self.shares_by_weight_and_a_backup)

    def test_least_conn(self):
        self.both(self.goes_to_the_least_busy)

    def test_ip_hash(self):
        self.both(self.clients_stay)

    def test_next_upstream(self):
        self.both(self.another_is_asked)

    def another_is_asked(self):
        path = "/careful/who"
        first, second, third = self.origins
        for trouble in ("502 Bad Gateway", "503 Service Unavailable", "reset"):
            first.status = trouble
            before = first.counts[path]
            self.assertEqual(self.ask(path, 30)[0], 0)
            self.assertGreater(first.counts[path], before)
        # What was processed is not asked for again.
        first.status = "500 Internal Server Error"
        self.assertIn(500, self.statuses("GET", path, 3))
        first.status = "503 Service Unavailable"
        self.assertIn(503, self.statuses("POST", path, 3))
        # Two tries, and the last answer is the client's.
        second.status = third.status = "503 Service Unavailable"
        before = sum(o.counts[path] for o in self.origins)
        self.assertEqual(self.statuses("GET", path, 10), [503] * 10)
        self.assertEqual(sum(o.counts[path] for o in self.origins) - before, 20)

    def test_connect_timeout(self):
        hole = Full()
        self.addCleanup(hole.close)
        self.both(self.a_connect_that_never_ends, hole)

    def a_connect_that_never_ends(self):
        # One of the first three meets it; after proxy_connect_timeout another endpoint is asked.
        for _ in range(3):
            start = time.monotonic()
            self.assertEqual(sum(self.ask("/careful/who")), 1)
            took = time.monotonic() - start
            if took > 1 * SLOW:
                break
        self.assertGreaterEqual(took, 4.95)
        self.assertLess(took, 5 + 1 * SLOW)

    def test_read_timeout(self):
        self.both(self.an_answer_that_never_comes)

    def an_answer_that_never_comes(self):
        path = "/careful/who"
        self.origins[0].status = "hang"
        start = time.monotonic()
        self.assertEqual(self.ask(path, 3)[0], 0)
        met = self.origins[0].counts[path]
        self.assertGreater(met, 0)
        self.assertGreaterEqual(time.monotonic() - start, 1.95 * met)
        self.assertEqual(sum(o.counts[path] for o in self.origins), 3 + met)

    def test_max_fails_and_fail_timeout(self):
        self.both(self.who_fails_is_left_out)

    def who_fails_is_left_out(self):
        path, bad = "/fragile/who", self.origins[0]
        # On a connection that was kept a reset is no failure yet: it may have been a stale one.
        bad.keeps = False

        def until(what):
            deadline = time.monotonic() + 5 * SLOW
            while not what():
                self.assertLess(time.monotonic(), deadline, "not in time")
                self.assertEqual(self.ask(path)[0], 0)

        # A failure, and an answer behind it: that is no second one in a row.
        bad.status = "reset"
        until(lambda: len(bad.when) == 1)
        bad.status = None
        while (
            time.monotonic() < bad.when[0] + 3.1
        ):  # Beyond fail_timeout, in nginx's whole seconds.
            self.assertGreater(self.ask(path, 6)[0], 0)
        # max_fails of them, each saved by another endpoint; then it gets nothing.
        bad.status = "reset"
        bad.when.clear()
        until(lambda: len(bad.when) == 2)
        self.assertEqual(self.ask(path, 60)[0], 0)
        self.assertEqual(len(bad.when), 2)
        # After fail_timeout one request finds out that it is no better. (nginx counts whole seconds.)
        until(lambda: len(bad.when) == 3)
        self.assertGreaterEqual(bad.when[2] - bad.when[1], 1.95)
        self.assertLess(bad.when[2] - bad.when[1], 3 + SLOW)
        self.assertEqual(self.ask(path, 60)[0], 0)
        # And again, until it is: then it has its share.
        bad.status = None
        deadline = time.monotonic() + 5 * SLOW
        while self.ask(path)[0] == 0:
            self.assertLess(time.monotonic(), deadline, "it is not tried again")
        self.assertGreaterEqual(bad.when[3] - bad.when[2], 1.95)
        self.assertGreaterEqual(min(self.ask(path, 30)), 8)

    def statuses(self, method, path, times):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20 * SLOW)
        seen = []
        for _ in range(times):
            conn.request(method, path, body=b"x" if method == "POST" else None)
            reply = conn.getresponse()
            reply.read()
            seen.append(reply.status)
        conn.close()
        return seen

    def clients_stay(self):
        clients = [f"127.0.{net}.1" for net in range(1, 31)]
        home = {}
        for client in clients:
            counts = self.ask("/sessions/who", 3, client)
            self.assertEqual(sorted(counts), [0, 0, 3])
            home[client] = counts.index(3)
        self.assertEqual(set(home.values()), {0, 1, 2})
        self.kill(self.origins[0])
        for client in clients:
            counts = self.ask("/sessions/who", 2, client)
            self.assertEqual(sorted(counts), [0, 0, 2])
            if home[client] != 0:
                self.assertEqual(counts.index(2), home[client])


class Apache(Same, unittest.TestCase):
    peer, original, equivalent = "apache2", "apache.conf", "from_apache.yaml"

    def test_loadfactor_and_hot_standby(self):
        self.both(self.shares_by_weight_and_a_backup)

    def test_bybusyness(self):
        self.both(self.goes_to_the_least_busy)


if __name__ == "__main__":
    unittest.main()
