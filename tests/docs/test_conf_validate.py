"""Every conf/*.yaml is good, without a warning, and every plugin is in one of them."""
import re
import unittest

from binary import ROOT, validate

CONFIGS = sorted((ROOT / "conf").glob("*.yaml"))


class Configs(unittest.TestCase):
    def test_each_is_good(self):
        self.assertGreater(len(CONFIGS), 5)
        for file in CONFIGS:
            name = f"conf/{file.name}"
            with self.subTest(name):
                self.assertEqual(validate(name), (0, f"{name} is good\n"))

    def test_each_plugin_is_shown(self):
        shown = "\n".join(re.sub(r"#.*", "", file.read_text()) for file in CONFIGS)
        for made in sorted(ROOT.glob("plugins/*/CMakeLists.txt")):
            with self.subTest(made.parent.name):
                self.assertRegex(shown, rf"\b{made.parent.name}\b")


if __name__ == "__main__":
    unittest.main()
