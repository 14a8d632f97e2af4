"""F03: an endpoint whose packets vanish, in a network namespace of its own."""
import http.client
import os
import shutil
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import SLOW, Origin, Proxy  # noqa: E402

INSIDE = "PKRIG_INSIDE_NETNS"
HOLE = "10.99.0.2"
# A neighbour that is known and not there: nothing ever answers, not even "unreachable".
SETUP = f"""
set -e
ip link set lo up
ip link add hole type veth peer name nowhere
ip addr add 10.99.0.1/24 dev hole
ip link set hole up
ip link set nowhere up
ip neigh add {HOLE} lladdr 02:00:00:00:00:02 dev hole nud permanent
exec "$0" "$@"
"""
CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app:
    balancer: round_robin
    timeouts: {{ connect: 500ms }}
    health: [ health_passive ]
    attempt: [ retry: {{ on: [ connect_error ], delay: 10ms }} ]
    endpoints: [ "{hole}:3000", "127.0.0.1:{port}" ]
routes:
  - match: {{ path: / }}
    forward: app
"""


class BlackHole(unittest.TestCase):
    def test_it_costs_one_connect_timeout_each_until_it_is_left_out(self):
        with Origin() as origin, Proxy(CONFIG.format(hole=HOLE, port=origin.port)) as proxy:
            conn = http.client.HTTPConnection("127.0.0.1", proxy.port(), timeout=20 * SLOW)
            slow, times = 0, []
            for n in range(200):
                start = time.monotonic()
                method = "GET" if n % 2 else "POST"
                conn.request(method, "/ok", body=None if method == "GET" else b"abc")
                reply = conn.getresponse()
                reply.read()
                self.assertEqual(reply.status, 200)
                times.append(time.monotonic() - start)
            conn.close()
            slow = [t for t in times if t > 0.4]
            # Three of them met it; the rest never noticed.
            self.assertEqual(len(slow), 3, times[:10])
            self.assertLess(max(slow), 0.5 + 0.1 * SLOW)
            proxy.wait_log(rf"endpoint {HOLE}:3000: down .*connect timeout")


def main():
    if os.environ.get(INSIDE):
        return unittest.main()
    tools = all(map(shutil.which, ("unshare", "ip")))
    if not tools or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        print("no network namespace can be made here: F03 is not tested")
        return 0
    again = ["unshare", "-n", "sh", "-c", SETUP, sys.executable, *sys.argv]
    return subprocess.run(again, env={**os.environ, INSIDE: "1"}).returncode


if __name__ == "__main__":
    sys.exit(main())
