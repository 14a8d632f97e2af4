"""What a rule is: a name, an explanation, and a function that yields its breaks."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Break:
    path: str  # Relative to the root.
    line: int
    rule: str
    text: str
    what: str = ""  # Inside the file: a function's name. Exceptions may name it.

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


class Rule:
    def __init__(self, name, text, find):
        self.name = name
        self.text = text
        self._find = find

    def breaks(self, tree):
        """`find(tree)` yields (path, line, text) or (path, line, text, what)."""
        for path, line, text, *what in self._find(tree):
            yield Break(path, line, self.name, text, *what)
