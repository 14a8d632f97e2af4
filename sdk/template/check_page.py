"""Compares the code on docs/writing_a_plugin.md with the files that it is taken from.

A block is preceded by <!-- FILE [TAG] -->; in FILE it stands between two lines // [TAG]. <!-- FILE --> is the whole file.
"""

import pathlib
import re
import sys

here = pathlib.Path(__file__).parent
page = (here.parent.parent / "docs" / "writing_a_plugin.md").read_text()
blocks = re.findall(r"<!-- (\S+)(?: \[(\w+)\])? -->\n```(?:cpp|c|cmake)\n(.*?)```", page, re.S)
wrong = [] if len(blocks) == page.count("<!-- ") > 0 else ["a block is not quoted as it should be"]
for name, tag, quoted in blocks:
    source = (here / name).read_text()
    found = re.search(rf"// \[{tag}\]\n(.*?)// \[{tag}\]" if tag else "(.*)", source, re.S)
    if not found or found.group(1).strip() != quoted.strip():
        wrong.append(f"{name} [{tag}] differs from the page")
sys.exit("\n".join(wrong) or 0)
