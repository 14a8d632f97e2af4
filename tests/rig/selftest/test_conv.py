"""The conversation runner against the toy proxy: right ones pass, each kind of wrong one is noticed."""
import io
import os
import sys
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).parents[2]
sys.path.insert(0, str(TESTS))
os.environ["PKERNEL_COMMAND"] = f"{sys.executable} {Path(__file__).parent}/toy_proxy.py"
os.environ["PKRIG_PATIENCE_MS"] = "300"
from rig import conv, conv_parse  # noqa: E402


def play(text, fault=""):
    """((passed, failed), what was printed)"""
    os.environ["TOY_FAULT"] = fault
    out = io.StringIO()
    with tempfile.NamedTemporaryFile("w", suffix=".conv") as file:
        file.write(text)
        file.flush()
        counts = conv.run_file(file.name, out=out)
    return tuple(counts), out.getvalue()


SIMPLE = """
a request is answered  [split]
  client > POST /a HTTP/1.1⏎Host: a⏎Content-Length: 3⏎⏎abc
  origin < POST /a
    | Host: a
    = "abc"
  origin > HTTP/1.1 200 OK⏎Content-Length: 2⏎X-A: b⏎⏎ok
  client < 200 kept
    | X-A: b
    ! Connection
    = "ok"
"""
REQUESTS = """
table requests
  refuse 400     | space before colon | GET / HTTP/1.1⏎Host : a⏎⏎
  forward        | plain              | GET / HTTP/1.1⏎Host: a⏎⏎
  forward "abc"  | chunked            | POST / HTTP/1.1⏎Host: a⏎Transfer-Encoding: chunked⏎⏎3⏎abc⏎0⏎⏎
  either         | both               | POST / HTTP/1.1⏎Host: a⏎Content-Length: 5⏎Transfer-Encoding: chunked⏎⏎0⏎⏎
"""
RESPONSES = """
table responses
  200 "ok"  | keep  | plain       | HTTP/1.1 200 OK⏎Content-Length: 2⏎⏎ok
  502       | close | garbage     | hello⏎⏎
  200|502 "ok" | keep  | surplus     | HTTP/1.1 200 OK⏎Content-Length: 2⏎⏎okHTTP/1.1 200 OK⏎Content-Length: 4⏎⏎evil
  cut "he"  | close | short       | HTTP/1.1 200 OK⏎Content-Length: 9⏎⏎he
"""


class Conversations(unittest.TestCase):
    def test_what_is_right_passes(self):
        counts, text = play(SIMPLE + REQUESTS + RESPONSES)
        self.assertEqual(counts, (2 + 12 + 8, 0), text)

    def test_bytes_copied_through_are_noticed(self):
        (good, bad), text = play(REQUESTS, "blind")
        self.assertGreaterEqual(bad, 6, text)
        self.assertIn("both Transfer-Encoding and Content-Length", text)

    def test_a_poisoned_answer_is_noticed(self):
        (_, bad), text = play(RESPONSES, "glue")
        self.assertGreaterEqual(bad, 1, text)
        self.assertIn("after the answer", text)

    def test_an_answer_without_the_origin_is_noticed(self):
        (good, bad), _ = play(SIMPLE, "early")
        self.assertEqual((good, bad), (0, 2))

    def test_a_wrong_exit_code_is_noticed(self):
        (good, bad), text = play(SIMPLE, "leak")
        self.assertEqual((good, bad), (2, 1))
        self.assertIn("exit code 3", text)

    def test_the_diff_shows_expected_and_got(self):
        (_, bad), text = play(SIMPLE.replace('"ok"', '"no"'))
        self.assertEqual(bad, 2)
        self.assertIn("- no", text)
        self.assertIn("+ ok", text)

    def test_bytes_that_the_conversation_does_not_tell_of_fail_it(self):
        steps = SIMPLE.split("  origin <")[0] + '  origin : 1 connection\n'
        (_, bad), text = play(steps)
        self.assertGreaterEqual(bad, 1)  # the toy may be too slow for one of the two
        self.assertIn("received what the conversation does not tell of", text)

    def test_silence_is_bounded(self):
        os.environ["PKRIG_SLOW"] = "1"
        steps = SIMPLE.replace("client < 200 kept", "client < 200 kept within 50ms")
        (_, bad), text = play(
            steps.replace("  origin > HTTP/1.1 200 OK⏎Content-Length: 2⏎X-A: b⏎⏎ok\n", "")
        )
        self.assertEqual(bad, 2)
        self.assertIn("nothing within", text)


class EveryFile(unittest.TestCase):
    def test_every_conversation_file_parses(self):
        files = sorted((TESTS / "integration").glob("*.conv"))
        for path in files:
            with self.subTest(path.name):
                blocks = conv_parse.parse(path.read_text(encoding="utf-8"))
                self.assertTrue(any(block.items for block in blocks))

    def test_a_misspelt_step_is_refused_with_its_line(self):
        with self.assertRaisesRegex(conv_parse.ConvError, "line 2: not a step"):
            conv_parse.parse("a case\n  cleint > GET\n")


if __name__ == "__main__":
    unittest.main()
