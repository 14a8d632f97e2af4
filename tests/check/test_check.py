"""tools/check turns red at the right line for one break of each rule, and green without."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import good_tree

sys.dont_write_bytecode = True
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CHECK = REPOSITORY / "tools" / "check"
sys.path.insert(0, str(REPOSITORY / "tools" / "check.d"))

import excuses  # noqa: E402
import rules  # noqa: E402
from tree import Tree  # noqa: E402

KNOWN = {rule.name: rule for rule in rules.ALL}
STATIC = [
    name for name in KNOWN if name not in ("format", "tidy", "linked", "hardened", "exported")
]
BODY = "    work();\n"
LONG_ARGUMENTS = "int f(int a,\n      int b) noexcept {\n" + BODY * 67 + "}\n"

# Rule, what is edited, where the break must be reported.
BREAKS = [
    (
        "layers",
        {"kernel/base/text.hpp": '#pragma once\n#include "kernel/net/socket.hpp"\n'},
        "kernel/base/text.hpp:2",
    ),
    (
        "layers",
        {"kernel/net/socket.hpp": '#include "../stream/flow.cpp"\n'},
        "kernel/net/socket.hpp:1",
    ),
    (
        "layers",
        {"kernel/net/socket.hpp": '#include "plugins/zip_it/level.hpp"\n'},
        "kernel/net/socket.hpp:1",
    ),
    ("layers", {"kernel/extra/a.hpp": '#include "kernel/base/text.hpp"\n'}, "kernel/extra/a.hpp:1"),
    (
        "layer-list",
        {
            "CMakeLists.txt": good_tree.FILES["CMakeLists.txt"].replace(
                "config LIBS pkernel_base", "config LIBS pkernel_net"
            )
        },
        "CMakeLists.txt:2",
    ),
    ("layer-list", {"CMakeLists.txt": "pkernel_layer(net)\n"}, "CMakeLists.txt:1"),
    (
        "sdk-includes",
        {"sdk/include/pkernel/text.hpp": '#include "kernel/base/text.hpp"\n'},
        "sdk/include/pkernel/text.hpp:1",
    ),
    (
        "sdk-includes",
        {"sdk/include/pkernel/text.hpp": "#include <boost/dll.hpp>\n"},
        "sdk/include/pkernel/text.hpp:1",
    ),
    (
        "sdk-includes",
        {"sdk/include/pkernel/abi/base.h": "\n#include <string>\n"},
        "sdk/include/pkernel/abi/base.h:2",
    ),
    ("kernel-sdk", {"kernel/main.cpp": "#include <pkernel/text.hpp>\n"}, "kernel/main.cpp:1"),
    (
        "plugin-includes",
        {"plugins/zip_it/level.hpp": '\n#include "kernel/base/text.hpp"\n'},
        "plugins/zip_it/level.hpp:2",
    ),
    (
        "plugin-includes",
        {"plugins/forwarded/forwarded.cpp": '#include "../zip_it/level.hpp"\n'},
        "plugins/forwarded/forwarded.cpp:1",
    ),
    (
        "plugin-includes",
        {"plugins/forwarded/forwarded.cpp": '#include "level.hpp"\n'},
        "plugins/forwarded/forwarded.cpp:1",
    ),
    ("kernel-libraries", {"kernel/main.cpp": "#include <openssl/ssl.h>\n"}, "kernel/main.cpp:1"),
    (
        "kernel-libraries",
        {"kernel/stream/flow.cpp": "#include <boost/asio.hpp>\n"},
        "kernel/stream/flow.cpp:1",
    ),
    ("locks", {"kernel/stream/flow.cpp": "\nstd::mutex m;\n"}, "kernel/stream/flow.cpp:2"),
    (
        "polls",
        {"plugins/zip_it/zip_it.cpp": "int f() {\n    return ::poll(a, 1, 0);\n}\n"},
        "plugins/zip_it/zip_it.cpp:2",
    ),
    (
        "polls",
        {"kernel/stream/flow.cpp": "#include <sys/epoll.h>\nint a = epoll_create1(0);\n"},
        "kernel/stream/flow.cpp:2",
    ),
    (
        "abi-types",
        {"sdk/include/pkernel/abi/base.h": "struct a {\n    bool b;\n};\n"},
        "sdk/include/pkernel/abi/base.h:2",
    ),
    ("plugin-names", {"kernel/main.cpp": 'auto a = "load zip_it first";\n'}, "kernel/main.cpp:1"),
    ("plugin-names", {"kernel/main.cpp": 'auto a = "forwarded";\n'}, "kernel/main.cpp:1"),
    ("plugin-names", {"kernel/main.cpp": "auto a = \"add 'forwarded'\";\n"}, "kernel/main.cpp:1"),
    (
        "plugin-names",
        {"kernel/main.cpp": 'auto a =\n    R"(x/forwarded.so)";\n'},
        "kernel/main.cpp:2",
    ),
    ("file-names", {"kernel/base/stringUtil.cpp": ""}, "kernel/base/stringUtil.cpp:1"),
    ("file-names", {"kernel/base/text_helper.cpp": ""}, "kernel/base/text_helper.cpp:1"),
    ("file-lines", {"kernel/main.cpp": "\n" * 501}, "kernel/main.cpp:501"),
    (
        "function-lines",
        {"kernel/main.cpp": "\n" + LONG_ARGUMENTS.replace(BODY, BODY * 2, 1)},
        "kernel/main.cpp:2",
    ),
    (
        "function-lines",
        {
            "kernel/main.cpp": "namespace a {\nclass b {\n    b() : c_{1} {\n"
            + BODY * 70
            + "    }\n};\n}\n"
        },
        "kernel/main.cpp:3",
    ),
    (
        "function-lines",
        {"kernel/main.cpp": "auto f = [](int a) {\n" + BODY * 70 + "};\n"},
        "kernel/main.cpp:1",
    ),
    (
        "function-lines",
        {"tests/integration/a.py": "def f():\n" + "    a()\n" * 70},
        "tests/integration/a.py:1",
    ),
    ("columns", {"kernel/main.cpp": "\n// " + "x" * 98 + "\n"}, "kernel/main.cpp:2"),
    ("plugin-whole", {"plugins/zip_it/README.md": None}, "plugins/zip_it/CMakeLists.txt:1"),
    ("plugin-whole", {"plugins/zip_it/zip_it_test.cpp": None}, "plugins/zip_it/CMakeLists.txt:1"),
    (
        "plugin-whole",
        {"conf/demo.yaml": "filters: [ forwarded ] # zip_it\n"},
        "plugins/zip_it/CMakeLists.txt:1",
    ),
    ("conf-loaded", {"conf/other.yaml": "routes:\n"}, "conf/other.yaml:1"),
    (
        "invariants",
        {"docs/invariants.md": "\n| a | `tests/unit/gone_test.cpp` |\n"},
        "docs/invariants.md:2",
    ),
    (
        "exceptions",
        {"tools/check.d/exceptions": "columns kernel/main.cpp\n"},
        "tools/check.d/exceptions:1",
    ),
    (
        "exceptions",
        {"tools/check.d/exceptions": "columns kernel/main.cpp -- not needed\n"},
        "tools/check.d/exceptions:1",
    ),
    (
        "exceptions",
        {"tools/check.d/exceptions": "colums kernel/main.cpp -- misspelt\n"},
        "tools/check.d/exceptions:1",
    ),
]

# No break: what a rule could take for one.
FINE = [
    {"kernel/main.cpp": LONG_ARGUMENTS},
    {"kernel/main.cpp": "const int t[] = {\n" + "    f(1),\n" * 90 + "};\n"},
    {"kernel/main.cpp": "namespace a {\nstruct b {\n" + "    int f();\n" * 90 + "};\n}\n"},
    {"kernel/main.cpp": '// a "zip_it" and a {\nconst char* a = "{ // }";\n'},
    {"kernel/main.cpp": "// " + "é" * 97 + "\n"},
    {
        "kernel/main.cpp": "\n// " + "x" * 98 + "\n",
        "tools/check.d/exceptions": "columns kernel/main.cpp -- a picture\n",
    },
    {"conf/other.yaml": "routes:\n", "tests/integration/test_all.py": 'glob("conf/*.yaml")\n'},
]


class Case(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)

    def breaks(self, names, edits=None, base="ALL"):
        """All breaks as {"path:line": [rule...]}."""
        good_tree.write(self.root, edits or {})
        tree = Tree(self.root, base=base)
        found = [b for name in names for b in KNOWN[name].breaks(tree)]
        out = {}
        for b in excuses.Excuses(tree).apply(found, set(names), set(KNOWN)):
            out.setdefault(f"{b.path}:{b.line}", []).append(b.rule)
        return out


class Static(Case):
    def test_the_good_tree_has_no_break(self):
        self.assertEqual(self.breaks(STATIC), {})

    def test_each_break_is_told_with_its_place_and_nothing_else(self):
        for rule, edits, where in BREAKS:
            with self.subTest(rule=rule, where=where), tempfile.TemporaryDirectory() as folder:
                self.root = pathlib.Path(folder)
                names = STATIC if rule == "exceptions" else [rule]
                self.assertEqual(self.breaks(names, edits), {where: [rule]})

    def test_what_looks_like_a_break_is_none(self):
        for number, edits in enumerate(FINE):
            with self.subTest(number), tempfile.TemporaryDirectory() as folder:
                self.root = pathlib.Path(folder)
                self.assertEqual(self.breaks(STATIC, edits), {})

    def test_every_rule_is_broken_here(self):
        tested = {rule for rule, _, _ in BREAKS}
        self.assertEqual(set(STATIC) - tested, set())


@unittest.skipUnless(shutil.which("cc") and shutil.which("readelf"), "needs cc and readelf")
class Built(Case):
    HARD = ["-fPIE", "-pie", "-fstack-protector-all", "-Wl,-z,relro,-z,now"]
    SOFT = ["-fPIE", "-pie", "-fno-stack-protector", "-Wl,-z,norelro,-z,lazy,-z,execstack"]
    PLUGIN = "__attribute__((visibility(\"default\"))) int pk_plugin_entry(void) { return 0; }\n"

    def compile(self, name, text, *flags):
        (self.root / "build/plugins").mkdir(parents=True, exist_ok=True)
        source = self.root / "build" / (pathlib.Path(name).name + ".c")
        source.write_text(text)
        subprocess.run(["cc", source, "-o", self.root / "build" / name, *flags], check=True)

    def plugin(self, name, text, *flags):
        self.compile(f"plugins/{name}.so", text, "-shared", "-fPIC", "-fvisibility=hidden", *flags)

    def good(self):
        self.compile("pkernel", "int main(void) { return 0; }\n", *self.HARD)
        self.plugin("zip_it", self.PLUGIN, "-Wl,-z,relro,-z,now")
        self.plugin("forwarded", self.PLUGIN, "-Wl,-z,relro,-z,now")

    def found(self):
        return self.breaks(["linked", "hardened", "exported"])

    def test_a_hardened_build_has_no_break(self):
        self.good()
        self.assertEqual(self.found(), {})

    def test_a_library_that_is_not_allowed(self):
        self.good()
        self.compile(
            "libssl.so.3",
            "int f(void) { return 0; }\n",
            "-shared",
            "-fPIC",
            "-Wl,-soname,libssl.so.3",
        )
        self.compile(
            "pkernel",
            "int f(void);\nint main(void) { return f(); }\n",
            *self.HARD,
            "-L" + str(self.root / "build"),
            "-l:libssl.so.3",
            "-Wl,-rpath," + str(self.root / "build"),
        )
        self.assertEqual(self.found(), {"build/pkernel:0": ["linked"]})

    def test_flags_that_are_missing(self):
        self.good()
        self.compile("pkernel", "int main(void) { return 0; }\n", *self.SOFT)
        self.assertEqual(self.found(), {"build/pkernel:0": ["hardened"] * 4})
        self.compile("pkernel", "int main(void) { return 0; }\n", "-no-pie", *self.HARD[2:])
        self.assertEqual(self.found(), {"build/pkernel:0": ["hardened"]})

    def test_a_symbol_too_many_and_one_too_few(self):
        self.good()
        more = self.PLUGIN.replace("pk_plugin_entry", "other")
        self.plugin("zip_it", self.PLUGIN + more, "-Wl,-z,relro,-z,now")
        self.plugin("forwarded", more, "-Wl,-z,relro,-z,now")
        self.assertEqual(
            self.found(),
            {
                "build/plugins/zip_it.so:0": ["exported"],
                "build/plugins/forwarded.so:0": ["exported"] * 2,
            },
        )


class Changed(Case):
    UGLY = "int  f( ) {return 0 ;}\n"

    def git(self, *words):
        subprocess.run(
            ["git", "-C", self.root, "-c", "user.name=a", "-c", "user.email=a@b", *words],
            check=True,
            capture_output=True,
        )

    @unittest.skipUnless(shutil.which("clang-format"), "needs clang-format")
    def test_only_what_changed_must_be_formatted(self):
        good_tree.write(
            self.root, {"kernel/base/old.cpp": self.UGLY, ".clang-format": "BasedOnStyle: Google\n"}
        )
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-qm", "first")
        edits = {"kernel/base/old.cpp": self.UGLY, "kernel/base/new.cpp": "\n" + self.UGLY}
        self.assertEqual(
            self.breaks(["format"], edits, base="HEAD"), {"kernel/base/new.cpp:2": ["format"]}
        )
        self.assertEqual(
            set(self.breaks(["format"], edits, base="ALL")),
            {"kernel/base/new.cpp:2", "kernel/base/old.cpp:1"},
        )

    @unittest.skipUnless(shutil.which("clang-tidy"), "needs clang-tidy")
    def test_what_clang_tidy_says(self):
        edits = {
            ".clang-tidy": "Checks: '-*,modernize-use-nullptr'\nWarningsAsErrors: '*'\n",
            "kernel/base/a.cpp": "\nchar* a = 0;\n",
        }
        source = str(self.root / "kernel/base/a.cpp")
        (self.root / "build").mkdir()
        (self.root / "build/compile_commands.json").write_text(
            json.dumps(
                [{"directory": str(self.root), "file": source, "command": f"c++ -c {source}"}]
            )
        )
        self.assertEqual(self.breaks(["tidy"], edits), {"kernel/base/a.cpp:2": ["tidy"]})


class Command(Case):
    def run_check(self, *words):
        return subprocess.run(
            [sys.executable, CHECK, "--root", self.root, *words], capture_output=True, text=True
        )

    def test_exit_codes_and_the_form_of_a_break(self):
        good_tree.write(self.root, {})
        self.assertEqual(self.run_check("--skip", "format,tidy").returncode, 0)
        strict = self.run_check("--skip", "format,tidy", "--strict")
        self.assertEqual(strict.returncode, 1)
        self.assertIn("not built in build/: pkernel, plugins/forwarded.so", strict.stderr)
        good_tree.write(self.root, {"kernel/main.cpp": "#include <zlib.h>\n"})
        red = self.run_check("--only", "kernel-libraries")
        self.assertEqual(red.returncode, 1)
        self.assertEqual(
            red.stdout,
            "kernel/main.cpp:1: kernel-libraries: a library that only " "plugins may use: zlib.h\n",
        )
        self.assertNotEqual(self.run_check("--only", "no-such-rule").returncode, 0)

    def test_each_rule_is_explained(self):
        listed = self.run_check("--list").stdout
        for name, rule in KNOWN.items():
            self.assertIn(f"{name}\n    {rule.text}\n", listed)


if __name__ == "__main__":
    unittest.main()
