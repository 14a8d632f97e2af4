"""The commands that only look: explain, plugins, describe, schema, version; as text and as JSON (section G)."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import certs  # noqa: E402
from rig.pkrig import build_dir, run_to_exit  # noqa: E402
from rig.proxy import command  # noqa: E402

CONFIG = """
listeners:
  - { name: web, address: "127.0.0.1:8080" }
  - { name: inner, address: "127.0.0.1:9090" }
upstreams:
  app: { endpoints: [ "127.0.0.1:3000", "127.0.0.1:3001" ], balancer: round_robin }
routes:
  - name: health
    match: { listener: inner, path: /health }
    handler: { respond: { status: 200, body: "ok" } }
  - match: { host: app.example, path: /api, method: [ GET, POST ] }
    filters: [ forwarded ]
    forward: app
"""

TWO_PORTS = """
listeners:
  - { name: plain, address: ":8080" }
  - { name: safe, address: ":8443", transport: { tls: [ { cert: $TMP/a.pem, key: $TMP/a.key } ] } }
upstreams: { app: { endpoints: [ "127.0.0.1:3000" ] } }
routes:
  - { name: to_https, match: { listener: plain, path: / }, filters: [ redirect ], forward: app }
  - { name: main, match: { path: / }, upgrade: [ websocket ], forward: app }
"""


class Commands(unittest.TestCase):
    def ask(self, *words, config=CONFIG, code=0):
        """(stdout, stderr)"""
        got, err, out = run_to_exit(config, list(words))
        self.assertEqual(got, code, err + out)
        return out, err

    def ask_json(self, *words, config=CONFIG, code=0):
        return json.loads(self.ask("--format", "json", *words, config=config, code=code)[0])


class Explain(Commands):
    def test_a_request_that_is_forwarded(self):
        for url in (
            "http://app.example:8080/api/users?a=b#top",
            "http://APP.example./%61pi",
            "http://app.example/x/../api",
        ):
            with self.subTest(url):
                out, _ = self.ask("explain", "GET", url)
                self.assertRegex(out, r"(?m)^listener  web \(127\.0\.0\.1:8080\)$")
                self.assertRegex(out, r"(?m)^route     .*pk\.yaml:11:5\)$")
                self.assertRegex(out, r"(?m)^filters   'forwarded'$|^filters   forwarded$")
                self.assertRegex(out, r"(?m)^forward   app: 127\.0\.0\.1:3000 127\.0\.0\.1:3001$")
        found = self.ask_json("explain", "POST", "http://app.example/api")
        self.assertEqual(found["endpoints"], ["127.0.0.1:3000", "127.0.0.1:3001"])
        self.assertEqual(
            (found["listener"], found["forward"], found["filters"]), ("web", "app", ["forwarded"])
        )

    def test_a_port_chooses_the_listener_and_a_handler_answers(self):
        out, _ = self.ask("explain", "GET", "http://a:9090/health")
        self.assertRegex(out, r"(?m)^listener  inner")
        self.assertRegex(out, r"(?m)^handler   respond$")
        found = self.ask_json("explain", "GET", "http://a:9090/health")
        self.assertEqual((found["route"], found["handler"]), ("health", "respond"))

    def test_a_path_alone_and_no_route(self):
        for words in (("GET", "/api"), ("DELETE", "http://app.example/api"), ("GET", "/health")):
            with self.subTest(words):
                out, _ = self.ask("explain", *words)
                self.assertRegex(out, r"(?m)^route     none: answered 404$")
                self.assertEqual(self.ask_json("explain", *words)["status"], 404)

    def test_what_is_no_request_is_told_as_such(self):
        for words in (("GE T", "/"), ("GET", "/%zz"), ("GET", "/../x"), ("CONNECT", "/")):
            with self.subTest(words):
                _, err = self.ask("explain", *words, code=2)
                self.assertRegex(err, r"such a request is answered 40[05] \(\w+\)")

    def test_the_scheme_chooses_where_no_port_does(self):
        with tempfile.TemporaryDirectory() as folder:
            certs.Authority(Path(folder), "root").issue("a", "DNS:localhost")
            config = TWO_PORTS.replace("$TMP", folder)
            for url, listener, route in (
                ("https://a/x", "safe", "main"),
                ("http://a/x", "plain", "to_https"),
                ("https://a:8443/x", "safe", "main"),
                ("http://a:8443/x", "safe", "main"),
                ("/x", "plain", "to_https"),
            ):
                with self.subTest(url):
                    out, _ = self.ask("explain", "GET", url, config=config)
                    self.assertRegex(out, rf"(?m)^listener  {listener} ")
                    self.assertRegex(out, rf"(?m)^route     {route} ")
                    self.assertNotIn("note ", out)
                    self.assertEqual("upgrade   websocket\n" in out, route == "main")
            out, _ = self.ask("explain", "GET", "https://a:444/x", config=config)
            self.assertRegex(out, r"(?m)^listener  safe ")
            self.assertIn("note      no listener is at port 444", out)
            out, _ = self.ask("explain", "GET", "https://a/")  # A config without TLS.
            self.assertIn("note      no listener there has a transport", out)

    def test_a_config_that_is_wrong(self):
        _, err = self.ask(
            "explain", "GET", "/", config=CONFIG.replace("forward:", "forwrd:"), code=1
        )
        self.assertIn("did you mean 'forward'", err)


class Plugins(Commands):
    def test_all_that_are_there_with_what_they_serve(self):
        out, _ = self.ask("plugins")
        rows = {row["name"]: row for row in self.ask_json("plugins")}
        self.assertLessEqual({"forwarded", "respond", "round_robin", "access_log"}, set(rows))
        for name, row in rows.items():
            with self.subTest(name):
                self.assertIn(f"{name} {row['version']}  abi {row['abi']} ", out)
                self.assertTrue(row["points"] and row["path"].endswith(f"/{name}.so"))

    def test_a_broken_one_is_listed_with_its_reason(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            where = ["--plugins-dir", folder]
            out, _ = self.ask(*where, "plugins")
            self.assertEqual(out, f"no plugins in {folder}\n")
            shutil.copy(build_dir() / "plugins" / "respond.so", folder)
            (Path(folder) / "broken.so").write_bytes(b"")
            out, _ = self.ask(*where, "plugins")
            self.assertRegex(out, r"(?m)^broken  refused: .*broken\.so is empty$")
            rows = {row["name"]: row for row in self.ask_json(*where, "plugins")}
            self.assertRegex(rows["broken"]["refused"], "is empty")
            self.assertEqual(rows["respond"]["points"], ["pk.handler/1"])
            _, err = self.ask(*where, "schema")
            self.assertRegex(err, r"left out: .*broken\.so is empty")


class Describe(Commands):
    def test_a_plugin(self):
        out, _ = self.ask("describe", "respond")
        self.assertRegex(out, r"(?m)^respond \d+\.\d+\.\d+: ")
        self.assertRegex(out, r"(?m)^as pk\.handler/1$")
        self.assertIn("status", out)
        told = self.ask_json("describe", "respond")
        options = {o["name"]: o for o in told["points"][0]["options"]}
        self.assertEqual((told["name"], options["status"]["type"]), ("respond", "status"))

    def test_a_section(self):
        out, _ = self.ask("describe", "listener")
        self.assertRegex(out, r"client_idle.*75s|75s")
        self.assertIn("client_idle", self.ask_json("describe", "listener")["text"])

    def test_what_is_neither(self):
        for name, why in (
            ("listner", "did you mean 'listener'"),
            ("no_such", "needs plugins/no_such.so"),
            ("no_such", "'pkernel describe' lists what there is"),
            ("no/such", "neither a section of the config"),
            ("forwardet", "did you mean 'forwarded'"),
            ("match", "'match' is an option of a route"),
            ("weight", "'weight' is an option of an endpoint of an upstream"),
        ):
            with self.subTest(name):
                _, err = self.ask("describe", name, code=3)
                self.assertIn(why, err)
                self.assertTrue(self.ask_json("describe", name, code=3)["refused"])

    def test_without_a_name_it_says_what_there_is(self):
        out, _ = self.ask("describe")
        self.assertIn("config, listener, upstream, route", out)
        self.assertRegex(out, "plugins: .*forwarded.*round_robin")


class Mistakes(Commands):
    def wrong(self, old, new, *told, code=1):
        self.assertIn(old, CONFIG)
        _, err = self.ask("validate", config=CONFIG.replace(old, new), code=code)
        for each in told:
            self.assertIn(each, err)

    def test_what_plugins_say_is_told_with_the_rest(self):
        self.wrong(
            'body: "ok"',
            'body: "ok", headers: { host: x }',
            "'host' is set by the kernel",
        )
        self.wrong(
            'body: "ok" } }',
            'body: "ok", headers: { host: x } } }\n    forwrd: app',
            "did you mean 'forward'",
            "'host' is set by the kernel",
            "2 errors, 0 warnings",
        )

    def test_a_plugin_whose_options_cannot_be_read_is_not_asked(self):
        self.wrong(
            'status: 200, body: "ok"',
            'status: 9999, body: "ok", headers: { host: x }',
            "status '9999' is not valid",
            "1 error, 0 warnings",
        )

    def test_a_plugin_in_a_wrong_place_says_where_it_belongs(self):
        self.wrong(
            "[ forwarded ]",
            "[ round_robin ]",
            "plugin 'round_robin' is not for 'filters'",
            "it is named under 'balancer' of an upstream",
        )
        self.wrong(
            "balancer: round_robin",
            "round_robin: true",
            "'round_robin' is a plugin; it is named under 'balancer' of an upstream",
        )
        self.wrong(
            ", balancer: round_robin",
            "",
            "write 'balancer: NAME' under it",
            "balancers here: consistent_hash, ip_hash, least_conn",
        )

    def test_a_user_that_is_not_there(self):
        """Only root becomes it."""
        root = os.getuid() == 0
        told = (
            "error[E0205]" if root else "warning[E0205]"
        ) + ": the system knows no user 'no_such_user'"
        self.wrong("listeners:", "user: no_such_user\nlisteners:", told, code=1 if root else 0)

    def test_a_log_that_cannot_be_opened(self):
        self.wrong(
            "listeners:",
            "logs: [ access_log: /no/such/folder/a.log ]\nlisteners:",
            "pk.yaml:2:21: error",
            "cannot open /no/such/folder/a.log: No such file or directory",
        )

    def test_no_config_at_all_names_the_places(self):
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run(
                command(["validate"]), cwd=folder, capture_output=True, text=True, timeout=20
            )
        self.assertEqual(run.returncode, 1)
        self.assertIn("neither conf/pkernel.yaml nor /etc/pkernel/pkernel.yaml", run.stderr)
        self.assertIn("--config FILE", run.stderr)


class Usage(unittest.TestCase):
    def test_words_of_other_servers_are_answered(self):
        for words, told in (
            (["-t"], "'pkernel validate' does that"),
            (["-c", "x.yaml"], "did you mean '--config'?"),
            (["--conf", "x.yaml"], "did you mean '--config'?"),
            (["-s", "reload"], "SIGHUP reloads"),
            (["-V"], "did you mean '--version'?"),
            (["reload"], "kill -HUP"),
            (["stop"], "SIGTERM ends it"),
            (["start"], "did you mean 'run'?"),
            (["configtest"], "did you mean 'validate'?"),
            (["x.yaml"], "a config is named by --config FILE"),
            (["run", "x.yaml"], "'run' takes no arguments; a config is named by --config FILE"),
            (["validat"], "did you mean 'validate'?"),
            (["validate", "x"], "'validate' takes no arguments\n"),
        ):
            with self.subTest(words):
                run = subprocess.run(
                    [build_dir() / "pkernel", *words], capture_output=True, text=True, timeout=20
                )
                self.assertEqual(run.returncode, 2)
                self.assertIn(told, run.stderr)


class Others(Commands):
    def test_the_schema_knows_the_plugins_that_are_there(self):
        schema = json.loads(self.ask("schema")[0])
        self.assertTrue(schema["$schema"].startswith("https://json-schema.org/"))
        self.assertIn("round_robin", json.dumps(schema))

    def test_version(self):
        told = self.ask_json("version")
        self.assertEqual(
            self.ask("version")[0], f"pkernel {told['version']}, plugin ABI {told['abi']}\n"
        )

    def test_validate_says_that_all_is_good(self):
        self.assertRegex(self.ask("validate")[0], r"pk\.yaml is good$")
        self.assertEqual(self.ask_json("validate")["errors"], 0)


if __name__ == "__main__":
    unittest.main()
