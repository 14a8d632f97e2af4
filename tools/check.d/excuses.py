"""The file of exceptions: each excuses one break of one rule, says why, and must still be needed.

    RULE PATH [NAME] -- REASON
"""

import re

from rule import Break

PATH = "tools/check.d/exceptions"
_LINE = re.compile(r"(?P<rule>\S+) (?P<path>\S+)(?: (?P<what>\S+))? -- (?P<reason>\S.+)")


class Excuses:
    def __init__(self, tree):
        self.lines = []
        self.bad = []
        text = tree.text(PATH) if (tree.root / PATH).is_file() else ""
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = _LINE.fullmatch(line)
            if match:
                self.lines.append((number, match))
            else:
                self.bad.append(
                    Break(PATH, number, "exceptions", "not of the form: RULE PATH [NAME] -- REASON")
                )

    def apply(self, breaks, checked, known):
        """The breaks that no line excuses, and one for each line of a checked rule that excuses
        nothing."""
        left = list(self.bad)
        used = set()
        for found in breaks:
            excuse = next(
                (
                    number
                    for number, match in self.lines
                    if match["rule"] == found.rule
                    and match["path"] == found.path
                    and match["what"] in (None, found.what)
                ),
                None,
            )
            if excuse is None:
                left.append(found)
            else:
                used.add(excuse)
        for number, match in self.lines:
            if match["rule"] not in known:
                left.append(Break(PATH, number, "exceptions", f"no rule {match['rule']}"))
            elif match["rule"] in checked and number not in used:
                left.append(Break(PATH, number, "exceptions", "excuses nothing any more"))
        return left
