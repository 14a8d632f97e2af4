"""The judge of access logs: what fits, what does not, what is no log."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from rig.access_log import missing  # noqa: E402


class Judge(unittest.TestCase):
    def judge(self, text, *expected):
        with tempfile.NamedTemporaryFile() as file:
            file.write(text)
            file.flush()
            return missing(Path(file.name), [("case", e) for e in expected])

    def test_values_regexes_and_the_whole_line(self):
        log = b'{"status": 504, "end_reason": "response_timeout", "path": "/a"}\n'
        self.assertEqual(
            self.judge(log, '{"status": 504, "end_reason": "~timeout$", "*": "~/a"}'), []
        )
        self.assertEqual(len(self.judge(log, '{"status": 502}', '{"no": "~^x$"}')), 2)

    def test_what_is_no_line_of_json_is_told(self):
        self.assertIn("not JSON", self.judge(b'{"a": "\n"}\n', "{}")[0])
        self.assertIn("ends inside", self.judge(b'{"a": 1}', "{}")[0])
        self.assertIn("no access log", missing(Path("/nowhere/at/all"), [("case", "{}")])[0])


if __name__ == "__main__":
    unittest.main()
