"""A C or C++ file without a parser: comments, literals, includes, the extent of functions."""

import bisect
import functools
import re

_PIECES = re.compile(
    r"""(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
      | R"(?P<mark>[^(\s]*)\((?P<raw>.*?)\)(?P=mark)"
      | "(?P<text>(?:\\.|[^"\\\n])*)"
      | (?<!\w)'(?:\\.|[^'\\\n])*'""",
    re.S | re.X,
)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
_NOT_FUNCTION = re.compile(
    r"^(?:\w+\s+)*(?:namespace|class|struct|union|enum)\b[^()]*$|^extern\b[^()]*$"
)
_CONTROL = re.compile(r"^(?:if|for|while|switch|catch|do|else|try)\b")
_NAME = re.compile(r"([~\w:]+)\s*\(")


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


class Source:
    def __init__(self, text):
        self.text = text
        self.literals = []  # (line, text) of each string.
        self._starts = [0] + [m.end() for m in re.finditer("\n", text)]
        self._comments = set()
        self.code = self._strip()  # Comments, literals and directives blanked, same offsets.

    def line_of(self, offset):
        return bisect.bisect_right(self._starts, offset)

    def _strip(self):
        def replace(match):
            first = self.line_of(match.start())
            if match["comment"] is not None:
                self._comments.update(range(first, self.line_of(match.end() - 1) + 1))
            elif match["text"] is not None:
                self.literals.append((first, match["text"]))
            elif match["raw"] is not None:
                self.literals.append((first, match["raw"]))
            return _blank(match[0])

        included = {line for line, _, _ in self.includes}
        code = _PIECES.sub(replace, self.text)
        self.literals = [item for item in self.literals if item[0] not in included]
        return _DIRECTIVE.sub(lambda match: _blank(match[0]), code)

    @functools.cached_property
    def includes(self):
        """(line, '<' or '"', path) of each include."""
        return [(self.line_of(m.start(1)), m[1], m[2]) for m in _INCLUDE.finditer(self.text)]

    @functools.cached_property
    def comment_share(self):
        """(lines with a comment, lines that are not empty)."""
        lines = self.text.splitlines()
        full = [number for number, line in enumerate(lines, 1) if line.strip()]
        return sum(number in self._comments for number in full), len(full)

    @functools.cached_property
    def functions(self):
        """(name, first line, last line) of each function body that is in no other. A brace right
        after a name, as in `a_{1}`, opens a value; before a body stands a space."""
        found = []
        inside = []  # For each open brace: None, or the function's (name, first line).
        values = 0  # Open braces of values.
        start = 0  # Where the text before the next brace begins.
        for match in re.finditer(r"[{};]", self.code):
            at, sign = match.start(), match[0]
            if sign == "{" and (values or re.match(r"[\w>]", self.code[at - 1 : at])):
                values += 1
                continue
            if sign == "}" and values:
                values -= 1
                continue
            if sign == "{":
                head = self.code[start:at]
                inside.append(None if any(inside) else self._function(head, start))
            elif sign == "}" and inside:
                opened = inside.pop()
                if opened:
                    found.append((*opened, self.line_of(at)))
            start = at + 1
        return found

    def _function(self, head, start):
        words = head.strip()
        words = re.sub(r"^(?:(?:public|private|protected)\s*:\s*)+", "", words)
        lambda_end = re.search(r"\]\s*(?:\([^()]*\))?[^=()]*$", words) and "[" in words
        is_value = re.search(r"(?<![=!<>])=(?!=)", re.sub(r"\([^()]*\)|operator\s*=", "", words))
        if is_value and not lambda_end:
            return None
        if not lambda_end and ("(" not in words or _NOT_FUNCTION.match(words)):
            return None
        if _CONTROL.match(words):
            return None
        name = _NAME.search(words)
        first = self.line_of(start + len(head) - len(head.lstrip()))
        return (name[1] if name else "lambda", first)
