"""Every conf/*.yaml is good, without a warning, and every plugin is in one of them.

Keys and certificates are never in the tree: those that conf/ names under tls/ are made here, in a copy of it.
"""
import re
import shutil
import tempfile
import unittest
from pathlib import Path

from binary import ROOT, make_certificate, validate

CONFIGS = sorted((ROOT / "conf").glob("*.yaml"))


class Configs(unittest.TestCase):
    def test_each_is_good(self):
        self.assertGreater(len(CONFIGS), 5)
        there = Path(tempfile.mkdtemp(prefix="conf-"))
        self.addCleanup(shutil.rmtree, there)
        shutil.copytree(ROOT / "conf", there / "conf")
        make_certificate(there / "conf/tls", "app", ["app.example.com"])
        make_certificate(there / "conf/tls", "admin", ["admin.example.com"])
        make_certificate(there / "conf/tls", "staff-ca", ["staff.example.com"])
        for file in CONFIGS:
            name = f"conf/{file.name}"
            with self.subTest(name):
                self.assertEqual(validate(name, there), (0, f"{name} is good\n"))

    def test_each_plugin_is_shown(self):
        shown = "\n".join(re.sub(r"#.*", "", file.read_text()) for file in CONFIGS)
        for made in sorted(ROOT.glob("plugins/*/CMakeLists.txt")):
            with self.subTest(made.parent.name):
                self.assertRegex(shown, rf"\b{made.parent.name}\b")


if __name__ == "__main__":
    unittest.main()
