"""Names: the kernel names no plugin, files have good names."""

import posixpath
import re

from rule import Rule

VAGUE = {"manager", "helper", "helpers", "util", "utils", "impl", "common", "misc"}


def plugin_names(tree):
    """A name with an underscore may be no word of a string in kernel/. One without is an English
    word too: only a string that is it, quotes it, or names its file is a break."""
    plugins = tree.plugins()
    if not plugins:
        return
    either = "|".join(map(re.escape, plugins))
    compound = "|".join(re.escape(name) for name in plugins if "_" in name) or r"(?!)"
    pattern = re.compile(
        rf"^({either})$|['\"`]({either})\\?['\"`]|\b({either})\.so\b"
        rf"|\bplugins/({either})\b|\b({compound})\b"
    )
    for path in tree.under("kernel"):
        for line, text in tree.source(path).literals:
            found = pattern.search(text)
            if found:
                name = next(filter(None, found.groups()))
                yield path, line, f"the kernel names the plugin {name}"


def file_names(tree):
    for path in tree.under("kernel", "sdk", "plugins", "tests", "tools"):
        name = posixpath.basename(path).split(".")[0]
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            yield path, 1, "file names are snake_case"
        vague = VAGUE & set(name.split("_"))
        if vague:
            yield path, 1, f"a name that says nothing: {vague.pop()}"


RULES = [
    Rule(
        "plugin-names",
        "No string of kernel/ names a plugin (a folder of plugins/). A name that "
        "is a plain word counts as a whole string, in quotes, or as NAME.so.",
        plugin_names,
    ),
    Rule(
        "file-names",
        "Source files are snake_case, without " + ", ".join(sorted(VAGUE)) + ".",
        file_names,
    ),
]
