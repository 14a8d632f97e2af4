"""Attempts under load: how much an upstream that fails is asked beyond what was offered."""
import http.client
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import SLOW, Origin, Proxy, Refusing  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app:
    balancer: round_robin
    attempt: [ retry: {{ on: [ connect_error, reset, 503 ], tries: {tries}, delay: 0s }} ]
    {more}
    endpoints: [ {endpoints} ]
routes:
  - match: {{ path: / }}
    forward: app
"""


class Budget(unittest.TestCase):
    def start(self, count=2, tries=4, more="", workers=1, refusing=()):
        self.origins = [self.enterContext(Origin()) for _ in range(count)]
        endpoints = ", ".join(f'"127.0.0.1:{o.port}"' for o in (*self.origins, *refusing))
        self.proxy = Proxy(
            CONFIG.format(endpoints=endpoints, tries=tries, more=more), workers=workers
        )
        self.addCleanup(self.proxy.stop)

    def ask(self, count, path):
        """How often each status came."""
        conn = http.client.HTTPConnection("127.0.0.1", self.proxy.port(), timeout=20 * SLOW)
        self.addCleanup(conn.close)
        seen = {}
        for _ in range(count):
            conn.request("GET", path)
            reply = conn.getresponse()
            reply.read()
            seen[reply.status] = seen.get(reply.status, 0) + 1
        return seen

    def executed(self, path):
        return sum(origin.counts[path] for origin in self.origins)

    def test_half_of_the_answers_are_errors(self):
        """F44: the upstream is asked at most 1.2 times as often as was offered."""
        self.start()
        seen = self.ask(1000, "/every-other-503")
        self.assertEqual(sum(seen.values()), 1000)
        load = self.executed("/every-other-503")
        self.assertLessEqual(load, 1200)
        # What there was of the budget saved requests.
        self.assertGreaterEqual(load, 1150)
        self.assertGreaterEqual(seen[200], 550)

    def test_all_of_them_die(self):
        """F44 where nothing can be saved: each request would be sent four times."""
        self.start()
        seen = self.ask(500, "/rst-before")
        self.assertEqual(seen, {502: 500})
        self.assertLessEqual(self.executed("/rst-before"), 600)

    def test_the_kernels_own_second_attempt_counts_too(self):
        """F44 without a plugin."""
        self.start(more="retry_budget: 10")
        config = CONFIG.replace("attempt:", "#")
        endpoints = ", ".join(f'"127.0.0.1:{o.port}"' for o in self.origins)
        plain = Proxy(config.format(endpoints=endpoints, tries=1, more="retry_budget: 10"))
        self.addCleanup(plain.stop)
        self.proxy = plain
        self.assertEqual(self.ask(500, "/rst-before"), {502: 500})
        load = self.executed("/rst-before")
        self.assertLessEqual(load, 550)
        self.assertGreaterEqual(load, 530)

    def test_moving_on_after_a_refused_connect_costs_nothing_of_it(self):
        """F01: what sent nothing put no load on the upstream."""
        dead = Refusing()
        self.addCleanup(dead.close)
        self.start(more="retry_budget: { percent: 0, least: 0 }", refusing=[dead])
        self.assertEqual(self.ask(300, "/ok"), {200: 300})


if __name__ == "__main__":
    unittest.main()
