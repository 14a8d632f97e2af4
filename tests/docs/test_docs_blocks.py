"""What README.md, CONTRIBUTING.md and docs/ quote is true of the binary that was built.

    ```yaml pkernel                 a whole config, or some of its top-level keys: it is good
    ```yaml pkernel broken.yaml     as the file of that name it is refused; the next block, ```text,
                                    is what `validate` prints
    ```sh run                       each line ends with exit code 0, in the root of the tree

Tables whose heads are "nginx | pkernel | under" hold keys that make a good config under the place
named; those with "key | default" hold the defaults that `describe` tells. Links between pages lead
somewhere.
"""
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from binary import BUILD, ROOT, make_certificate, pkernel, validate

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINKED = [
    *PAGES,
    *sorted(ROOT.glob("plugins/*/README.md")),
    ROOT / "tests/README.md",
    ROOT / "tools/bench/README.md",
]

MISSING = {
    "listeners": 'listeners: [ "127.0.0.1:8080" ]\n',
    "upstreams": 'upstreams: { app: { endpoints: [ "127.0.0.1:3000" ] } }\n',
    "routes": "routes: [ { match: { path: / }, forward: app } ]\n",
}
KEYS = {
    "listener": {"address": '"127.0.0.1:8080"'},
    "upstream": {"endpoints": '[ "127.0.0.1:3000" ]'},
    "route": {"match": "{ path: / }", "forward": "app"},
}


def blocks(page):
    """(line, words behind the language, language, text) of each fenced block."""
    found = re.finditer(r"^```(\w+)([^\n]*)\n(.*?)^```$", page.read_text(), re.M | re.S)
    for match in found:
        line = page.read_text().count("\n", 0, match.start()) + 1
        yield line, match[2].split(), match[1], match[3]


def tables(page, *heads):
    """The rows of each table whose first heads are these, as lists of cells."""
    rows = None
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            rows = None
        elif cells[: len(heads)] == list(heads):
            rows = cells
        elif rows and not set(cells[0]) <= set("-:"):
            yield cells


def completed(text):
    for key in ("listeners", "routes", "upstreams"):
        wanted = key != "upstreams" or re.search(r"\bforward: app\b", text)
        if wanted and not re.search(rf"^{key}:", text, re.M):
            text += MISSING[key]
    return text


def config_of(place, pieces):
    """A config in which `pieces` stand under `place`."""
    if place == "top":
        return completed("".join(piece + "\n" for piece in pieces))
    given = dict(piece.split(": ", 1) for piece in pieces)
    if "handler" in given:
        given.setdefault("forward", None)
    keys = {**KEYS[place], **given}
    lines = [f"{key}: {value}" for key, value in keys.items() if value is not None]
    if place == "upstream":
        body = "upstreams:\n  app:\n" + "".join(f"    {line}\n" for line in lines)
    else:
        body = f"{place}s:\n  - " + "\n    ".join(lines) + "\n"
    return completed(body)


def anchors(page):
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


class Pages(unittest.TestCase):
    maxDiff = None

    def at(self, page, line=None):
        place = str(page.relative_to(ROOT))
        return self.subTest(place if line is None else f"{place}:{line}")

    def check_good(self, text):
        with tempfile.TemporaryDirectory() as here:
            (Path(here) / "pk.yaml").write_text(text)
            if ".pem" in text:  # Those that the pages speak of.
                make_certificate(Path(here), "a", ["a.example.com"])
                make_certificate(Path(here), "ca", ["ca.example.com"])
            code, said = validate("pk.yaml", here)
            self.assertEqual((code, said), (0, "pk.yaml is good\n"), text)

    def test_configs_are_good(self):
        seen = 0
        for page in PAGES:
            for line, words, language, text in blocks(page):
                if language != "yaml" or words != ["pkernel"]:
                    continue
                seen += 1
                with self.at(page, line):
                    self.check_good(completed(text))
        self.assertGreater(seen, 0)

    def test_broken_configs_are_refused_as_quoted(self):
        seen = 0
        for page in PAGES:
            all_blocks = list(blocks(page))
            for at, (line, words, language, text) in enumerate(all_blocks):
                if language != "yaml" or len(words) != 2 or words[0] != "pkernel":
                    continue
                seen += 1
                with self.at(page, line), tempfile.TemporaryDirectory() as here:
                    (Path(here) / words[1]).write_text(text)
                    code, said = validate(words[1], here)
                    self.assertEqual(said, all_blocks[at + 1][3])
                    self.assertNotEqual(code, 0)
        self.assertGreater(seen, 0)

    def test_commands_run(self):
        for page in PAGES:
            for line, words, language, text in blocks(page):
                if language != "sh" or words != ["run"]:
                    continue
                text = text.replace("build/", f"{BUILD}/")
                with self.at(page, line):
                    run = subprocess.run(
                        ["bash", "-ec", text],
                        cwd=ROOT,
                        capture_output=True,
                        text=True,
                        timeout=60,
                        env={**os.environ, "NO_COLOR": "1"},
                    )
                    self.assertEqual(run.returncode, 0, run.stderr)

    def test_what_stands_beside_nginx_is_good(self):
        seen = 0
        for page in PAGES:
            for row in tables(page, "nginx", "pkernel", "under"):
                seen += 1
                with self.at(page), self.subTest(row[0]):
                    self.check_good(config_of(row[2], re.findall(r"`(\w+: [^`]+)`", row[1])))
        self.assertGreater(seen, 5)

    def test_defaults_are_those_of_the_binary(self):
        told = {}
        for section in ("listener", "upstream", "route"):
            for text in pkernel("describe", section)[1].splitlines():
                found = re.match(r"(\S+) .*?default (\S+)", text)
                if found:
                    told[f"{section} {found[1]}"] = found[2]
        for page in PAGES:
            for row in tables(page, "key", "default"):
                with self.at(page), self.subTest(row[0]):
                    self.assertEqual(told.get(row[0].strip("`")), row[1])

    def test_links_lead_somewhere(self):
        for page in LINKED:
            text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"\w+:", target):
                    continue
                path, _, anchor = target.partition("#")
                to = (page.parent / path).resolve() if path else page
                with self.at(page), self.subTest(target):
                    self.assertTrue(to.exists(), "nothing is there")
                    if anchor:
                        self.assertIn(anchor, anchors(to))


if __name__ == "__main__":
    unittest.main()
