"""A gigabyte up and down through the proxy with flat memory, and an app killed under full load (label: bulk)."""
import json
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import loss_client  # noqa: E402
from rig.pkrig import NodeApp, Proxy  # noqa: E402

MIB, GIB = 1 << 20, 1 << 30
CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
routes:
  - match: {{ path: / }}
    limits: {{ request_body: 2GiB }}
    forward: app
"""


class Watch:
    """Resident memory of the proxy while a transfer runs: the most seen after 64 MiB and after 1 GiB."""

    def __init__(self, proxy):
        self.proxy, self.samples, self.done = proxy, [], threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.start = time.monotonic()
        self.thread.start()

    def _run(self):
        while not self.done.wait(0.05):
            self.samples.append(self.proxy.rss_bytes())

    def stop(self):
        self.done.set()
        self.thread.join()
        return max(self.samples + [self.proxy.rss_bytes()])  # A short one may have had no sample.


class Gigabyte(unittest.TestCase):
    def flat(self, proxy, transfer):
        """Transfers 64 MiB, then 1 GiB: the second may hold 4 MiB more than the first at most."""
        peaks = []
        for size in (64 * MIB, GIB):
            watch = Watch(proxy)
            transfer(size)
            peaks.append(watch.stop())
        self.assertLessEqual(peaks[1] - peaks[0], 4 * MIB, f"peaks {peaks}")

    def test_upload(self):
        with NodeApp("upload") as app, Proxy(CONFIG.format(port=app.port), workers=2) as proxy:

            def transfer(size):
                source = subprocess.Popen(
                    ["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE
                )
                done = subprocess.run(
                    [
                        "curl",
                        "-sS",
                        "-T",
                        "-",
                        "-H",
                        "Expect:",
                        "--max-time",
                        "90",
                        f"http://127.0.0.1:{proxy.port()}/up",
                    ],
                    stdin=source.stdout,
                    capture_output=True,
                )
                source.stdout.close()
                source.wait()
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(json.loads(done.stdout)["bytes"], size)

            self.flat(proxy, transfer)

    def test_download(self):
        with NodeApp("download") as app, Proxy(CONFIG.format(port=app.port), workers=2) as proxy:

            def transfer(size):
                done = subprocess.run(
                    [
                        "curl",
                        "-sS",
                        "-o",
                        "/dev/null",
                        "-w",
                        "%{size_download}",
                        "--max-time",
                        "90",
                        f"http://127.0.0.1:{proxy.port()}/?size={size}",
                    ],
                    capture_output=True,
                )
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(int(done.stdout), size)

            self.flat(proxy, transfer)


class KilledUnderLoad(unittest.TestCase):
    """design-details 24: SIGKILL of the Node app, 10 times at 2,000 requests a second."""

    def test_ten_times(self):
        with NodeApp("json_api") as app, Proxy(CONFIG.format(port=app.port), workers=2) as proxy:
            done = []
            load = threading.Thread(
                target=lambda: done.append(
                    loss_client.run(
                        loss_client.Plan(port=proxy.port(), path="/items", seconds=10, rate=2000)
                    )
                )
            )
            load.start()
            for _ in range(10):
                app.kill()
                app.start()
                self.serve_again(proxy)
            load.join()
            result = done[0]
            kinds = {k for k in loss_client.KINDS if result[k]}
            # Every request gets an answer of its own, an error while the app is away; a body may be cut, visibly.
            self.assertLessEqual(kinds, {"ok", "wrong_status", "short_body"}, result)
            self.assertGreater(result["ok"], 1000, result)

    def serve_again(self, proxy):
        deadline = time.monotonic() + 20
        while subprocess.run(
            ["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{proxy.port()}/items"],
            check=False,
        ).returncode:
            self.assertLess(time.monotonic(), deadline, "not back in time")


if __name__ == "__main__":
    unittest.main()
