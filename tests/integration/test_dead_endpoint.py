"""F01, F03 under load: one of three Node applications is killed, refuses, or falls into a black hole. No request
fails, and the mean of all grows by less than 5 ms.

PKRIG_REQUESTS=100000 PKRIG_RATE=2000 is the measurement of docs/performance.md; without it each part has a few
thousand. Requests are GETs: what may run twice only.
"""
import asyncio
import os
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import loss_client, private_net  # noqa: E402
from rig.pkrig import SLOW, NodeApp, Proxy  # noqa: E402

REQUESTS = int(os.environ.get("PKRIG_REQUESTS", 3000))
RATE = int(os.environ.get("PKRIG_RATE", 1500)) / SLOW
ADDED_MS = 5 * SLOW
HOLE = "10.99.0.2"
CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app:
    balancer: round_robin
    {more}
    endpoints: [ {endpoints} ]
routes:
  - match: {{ path: / }}
    filters: [ forwarded ]
    forward: app
"""
PATIENT = "health: [ health_passive ]"
# What is sent into a black hole has to be given up before it can be saved.
QUICK = """health:
      - health_passive
      - health_active: { path: /items, interval: 200ms, timeout: 300ms, fall: 2 }
    attempt: [ retry: { on: [ connect_error, reset, timeout ], tries: 3 } ]
    timeouts: { connect: 300ms, response: 1s }"""


def setUpModule():
    try:
        private_net.enter()
    except unittest.SkipTest as why:
        DeadEndpoint.no_hole = str(why)
        return
    # A neighbour that is known and not there: what is sent to HOLE vanishes, once nobody here has that address.
    for words in (
        "link add hole type veth peer name nowhere",
        "addr add 10.99.0.1/24 dev hole",
        "link set hole up",
        "link set nowhere up",
        f"neigh add {HOLE} lladdr 02:00:00:00:00:02 dev hole nud permanent",
    ):
        private_net.ip(*words.split())


class DeadEndpoint(unittest.TestCase):
    no_hole = None

    def start(self, more, *hosts):
        self.apps = []
        for host in hosts:
            self.apps.append(NodeApp("json_api", HOST=host))
            self.addCleanup(self.apps[-1].__exit__)
        endpoints = ", ".join(f'"{host}:{app.port}"' for host, app in zip(hosts, self.apps))
        self.proxy = Proxy(CONFIG.format(more=more, endpoints=endpoints), workers=2)
        self.addCleanup(self.proxy.stop)
        loss_client.run(loss_client.Plan(port=self.proxy.port(), path="/items", seconds=0.3))
        self.alive = self.load("all three alive", requests=min(REQUESTS, 20_000))["mean_ms"]

    def load(self, what, meanwhile=None, requests=REQUESTS):
        """So many requests; `meanwhile` happens when a third of them was sent. None is lost."""
        plan = loss_client.Plan(
            port=self.proxy.port(),
            path="/items",
            rate=RATE,
            requests=requests,
            seconds=10 * SLOW + 10 * requests / RATE,
            timeout=10 * SLOW,
        )
        load, ended = loss_client.Load(plan), threading.Event()

        def strike():
            while load.sent < requests / 3 and not ended.wait(0.002):
                pass
            meanwhile()

        striker = threading.Thread(target=strike if meanwhile else lambda: None)
        striker.start()
        try:
            result = asyncio.run(load.run())
        finally:
            ended.set()
        striker.join()
        if "PKRIG_REQUESTS" in os.environ:
            print(what, {k: result[k] for k in ("sent", "lost", "mean_ms", "slowest_ms")})
        self.assertEqual(result["lost"], 0, f"{what}: {result}")
        self.assertGreaterEqual(result["sent"], requests)
        return result

    def judge(self, what, meanwhile=None):
        mean = self.load(what, meanwhile)["mean_ms"]
        self.assertLess(mean - self.alive, ADDED_MS, f"{what}: beside {self.alive} ms")

    def test_killed_and_refusing(self):
        self.start(PATIENT, *["127.0.0.1"] * 3)
        self.judge("killed after a third", self.apps[0].kill)
        self.judge("refusing all the time")
        self.proxy.wait_log(rf"endpoint 127.0.0.1:{self.apps[0].port}: down ")

    def test_a_black_hole(self):
        if self.no_hole:
            self.skipTest(self.no_hole)
        private_net.ip("addr", "add", f"{HOLE}/32", "dev", "lo")
        self.start(QUICK, "127.0.0.1", "127.0.0.1", HOLE)
        self.judge(
            "a black hole after a third",
            lambda: private_net.ip("addr", "del", f"{HOLE}/32", "dev", "lo"),
        )
        self.proxy.wait_log(rf"endpoint {HOLE}:\d+: down ")
        self.judge("a black hole all the time")


if __name__ == "__main__":
    unittest.main()
