"""docs/tests_by_id.md names tests that exist, for every row of the specification, and forgets none that names itself."""
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/tests_by_id.md"
IDS = [f"{letter}{number:02}" for letter in "SF" for number in range(1, 46)]
TESTS = ("*.conv", "test_*.py", "*_test.cpp")


def rows():
    """[(id, [place], state)]"""
    found = re.findall(r"^\| ([SF]\d\d) \|[^|]*\|([^|]*)\|([^|]*)\|$", PAGE.read_text(), re.M)
    return [
        (row, re.findall(r"`([a-z]\w*/[^`]+)`", kept + state), state.strip())
        for row, kept, state in found
    ]


def file_of(place):
    path = place.split(":")[0]
    return ROOT / path if path.startswith("plugins/") else ROOT / "tests" / path


def own_ids(file):
    """Ids by which a test calls itself: in comments, titles and docstrings, ranges such as F01-F16 too."""
    text = file.read_text()
    named = set(re.findall(r"\b[SF]\d\d\b", text)) & set(IDS)
    for letter, first, last in re.findall(r"\b([SF])(\d\d)-\1(\d\d)\b", text):
        named |= {f"{letter}{number:02}" for number in range(int(first), int(last) + 1)}
    return named


def test_files():
    for folder in (ROOT / "tests", ROOT / "plugins"):
        for pattern in TESTS:
            yield from (f for f in folder.rglob(pattern) if "/docs/" not in str(f))


class Page(unittest.TestCase):
    def test_every_row_is_there_once(self):
        self.assertEqual([row for row, _, _ in rows()], IDS)

    def test_every_state_says_one_of_three_things(self):
        for row, places, state in rows():
            with self.subTest(row):
                self.assertRegex(state, r"^(kept|later|partly: .+)$")
                self.assertEqual(state != "later", bool(places))

    def test_every_name_exists(self):
        for row, places, _ in rows():
            for place in places:
                with self.subTest(row, place=place):
                    self.assertTrue(file_of(place).is_file())
                    _, _, name = place.partition(": ")
                    kinds = r"(?:def |class |BOOST_AUTO_TEST_CASE\(|^)"
                    self.assertRegex(file_of(place).read_text(), rf"(?m){kinds}{re.escape(name)}")

    def test_no_test_that_names_itself_is_forgotten(self):
        listed = {row: {file_of(place) for place in places} for row, places, _ in rows()}
        for file in test_files():
            for row in sorted(own_ids(file)):
                with self.subTest(row, file=file.name):
                    self.assertIn(file, listed[row])


if __name__ == "__main__":
    unittest.main()
