"""F18: Node applications that are restarted under load, one after the other and alone.

A POST that was on its way to a connection that Node closes in that moment is lost whatever a proxy does, as it may
have been processed: it is counted, and must be the only kind of loss.
"""
import json
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import loss_client  # noqa: E402
from rig.pkrig import NodeApp, Proxy  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
upstreams:
  app:
    balancer: round_robin
    health: [ health_passive: {{ cooldown: 200ms }} ]
    all_down: try_all
    attempt: [ retry: {{ {retry} }} ]
    endpoints: [ {endpoints} ]
routes:
  - match: {{ path: / }}
    forward: app
"""
GAP = 0.2


class Restarts(unittest.TestCase):
    def play(self, apps, retry, restarts, rate=250):
        """Restarts them in turn under load; what the clients saw."""
        endpoints = ", ".join(f'"127.0.0.1:{app.port}"' for app in apps)
        with Proxy(CONFIG.format(retry=retry, endpoints=endpoints), workers=2) as proxy:
            plan = loss_client.Plan(
                port=proxy.port(), path="/whoami", rate=rate, seconds=300, post_share=0.3
            )
            with loss_client.Background(plan) as load:
                for n in range(restarts):
                    app = apps[n % len(apps)]
                    app.terminate()
                    time.sleep(GAP)
                    app.start()
                    self.assertTrue(load.sends(40))
            proxy.finish()
            lines = (proxy.dir / "access.log").read_text().splitlines()
        result = load.result
        result["losses"] = [r for r in map(json.loads, lines) if r["status"] != 200]
        return result

    def judge(self, result, restarts):
        kinds = {(r["method"], r["status"], r["end_reason"]) for r in result["losses"]}
        cut = {("POST", 502, "upstream_reset"), ("POST", 502, "upstream_closed")}
        self.assertLessEqual(kinds, cut, result)
        self.assertEqual(result["lost"], len(result["losses"]), result)
        self.assertLessEqual(result["lost"], 2 * restarts, result)  # Of six clients.

    def test_two_in_turn_lose_nothing(self):
        with NodeApp("json_api") as one, NodeApp("json_api") as two:
            self.judge(self.play([one, two], "tries: 3", 20), 20)

    def test_alone_requests_wait_for_it(self):
        with NodeApp("json_api") as one:
            self.judge(self.play([one], "tries: 16, delay: 50ms, deadline: 5s", 5), 5)


if __name__ == "__main__":
    unittest.main()
