"""Each balancer plugin in the real proxy, before real origins: shares, affinity, counts over workers, nothing lost."""
import collections
import http.client
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import loss_client  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app:
    balancer: {balancer}
    endpoints: [ {endpoints} ]
routes:
  - match: {{ path: / }}
    filters: [ forwarded: {{ trusted_proxies: [ 127.0.0.0/8 ] }} ]
    forward: app
"""

ALL = (
    "round_robin",
    "least_conn",
    "random_two",
    "ip_hash",
    "{ consistent_hash: query.n }",
    "{ sticky: { secret: 0123456789abcdef, fallback: random_two } }",
)


class Balancers(unittest.TestCase):
    def start(self, balancer, count=3, workers=2, options=None):
        self.origins = [Origin().__enter__() for _ in range(count)]
        self.gone = set()
        self.addCleanup(self.kill_all)
        self.proxy = Proxy(self.config(balancer, range(count), options or {}), workers=workers)
        self.addCleanup(self.proxy.stop)

    def config(self, balancer, indices, options={}):
        endpoints = ", ".join(
            f'{{ address: "127.0.0.1:{self.origins[i].port}" {options.get(i, "")} }}'
            for i in indices
        )
        return CONFIG.format(balancer=balancer, endpoints=endpoints)

    def kill(self, index):
        if index not in self.gone:
            self.gone.add(index)
            self.origins[index].__exit__()

    def kill_all(self):
        for index in range(len(self.origins)):
            self.kill(index)

    def connect(self):
        conn = http.client.HTTPConnection("127.0.0.1", self.proxy.port(), timeout=20 * SLOW)
        self.addCleanup(conn.close)
        return conn

    def get(self, conn, path="/ok", fields=None):
        conn.request("GET", path, headers=fields or {})
        reply = conn.getresponse()
        reply.read()
        return reply

    def served(self, path="/ok"):
        return [origin.counts[path] for origin in self.origins]

    def where(self, conn, fields=None, path="/ok"):
        """Which origin answers, and the reply."""
        before = self.served(path)
        reply = self.get(conn, path, fields)
        self.assertEqual(reply.status, 200)
        moved = [i for i, n in enumerate(self.served(path)) if n > before[i]]
        self.assertEqual(len(moved), 1)
        return moved[0], reply

    def test_least_conn_spreads_an_idle_system_by_weight(self):
        self.start("least_conn", workers=1, options={0: ", weight: 2"})
        conn = self.connect()
        for _ in range(400):
            self.assertEqual(self.get(conn).status, 200)
        self.assertEqual(sum(self.served()), 400)
        for count, due in zip(self.served(), (200, 100, 100)):
            self.assertLessEqual(abs(count - due), 2)

    def test_least_conn_counts_over_all_workers(self):
        self.start("least_conn", workers=2)
        waiting = [threading.Thread(target=self._hang) for _ in range(12)]
        for thread in waiting:
            thread.start()
            # One after the other, so that each pick sees those before it.
            want = sum(self.served("/hang")) + 1
            deadline = time.monotonic() + 5 * SLOW
            while sum(self.served("/hang")) < want and time.monotonic() < deadline:
                time.sleep(0.001)
        self.assertEqual(self.served("/hang"), [4, 4, 4])
        self.kill_all()
        for thread in waiting:
            thread.join(10)

    def _hang(self):
        conn = http.client.HTTPConnection("127.0.0.1", self.proxy.port(), timeout=20 * SLOW)
        try:
            conn.request("GET", "/hang")
            conn.getresponse()
        except (OSError, http.client.HTTPException):
            pass
        conn.close()

    def test_random_two_uses_all(self):
        self.start("random_two", count=5)
        conn = self.connect()
        for _ in range(500):
            self.assertEqual(self.get(conn).status, 200)
        self.assertEqual(sum(self.served()), 500)
        for count in self.served():
            self.assertGreater(count, 50)

    def test_ip_hash_keeps_a_client_by_its_forwarded_address(self):
        self.start("ip_hash", workers=2)
        seen = collections.Counter()
        for n in range(40):
            fields = {"X-Forwarded-For": f"192.0.2.{n}"}
            homes = {self.where(self.connect(), fields)[0] for _ in range(3)}
            self.assertEqual(len(homes), 1, f"client {n}")
            seen.update(homes)
        self.assertEqual(len(seen), 3)

    def test_consistent_hash_keeps_keys_when_an_endpoint_goes(self):
        self.start("{ consistent_hash: field.x-user }", workers=2)
        conn = self.connect()
        before = {n: self.where(conn, {"X-User": f"u{n}"})[0] for n in range(60)}
        self.assertEqual(set(before.values()), {0, 1, 2})
        self.kill(1)
        for n, home in before.items():
            after, _ = self.where(self.connect(), {"X-User": f"u{n}"})
            if home == 1:
                self.assertNotEqual(after, 1)
            else:
                self.assertEqual(after, home)

    def test_sticky_by_cookie_and_failover(self):
        secret = "0123456789abcdef"
        self.start(f"{{ sticky: {{ secret: {secret}, fallback: least_conn }} }}", workers=2)
        homes = {}
        for _ in range(12):
            home, reply = self.where(self.connect())
            cookie = reply.getheader("Set-Cookie")
            self.assertRegex(cookie, r"^pk_sticky=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax$")
            homes[home] = cookie.split(";")[0]
        self.assertEqual(set(homes), {0, 1, 2})
        for home, cookie in homes.items():
            for _ in range(5):
                again, reply = self.where(self.connect(), {"Cookie": "a=b; " + cookie})
                self.assertEqual((again, reply.getheader("Set-Cookie")), (home, None))
        # Its endpoint dies: another one answers, and the cookie names that one.
        self.kill(0)
        moved, reply = self.where(self.connect(), {"Cookie": homes[0]})
        self.assertEqual(reply.getheader("Set-Cookie").split(";")[0], homes[moved])

    def test_an_endpoint_that_is_drained_keeps_its_clients_and_gets_no_others(self):
        balancer = "{ sticky: { secret: 0123456789abcdef, fallback: round_robin } }"
        balancer += "\n    health: [ health_active: { path: /ok?health, interval: 50ms, fall: 1, rise: 1 } ]"
        self.start(balancer, workers=2)
        cookies = {}
        while len(cookies) < 3:
            home, reply = self.where(self.connect())
            cookies[home] = {"Cookie": reply.getheader("Set-Cookie").split(";")[0]}
        drained = {0: ", state: drain", 1: ", state: drain"}
        self.assertIn("reloaded", self.proxy.reload(self.config(balancer, range(3), drained)))
        for home in (0, 1, 2):
            again, reply = self.where(self.connect(), cookies[home])
            self.assertEqual((again, reply.getheader("Set-Cookie")), (home, None))
        for _ in range(6):
            self.assertEqual(self.where(self.connect())[0], 2)
        # It is probed still, and while it is down its clients go elsewhere.
        self.kill(0)
        self.proxy.wait_log("down \\(health_active", 10 * SLOW)
        self.assertEqual(self.where(self.connect(), cookies[0])[0], 2)
        # All of them: only who belongs there is served.
        every = {i: ", state: drain" for i in range(3)}
        self.assertIn("reloaded", self.proxy.reload(self.config(balancer, range(3), every)))
        self.assertEqual(self.where(self.connect(), cookies[1])[0], 1)
        self.assertEqual(self.get(self.connect()).status, 503)
        self.assertIn("reloaded", self.proxy.reload(self.config("round_robin", range(3), drained)))
        self.assertEqual(self.where(self.connect(), cookies[1])[0], 2)
        every[1] = ", state: down"
        self.assertIn("reloaded", self.proxy.reload(self.config(balancer, range(3), every)))
        self.assertEqual(self.get(self.connect(), fields=cookies[1]).status, 503)

    def test_an_endpoint_that_is_down_stays_so_when_it_is_drained_and_when_it_comes_back(self):
        balancer = "round_robin\n    health: [ health_passive: { failures: 1, cooldown: 60s } ]"
        self.start(balancer, workers=1)
        self.kill(0)
        conn = self.connect()
        for options in ({}, {0: ", state: drain"}, {}):
            self.assertIn("reloaded", self.proxy.reload(self.config(balancer, range(3), options)))
            for _ in range(6):
                self.assertEqual(self.get(conn).status, 200)
        self.assertEqual(self.proxy.log.count("down (health_passive"), 1)

    def test_nothing_is_lost_while_one_of_three_is_dead(self):
        for balancer in ALL:
            with self.subTest(balancer):
                self.start(balancer)
                self.kill(2)
                conn = self.connect()
                for n in range(200):
                    fields = {"X-Forwarded-For": f"192.0.2.{n}"}
                    self.assertEqual(self.get(conn, f"/ok?size={n}", fields).status, 200)
                self.proxy.stop()
                self.kill_all()

    def test_nothing_is_lost_while_endpoints_come_and_go(self):
        """By reloads, under load; each of those that are there has its part."""
        for balancer in ALL:
            with self.subTest(balancer):
                self.start(balancer)
                plan = loss_client.Plan(
                    port=self.proxy.port(), rate=400 / SLOW, seconds=60 * SLOW, unique=True
                )
                with loss_client.Background(plan) as load:
                    for there in ((0, 1), (1, 2), (0, 1, 2), (0, 2), (0, 1, 2)):
                        text = self.config(balancer, there)
                        self.assertIn("reloaded in", self.proxy.reload(text))
                        self.assertTrue(load.sends(60))
                self.assertEqual(load.result["lost"], 0, load.result)
                if balancer != "ip_hash":  # All clients are one address.
                    for origin in self.origins:
                        self.assertGreater(sum(origin.counts.values()), 30)
                self.proxy.stop()
                self.kill_all()

    def test_shares_follow_the_weights_of_a_reload(self):
        for balancer in ("round_robin", "least_conn", "random_two"):
            with self.subTest(balancer):
                self.start(balancer)
                conn = self.connect()
                for heavy in (0, 2):
                    text = self.config(balancer, (0, 1, 2), {heavy: ", weight: 8"})
                    self.assertIn("reloaded in", self.proxy.reload(text))
                    before = self.served()
                    for _ in range(200):
                        self.assertEqual(self.get(conn).status, 200)
                    now = [b - a for a, b in zip(before, self.served())]
                    self.assertGreater(now[heavy], 120, now)
                    self.assertGreater(min(now), 3)
                self.proxy.stop()
                self.kill_all()

    def test_a_full_endpoint_is_passed_over(self):
        options = {0: ", max_connections: 2", 1: ", max_connections: 2"}
        self.start("random_two", count=3, options={**options, 2: ", backup: true"})
        waiting = [threading.Thread(target=self._hang) for _ in range(6)]
        for n, thread in enumerate(waiting):
            thread.start()
            deadline = time.monotonic() + 5 * SLOW
            while sum(self.served("/hang")) <= n and time.monotonic() < deadline:
                time.sleep(0.001)
        self.assertEqual(self.served("/hang"), [2, 2, 2])
        self.kill_all()
        for thread in waiting:
            thread.join(10)


if __name__ == "__main__":
    unittest.main()
