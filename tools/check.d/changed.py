"""clang-format and clang-tidy on what changed."""

import concurrent.futures
import os
import re
import shutil
import subprocess

from rule import Rule

CODE = (".c", ".h", ".cpp", ".hpp")
FOLDERS = ("kernel/", "sdk/", "plugins/", "tests/", "tools/")
_PLACE = re.compile(r"^(.+?):(\d+):\d+: (?:error|warning): (.+)$", re.M)


def tool(tree, name):
    found = shutil.which(name)
    if not found:
        tree.notes.append(f"{name} is not installed: its rule was not checked")
    return found


def code(tree):
    return [path for path in tree.changed() if path.startswith(FOLDERS) and path.endswith(CODE)]


def places(tree, text):
    for path, line, message in dict.fromkeys(_PLACE.findall(text)):
        yield os.path.relpath(os.path.join(tree.root, path), tree.root), int(line), message


def formatted(tree):
    paths = code(tree)
    program = tool(tree, "clang-format") if paths else None
    if not program:
        return
    run = subprocess.run(
        [program, "--dry-run", *paths],
        cwd=tree.root,
        capture_output=True,
        text=True,
        errors="replace",
    )
    seen = set()
    for path, line, _ in places(tree, run.stderr):
        if path not in seen:  # The first place is enough: the cure is to run it.
            seen.add(path)
            yield path, line, f"not formatted: clang-format -i {path}"


def units(tree):
    """Changed source files that the build compiles; for a header, the source of its name."""
    known = (tree.build / "compile_commands.json").read_text()
    out = []
    for path in code(tree):
        source = re.sub(r"\.h(pp)?$", lambda m: ".cpp" if m[1] else ".c", path)
        if source in tree.paths and f'"{tree.root / source}"' in known and source not in out:
            out.append(source)
    return out


def tidied(tree):
    if not (tree.build / "compile_commands.json").is_file():
        tree.notes.append(
            f"{tree.build.name}/compile_commands.json is not there: clang-tidy " "was not run"
        )
        return
    paths = units(tree)
    program = tool(tree, "clang-tidy") if paths else None
    if not program:
        return

    def run(path):
        return subprocess.run(
            [program, "--quiet", "-p", tree.build, tree.root / path],
            cwd=tree.root,
            capture_output=True,
            text=True,
            errors="replace",
        ).stdout

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [item for text in pool.map(run, paths) for item in places(tree, text)]
    yield from dict.fromkeys(found)


RULES = [
    Rule("format", "Changed files are as clang-format leaves them (.clang-format).", formatted),
    Rule(
        "tidy",
        "clang-tidy has nothing to say about changed files (.clang-tidy: a short list, "
        "warnings are errors). Slow: --no-tidy.",
        tidied,
    ),
]
