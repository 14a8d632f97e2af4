"""What goes with a plugin and with a config of conf/ (design 6), and docs/invariants.md."""

import re

from rule import Rule

INVARIANTS = "docs/invariants.md"


def plugins_whole(tree):
    configs = {path: tree.text(path) for path in tree.under("conf", ends=(".yaml", ".yml"))}
    for name in tree.plugins():
        made = f"plugins/{name}/CMakeLists.txt"
        if f"plugins/{name}/README.md" not in tree.paths:
            yield made, 1, "the plugin has no README.md"
        tests = tree.under(f"plugins/{name}", ends=("_test.cpp", "_test.c"))
        if not tests:
            yield made, 1, f"the plugin has no test beside it ({name}_test.cpp)"
        elif "pkernel_plugin_test(" not in tree.text(made):
            yield made, 1, "the plugin's test is not built: pkernel_plugin_test(...)"
        used = re.compile(rf"^[^#\n]*\b{re.escape(name)}\b", re.M)
        if not any(used.search(text) for text in configs.values()):
            yield made, 1, "no file of conf/ shows the plugin in use"


def configs_loaded(tree):
    """Named by a test, or all of them at once by a test that lists conf/."""
    tests = "\n".join(
        tree.text(path)
        for path in tree.under(
            "tests", ends=(".py", ".conv", ".cpp", ".hpp", ".txt", ".sh", ".cmake")
        )
        if not path.startswith("tests/check/")
    )
    if re.search(r"conf\b[^\n]{0,40}\*\.yaml", tests):
        return
    for path in tree.under("conf", ends=(".yaml", ".yml")):
        if path.split("/", 1)[1] not in tests:
            yield path, 1, "no test loads it"


def invariants(tree):
    """Paths in back quotes of the table must be there."""
    if INVARIANTS not in tree.paths:
        return
    folders = {path[:at] for path in tree.paths for at in range(len(path)) if path[at] == "/"}
    for number, line in enumerate(tree.text(INVARIANTS).splitlines(), 1):
        for named in re.findall(r"`((?:kernel|sdk|plugins|tests|tools|docs|conf)/[^`\s]*)`", line):
            if named.rstrip("/") not in folders and named not in tree.paths:
                yield INVARIANTS, number, f"there is no {named}"


RULES = [
    Rule(
        "plugin-whole",
        "A plugin has a README.md, a test beside it that is built, and an example " "in conf/.",
        plugins_whole,
    ),
    Rule("conf-loaded", "Every config of conf/ is loaded by a test.", configs_loaded),
    Rule("invariants", "What docs/invariants.md says keeps an invariant is there.", invariants),
]
