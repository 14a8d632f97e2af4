"""F24 by chance: under load endpoints come, go and change, as do balancers, health sources, policies and filters.
Nothing is lost, and the engine lives. PKRIG_SEED repeats a run."""
import os
import random
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import loss_client  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy  # noqa: E402

RELOADS = int(os.environ.get("PKRIG_RELOADS", 40))
SECRET = "secret: 0123456789abcdef"
BALANCERS = [
    "round_robin",
    "least_conn",
    "random_two",
    "ip_hash",
    "{ consistent_hash: query.n }",
    "{ consistent_hash: { key: query.n, load_max: 150 } }",
    f"{{ sticky: {{ {SECRET}, fallback: round_robin }} }}",
    f"{{ sticky: {{ {SECRET}, fallback: random_two }} }}",
]
PASSIVE = ["health_passive", "health_passive: { failures: 2, cooldown: 100ms }"]
ACTIVE = ["health_active: { path: /ok, interval: 50ms }", "health_active: { interval: 60ms }"]
ATTEMPTS = ["", "attempt: [ retry: { on: [ connect_error, reset ] } ]", "attempt: [ retry ]"]
FILTERS = ["", "filters: [ forwarded ]", "filters: [ headers: { response: { set: { X-A: b } } } ]"]
LOGS = ["", "logs: [ access_log: { path: $TMP/access.log } ]"]
CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
{logs}
upstreams:
  app:
    balancer: {balancer}
    health: [ {health} ]
    {attempt}
    endpoints: [ {endpoints} ]
routes:
  - match: {{ path: / }}
    {filters}
    forward: app
"""


class Reloads(unittest.TestCase):
    def endpoints(self, chance):
        """The first is always good, so that there is one that answers."""
        chosen = chance.sample(self.origins, chance.randint(1, len(self.origins)))
        for n, origin in enumerate(chosen):
            words = [f'address: "127.0.0.1:{origin.port}"']
            if chance.random() < 0.4:
                words.append(f"weight: {chance.randint(1, 20)}")
            if chance.random() < 0.2:
                words.append("max_connections: 50")
            if n > 0 and chance.random() < 0.2:
                words.append("backup: true")
            if n > 0 and chance.random() < 0.2:
                words.append(chance.choice(["state: drain", "state: down"]))
            yield "{ " + ", ".join(words) + " }"

    def config(self, chance):
        health = [chance.choice(PASSIVE)] if chance.random() < 0.6 else []
        health += [chance.choice(ACTIVE)] if chance.random() < 0.5 else []
        text = CONFIG.format(
            logs=chance.choice(LOGS),
            balancer=chance.choice(BALANCERS),
            health=", ".join(health),
            attempt=chance.choice(ATTEMPTS),
            endpoints=", ".join(self.endpoints(chance)),
            filters=chance.choice(FILTERS),
        )
        return text if health else text.replace("    health: [  ]\n", "")

    def test_nothing_is_lost(self):
        seed = int(os.environ.get("PKRIG_SEED", time.time_ns() % 1_000_000))
        chance = random.Random(seed)
        self.origins = [self.enterContext(Origin()) for _ in range(5)]
        proxy = self.enterContext(Proxy(self.config(chance), workers=2))
        plan = loss_client.Plan(
            port=proxy.port(),
            rate=500 / SLOW,
            seconds=110 * SLOW,
            keep_alive=6,
            connecting=3,
            unique=True,
        )
        with loss_client.Background(plan) as load:
            for n in range(RELOADS):
                said = proxy.reload(self.config(chance))
                self.assertIn("reloaded in", said, f"seed {seed}, reload {n}")
                self.assertTrue(load.sends(chance.choice([2, 10, 40])), f"seed {seed}, reload {n}")
        self.assertEqual(load.result["lost"], 0, f"seed {seed}: {load.result}")


if __name__ == "__main__":
    unittest.main()
