"""conf/pkernel.service: what it starts and how it stops it is true of the binary that was built."""
import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from binary import ROOT, pkernel

sys.path.insert(0, str(ROOT / "tests"))
from rig.pkrig import Proxy  # noqa: E402

UNIT = ROOT / "conf/pkernel.service"
CONFIG = """
listeners: [ "127.0.0.1:0" ]
logs: [ access_log ]
routes: [ { handler: { respond: { body: ok } } } ]
"""


def service():
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read(UNIT)
    return unit["Service"]


class Service(unittest.TestCase):
    def test_its_command_is_one_of_ours(self):
        program, command, *options = service()["ExecStart"].split()
        self.assertEqual((Path(program).name, command), ("pkernel", "run"))
        self.assertEqual(options, ["--config", "/etc/pkernel/pkernel.yaml"])
        self.assertIn("/etc/pkernel/pkernel.yaml", pkernel("--help")[1])

    def test_a_drain_has_the_time_that_it_may_take(self):
        said = re.search(
            r"What is left after (\d+) s is cut", (ROOT / "docs/operating.md").read_text()
        )
        self.assertGreater(int(service()["TimeoutStopSec"]), int(said[1]))
        self.assertEqual(service()["KillMode"], "mixed")

    def test_with_its_rights_it_starts_reloads_and_ends(self):
        kept = [
            each.lower().removeprefix("cap_") for each in service()["CapabilityBoundingSet"].split()
        ]
        words = ["setpriv", "--no-new-privs"]
        if os.getuid() == 0:
            words.append("--bounding-set=-all," + ",".join("+" + each for each in kept))
        reload = re.search(r"kill -(\w+) \$MAINPID", service()["ExecReload"])
        with Proxy(CONFIG, prefix=words) as proxy:
            proxy.signal(getattr(signal, "SIG" + reload[1]))
            proxy.wait_log("reloaded in")

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not installed")
    def test_systemd_understands_it(self):
        with tempfile.TemporaryDirectory() as folder:
            text = UNIT.read_text().replace("/usr/local/bin/pkernel", "/bin/true")
            (Path(folder) / "pkernel.service").write_text(text)
            verify = ["systemd-analyze", "verify", f"{folder}/pkernel.service"]
            done = subprocess.run(verify, capture_output=True, text=True, timeout=60)
            self.assertNotIn("pkernel.service", done.stderr)


if __name__ == "__main__":
    unittest.main()
