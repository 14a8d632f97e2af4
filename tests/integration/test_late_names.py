"""F45, F17: names of endpoints that the system cannot resolve yet, or not quickly, without a discovery."""
import http.client
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import dns_liar, private_net  # noqa: E402
from rig.dns_liar import good, nxdomain, silent  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy, run_to_exit  # noqa: E402
from rig.waiting import soon  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app: {{ {more} endpoints: [ {endpoints} ], timeouts: {{ connect: 1s }} }}
routes:
  - forward: app
"""
folder = None


def setUpModule():
    global folder
    private_net.enter()
    folder = tempfile.TemporaryDirectory()
    private_net.replace_file("/etc/resolv.conf", "nameserver 127.0.0.1\n", folder.name)


def tearDownModule():
    if folder:
        folder.cleanup()


def config(*endpoints, more=""):
    return CONFIG.format(endpoints=", ".join(f'"{e}"' for e in endpoints), more=more)


def status(proxy):
    conn = http.client.HTTPConnection("127.0.0.1", proxy.port(), timeout=10 * SLOW)
    try:
        conn.request("GET", "/ok")
        return conn.getresponse().status
    finally:
        conn.close()


class LateNames(unittest.TestCase):
    def setUp(self):
        self.liar = dns_liar.Liar(port=53)
        self.liar.__enter__()
        self.addCleanup(self.liar.__exit__)

    def until_served(self, proxy, within):
        served = soon(lambda: status(proxy) == 200, within)
        self.assertTrue(served, f"not served within {within} s")

    def test_a_name_that_does_not_exist_yet(self):
        """F45: it starts, says what it misses, answers 503, and serves when the name comes."""
        with Origin(host="127.0.0.2") as origin:
            with Proxy(config(f"app.test:{origin.port}")) as proxy:
                proxy.wait_log(r"app.test:\d+ is not resolved")
                proxy.wait_log(r"upstream 'app' has no endpoint until a name is resolved")
                self.assertEqual(status(proxy), 503)
                self.liar.zone["app.test"] = good("127.0.0.2")
                self.until_served(proxy, 10)
                proxy.wait_log(r"upstream 'app' has 1 endpoint; new: app.test:\d+ at 127.0.0.2")

    def test_others_serve_meanwhile(self):
        with Origin(host="127.0.0.2") as origin:
            more = "balancer: round_robin,"
            with Proxy(config(f"127.0.0.2:{origin.port}", "no.test:80", more=more)) as proxy:
                for _ in range(10):
                    self.assertEqual(status(proxy), 200)

    def test_a_silent_server_holds_up_no_start(self):
        """F17: ready at once whatever the system's resolver does; it may take 10 s over a name."""
        self.liar.zone["app.test"] = silent
        begun = time.monotonic()
        with Proxy(config("app.test:80")) as proxy:
            self.assertLess(time.monotonic() - begun, 2 * SLOW)
            self.assertEqual(status(proxy), 503)
            begun = time.monotonic()
            self.assertIn(
                "reloaded in",
                proxy.reload(config("app.test:80", "other.test:80", more="balancer: round_robin,")),
            )
            self.assertLess(time.monotonic() - begun, 2 * SLOW)

    def test_a_reload_keeps_what_was_known(self):
        with Origin(host="127.0.0.2") as origin, Origin(
            host="127.0.0.3", port=origin.port
        ) as other:
            self.liar.zone["app.test"] = good("127.0.0.2")
            with Proxy(config(f"app.test:{origin.port}")) as proxy:
                self.until_served(proxy, 5)
                self.liar.zone["app.test"] = nxdomain
                again = config(f"app.test:{origin.port}", more="retry_budget: 10,")
                self.assertIn("reloaded in", proxy.reload(again))
                self.assertEqual(status(proxy), 200)
                self.liar.zone["app.test"] = good("127.0.0.3")
                before = origin.counts["/ok"]
                self.assertIn("reloaded in", proxy.reload(config(f"app.test:{origin.port}")))
                proxy.wait_log("new: .* at 127.0.0.3", 5 * SLOW)
                self.assertEqual(status(proxy), 200)  # On no connection to where it was.
                self.assertEqual(origin.counts["/ok"], before)
                self.assertEqual(other.counts["/ok"], 1)

    def test_families_take_turns(self):
        """F17, of `dns`: A and AAAA are one endpoint that the first address to connect serves."""
        self.liar.zone["app.test"] = good("127.0.0.2", "127.0.0.3", "::1")
        more = (
            "balancer: round_robin, discovery: { dns: { one_endpoint: true, allow_local: true } },"
        )
        with Origin(host="127.0.0.2") as origin:
            with Proxy(config(f"app.test:{origin.port}", more=more)) as proxy:
                self.until_served(proxy, 5)
                at = rf"at \[::1\]:{origin.port} 127.0.0.2:{origin.port} 127.0.0.3:{origin.port}"
                proxy.wait_log(at)

    def test_addresses_without_a_way_are_left_out(self):
        self.liar.zone["app.test"] = good("127.0.0.2", "192.0.2.1", "2001:db8::1")
        more = "balancer: round_robin, discovery: { dns: { allow_local: true } },"
        with Origin(host="127.0.0.2") as origin:
            with Proxy(config(f"app.test:{origin.port}", more=more)) as proxy:
                proxy.wait_log(rf"has 1 endpoint; new: 127.0.0.2:{origin.port}$")
                self.assertEqual(status(proxy), 200)

    def test_other_servers_in_the_systems_file(self):
        """F45, of `dns`: a machine that gets its name servers after the proxy has started."""
        file = Path(folder.name) / "resolv.conf"
        self.addCleanup(file.write_text, file.read_text())
        file.write_text("nameserver 127.0.0.9\n")
        self.liar.zone["app.test"] = good("127.0.0.2")
        more = "balancer: round_robin, discovery: { dns: { allow_local: true, timeout: 100ms } },"
        with Origin(host="127.0.0.2") as origin:
            with Proxy(config(f"app.test:{origin.port}", more=more)) as proxy:
                proxy.wait_log("cannot be reached")
                self.assertEqual(status(proxy), 503)
                file.write_text("nameserver 127.0.0.1\n")
                self.until_served(proxy, 10)

    def test_validate_asks_nobody(self):
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / "pk.yaml"
            file.write_text(config("app.test:80"))
            code, err, _ = run_to_exit(args=["validate", "--config", str(file)])
        self.assertEqual(code, 0, err)
        self.assertEqual(self.liar.asked("app.test"), [])


if __name__ == "__main__":
    unittest.main()
