"""Sizes of files, functions and lines, and the share of comments (style.md 3)."""

import ast

from rule import Rule

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
PYTHON_COLUMNS_MAX = 130  # Rows of bytes and of cases read worse when they are folded.
FOLDERS = ("kernel", "sdk", "plugins", "tests", "tools")
CODE = (".c", ".h", ".cpp", ".hpp", ".py")
AREAS = [  # Name, folder, what style.md wishes.
    ("kernel", "kernel/", "15-25 %"),
    ("plugins", "plugins/", "15-25 %"),
    ("SDK, C headers", "sdk/include/pkernel/abi/", "40-55 %"),
]


def sized(tree):
    """Files of code; a script without a suffix counts if its first line says Python."""
    for path in tree.under(*FOLDERS, ends=""):
        name = path.rsplit("/", 1)[1]
        if path.endswith(CODE):
            yield path
        elif (
            "." not in name
            and tree.text(path).startswith("#!")
            and "python" in tree.text(path).split("\n", 1)[0]
        ):
            yield path


def file_lines(tree):
    for path in sized(tree):
        count = len(tree.text(path).splitlines())
        if count > FILE_LINES_MAX:
            yield path, FILE_LINES_MAX + 1, f"{count} lines; at most {FILE_LINES_MAX}"


def columns(tree):
    for path in sized(tree):
        most = PYTHON_COLUMNS_MAX if path.endswith(".py") else COLUMNS_MAX
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if len(line) > most:
                yield path, number, f"{len(line)} columns; at most {most}"


def python_functions(text):
    try:
        module = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno


def function_lines(tree):
    for path in sized(tree):
        c_family = path.endswith((".c", ".h", ".cpp", ".hpp"))
        found = tree.source(path).functions if c_family else python_functions(tree.text(path))
        for name, first, last in found:
            if last - first + 1 > FUNCTION_LINES_MAX:
                yield (
                    path,
                    first,
                    f"{name} has {last - first + 1} lines; " f"at most {FUNCTION_LINES_MAX}",
                    name,
                )


def comment_report(tree):
    """Shares of lines with a comment; tests are left out."""
    out = []
    for name, folder, wish in AREAS:
        counts = [
            tree.source(path).comment_share
            for path in tree.under(folder.rstrip("/"))
            if not path.endswith(("_test.cpp", "_test.c"))
        ]
        comments, lines = (sum(column) for column in zip(*counts)) if counts else (0, 0)
        share = 100 * comments / lines if lines else 0
        out.append(f"{name}: {share:.0f} % of {lines} lines have a comment; aim {wish}")
    return "\n".join(out)


RULES = [
    Rule("file-lines", f"A file has at most {FILE_LINES_MAX} lines.", file_lines),
    Rule(
        "function-lines",
        f"A function has at most {FUNCTION_LINES_MAX} lines, from its first to "
        "its closing brace.",
        function_lines,
    ),
    Rule("columns", f"A line has at most {COLUMNS_MAX} columns, {PYTHON_COLUMNS_MAX} in Python.", columns),
]
