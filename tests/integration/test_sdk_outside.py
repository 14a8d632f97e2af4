"""What `cmake --install` puts under a prefix is all that an author of plugins, and an operator, needs.

The projects are built in directories of their own, against the installed SDK and nothing of this tree: those of
tests/sdk/outside/, the template of docs/writing_a_plugin.md as it was installed, and one in C with nothing but
pkg-config. What comes out is put beside the installed plugins and serves requests of the installed program.
"""
import http.client
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
from rig.pkrig import Origin, Proxy, build_dir  # noqa: E402

BUILD = build_dir().resolve()

CONFIG = """
listeners: [ { name: web, address: "127.0.0.1:0" } ]
logs: [ brief ]
upstreams:
  app: { balancer: first, endpoints: [ "127.0.0.1:PORT", "127.0.0.1:1" ] }
routes:
  - { match: { path: /c }, handler: hello }
  - { match: { path: /made }, filters: [ stamp: one ], handler: { respond: { body: made } } }
  - match: { path: / }
    filters: [ max_body: 4B, stamp: { mark: two } ]
    upgrade: [ chat ]
    forward: app
"""
SHY = """
#include <pkernel/plugin.hpp>
class shy { %s };
PKERNEL_PLUGIN("shy", "1.0.0", "Hides.", pk::http_filter<shy>);
"""
CHAT = {"Upgrade": "chat", "Connection": "upgrade"}


def run(*words, cwd=None, env=None):
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
    )
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}:\n{done.stdout}")
    return done.stdout


class Outside(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = BUILD / "tests/outside"  # The same each time: what was compiled once is known.
        shutil.rmtree(cls.home, True)
        cls.home.mkdir(parents=True)
        if shutil.which("ccache"):
            os.environ["CMAKE_CXX_COMPILER_LAUNCHER"] = "ccache"
        cls.prefix = cls.home / "prefix"
        for component in ("program", "plugins", "sdk"):
            run("cmake", "--install", BUILD, "--prefix", cls.prefix, "--component", component)
        cls.plugins = cls.prefix / "lib/pkernel/plugins"

    def project(self, name, source):
        """Configures, builds, tests and installs a copy of `source`; says what was printed."""
        folder = self.home / name
        shutil.copytree(source, folder)
        prefix = f"-DCMAKE_PREFIX_PATH={self.prefix}"
        said = run("cmake", "-B", "build", "-G", "Ninja", prefix, cwd=folder)
        said += run("cmake", "--build", "build", "-j2", cwd=folder)
        said += run("ctest", "--test-dir", "build", "--output-on-failure", cwd=folder)
        return said + run("cmake", "--install", "build", "--prefix", self.prefix, cwd=folder)

    def test_plugins_of_others_are_built_tested_and_serve(self):
        said = self.project("outside", TESTS / "sdk/outside")
        self.assertIn("100% tests passed, 0 tests failed out of 4", said)
        said = self.project("template", self.prefix / "share/pkernel-sdk/template")
        self.assertIn("100% tests passed, 0 tests failed out of 1", said)
        self.in_c()
        self.serve()

    def test_a_hook_that_would_never_be_called_does_not_compile(self):
        source = self.home / "shy.cpp"
        compiler = os.environ.get("CXX", "c++")
        words = [
            compiler,
            "-std=c++20",
            "-fsyntax-only",
            f"-I{self.prefix}/include/pkernel/1",
            source,
        ]
        good = "public: pk::verdict on_request(pk::stream&) const { return pk::next; }"
        for hooks, fault in (
            (good, None),
            (good + " private: void on_response(pk::stream&) const {}", "hook: private"),
            (good + " void on_request(pk::stream&) {}", "or with overloads"),
            (good + " void on_response(pk::stream&) {}", "or not const"),
        ):
            source.write_text(SHY % hooks)
            if fault is None:
                run(*words)
                continue
            with self.assertRaisesRegex(AssertionError, fault):
                run(*words)

    def test_a_build_with_chosen_plugins_knows_their_names(self):
        words = ["cmake", "--preset", "minimal", "-B", self.home / "minimal"]
        with self.assertRaisesRegex(AssertionError, "there is no plugin 'forwardet'"):
            run(*words, "-DPKERNEL_PLUGINS=tls;forwardet", cwd=TESTS.parent)

    def in_c(self):
        flags = {"PKG_CONFIG_PATH": str(self.prefix / "lib/pkgconfig")}
        words = run("pkg-config", "--cflags", "pkernel-sdk", env=flags).split()
        ends = run("pkg-config", "--libs", "pkernel-sdk", env=flags).split()
        source = self.prefix / "share/pkernel-sdk/template/hello.c"
        compiler = os.environ.get("CC", "cc")
        checks = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
        run(compiler, *checks, *words, source, "-o", self.plugins / "hello.so", *ends)

    def serve(self):
        program = self.prefix / "bin/pkernel"
        os.environ["PKERNEL_COMMAND"] = str(program)  # Finds its plugins by itself.
        self.addCleanup(os.environ.pop, "PKERNEL_COMMAND")
        listed = run(program, "plugins")
        for name in (
            "stamp 2.1.0",
            "first 1.0.0",
            "brief 1.0.0",
            "chat 1.0.0",
            "max_body 1.0.0",
            "hello 1.0.0",
        ):
            self.assertIn(name, listed)
        self.assertNotIn("refused", listed)
        with Origin() as origin, Proxy(CONFIG.replace("PORT", str(origin.port))) as proxy:
            self.assertEqual(self.ask(proxy, "GET", "/c"), (200, "hello from C\n", None))
            self.assertEqual(self.ask(proxy, "GET", "/made"), (200, "made", "one"))
            self.assertEqual(self.ask(proxy, "GET", "/throw")[0], 500)
            self.assertEqual(self.ask(proxy, "GET", "/", None, CHAT)[0], 403)
            self.assertEqual(self.ask(proxy, "POST", "/", "12345")[0], 413)
            self.assertEqual(self.ask(proxy, "POST", "/ok", "1234")[::2], (200, "two"))
            proxy.wait_log("stamp on route .*asked to")
            proxy.wait_log("brief.*answered 200, complete")

    def ask(self, proxy, method, target, body=None, fields={}):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port(), timeout=20)
        try:
            connection.request(method, target, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers.get("x-stamp")
        finally:
            connection.close()


if __name__ == "__main__":
    unittest.main()
