"""F45: a listener's address, and an origin's, that come after the proxy has started."""
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import private_net  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy, run_to_exit  # noqa: E402
from rig.waiting import soon  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "{web}", freebind: {freebind} }}
upstreams:
  app: {{ endpoints: [ "{origin}:8099" ], timeouts: {{ connect: 1s }} }}
routes:
  - match: {{ path: /here }}
    handler: {{ respond: {{ status: 200, body: "here" }} }}
  - match: {{ path: / }}
    forward: app
"""
# Of the blocks for documentation (RFC 5737, RFC 3849): no machine has them.
V4, V6, ORIGIN = "192.0.2.1", "2001:db8::1", "192.0.2.9"


def setUpModule():
    private_net.enter()


class Late(unittest.TestCase):
    def add(self, address):
        length = "128" if ":" in address else "32"
        words = ["addr", "add", f"{address}/{length}", "dev", "lo"]
        private_net.ip(*words + (["nodad"] if ":" in address else []))
        self.addCleanup(private_net.ip, "addr", "del", f"{address}/{length}", "dev", "lo")
        self.wait_route(address)

    def wait_route(self, address):
        """The system makes the route to an address of IPv6 a moment after the address."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            self.assertTrue(soon(lambda: probe.connect_ex((address, 9)) == 0), "no route")

    @staticmethod
    def get(host, port, path):
        with socket.create_connection((host, port), 5 * SLOW) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            return int(sock.recv(65536).split()[1])

    def test_it_listens_on_an_address_before_it_is_there(self):
        """F45: a floating address that another machine still has."""
        for address in (V4, V6):
            with self.subTest(address):
                web = f"[{address}]:0" if ":" in address else f"{address}:0"
                config = CONFIG.format(web=web, freebind="true", origin=ORIGIN)
                with Proxy(config, workers=2) as proxy:
                    port = proxy.port("web")
                    with self.assertRaises(OSError):
                        self.get(address, port, "/here")
                    self.add(address)
                    self.assertEqual(self.get(address, port, "/here"), 200)

    def test_without_the_option_it_says_what_to_write(self):
        """F45: exit code 4 at the line of the address, as ever."""
        config = CONFIG.format(web=f"{V4}:8080", freebind="false", origin=ORIGIN)
        code, err, _ = run_to_exit(config)
        self.assertEqual(code, 4, err)
        self.assertIn("pk.yaml:3:27: error", err)
        self.assertIn("no interface of this machine has the address", err)
        self.assertIn("freebind: true", err)

    def test_backend_and_both_addresses_come_last(self):
        """F45: the order of a machine that starts: proxy, its address, the origin's host, the origin."""
        config = CONFIG.format(web=f"{V4}:8080", freebind="true", origin=ORIGIN)
        with Proxy(config, workers=1):
            self.add(V4)
            self.assertEqual(self.get(V4, 8080, "/ok"), 502)  # No way to the origin's host.
            self.add(ORIGIN)
            self.assertEqual(self.get(V4, 8080, "/ok"), 502)  # It refuses.
            with Origin(8099, host=ORIGIN):
                deadline = time.monotonic() + 5 * SLOW
                while self.get(V4, 8080, "/ok") != 200:
                    self.assertLess(time.monotonic(), deadline, "not served in time")
                    time.sleep(0.01)


if __name__ == "__main__":
    unittest.main()
