"""The list of what sanitizers skip says all of it, and nothing that is not skipped."""
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from rig import sanitized  # noqa: E402

SCRIPTS = sorted((Path(__file__).parents[2] / "integration").glob("test_*.py"))


class SkipList(unittest.TestCase):
    def test_each_part_has_a_reason_and_its_script_asks_for_it(self):
        asked = set()
        for script in SCRIPTS:
            for name in re.findall(r'\bskips\("([^"]*)"\)', script.read_text()):
                self.assertEqual(name.split(".")[0], script.stem)
                asked.add(name)
        listed = sanitized.reasons()
        self.assertEqual(asked, {name for name in listed if name.startswith("test_")})
        self.assertTrue(all(listed.values()))

    def test_no_script_has_a_way_of_its_own(self):
        own_way = re.compile(r"SLOW\s*(==|!=|>|<)|PKRIG_SLOW|__SANITIZE")
        found = [script.name for script in SCRIPTS if own_way.search(script.read_text())]
        self.assertEqual(found, [])

    def test_what_is_not_in_the_list_cannot_be_skipped(self):
        with self.assertRaises(KeyError):
            sanitized.skips("test_chain.nothing")


if __name__ == "__main__":
    unittest.main()
