"""F43: four times what a worker can do. It serves nearly as much as ever, refuses the rest at once, and recovers."""
import json
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.load import Load  # noqa: E402
from rig.pkrig import Origin, Proxy  # noqa: E402
from rig.stage import with_test_plugins  # noqa: E402

CONFIG = """
listeners:
  - { name: web, address: "127.0.0.1:0" }
logs: [ access_log: { format: json, path: $TMP/access.log } ]
limits: { lag: %s }
upstreams:
  app: { endpoints: [ "127.0.0.1:%d" ] }
routes:
  - match: { path: /slow-answer }
    forward: app
  - match: { path: /light }
    handler: { respond: { status: 200, body: "light" } }
  - match: { path: / }
    filters: [ holder: 2ms ]
    handler: { respond: { status: 200, body: "served" } }
"""
CROWD = 200


class Overload(unittest.TestCase):
    def start(self, lag="50ms", port=1):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="pkrig-plugins-")))
        config = CONFIG % (lag, port)
        self.proxy = Proxy(config, args=with_test_plugins(config, folder))
        self.addCleanup(self.proxy.stop)

    def load(self, connections, target="/"):
        made = Load(self.proxy.port(), connections, target)
        self.addCleanup(made.close)
        return made

    def four_times(self):
        """What is wrong with how it takes four times what it can do; and that."""
        peak = self.load(3).run(2)  # Three at a time keep it busy, and nobody waits long.
        capacity = peak.count(200) / 2
        crowd = self.load(CROWD)
        crowd.run(1.5, rate=4 * capacity)  # Until it has noticed, the queue is full.
        over = crowd.run(3, rate=4 * capacity)
        crowd.close()
        self.assertEqual(set(over.times) - {200, 503}, set(), str(over))
        self.assertEqual(over.lost, 0, str(over))
        rules = {
            "offered": over.count(200) + over.count(503) > 3 * 3 * capacity,
            "goodput": over.count(200) / 3 > 0.9 * capacity,
            "refused soon": over.quantile(503, 0.5) < 0.005 if over.count(503) else False,
            "p99 of the taken": over.quantile(200, 0.99) < 2 * peak.quantile(200, 0.99),
        }
        story = f"peak {peak}\nover {over}"
        return [f"{rule}\n{story}" for rule, kept in rules.items() if not kept], capacity

    def test_f43_four_times_the_capacity(self):
        for _ in range(3):  # On a machine that does other things, too.
            self.start()
            wrong, capacity = self.four_times()
            if not wrong:
                break
        self.assertEqual(wrong, [])
        # Below what it can do, it takes all again within two seconds.
        few = self.load(3)
        deadline = time.monotonic() + 2
        while few.run(0.2, rate=capacity / 2).count(503):
            self.assertLess(time.monotonic(), deadline, "it does not recover")
        self.assertEqual(set(few.run(1, rate=capacity / 2).times), {200})
        self.proxy.finish()
        log = (self.proxy.dir / "access.log").read_text().splitlines()
        refused = [json.loads(line) for line in log if '"overload"' in line]
        self.assertTrue(refused)
        for record in refused:
            self.assertEqual(record, record | dict(status=503, end_reason="overload"))
        self.assertIn("a worker is overloaded", self.proxy.log)
        self.assertIn("a worker keeps up again", self.proxy.log)

    def test_switched_off_all_wait_and_nobody_is_refused(self):
        self.start(lag="0s")
        self.assertEqual(set(self.load(CROWD).run(2).times), {200})

    def test_slow_origins_are_no_overload(self):
        """Two hundred that wait for an origin, and some that are served meanwhile."""
        with Origin() as origin:
            self.start(port=origin.port)
            waiting = self.load(CROWD, "/slow-answer?ms=400")
            self.assertEqual(set(waiting.run(1.5).times), {200})

    def test_light_requests_are_never_refused(self):
        """As many as it can do, all connections at once: refusing would cost what serving costs."""
        self.start()
        self.assertEqual(set(self.load(CROWD, "/light").run(2).times), {200})


if __name__ == "__main__":
    unittest.main()
