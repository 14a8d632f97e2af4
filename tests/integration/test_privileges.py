"""Root is given up, and keys that only root may read serve all the same (S36)."""
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import pkrig  # noqa: E402
from rig.certs import Authority  # noqa: E402
from rig.pkrig import Proxy, run_to_exit  # noqa: E402
from rig.proxy import command  # noqa: E402

CONFIG = """
user: nobody
listeners:
  - name: web
    address: "127.0.0.1:0"
    transport: {{ tls: {{ certificates: [ {{ cert: {dir}/app.pem, key: {dir}/{key} }} ] }} }}
routes:
  - match: {{ path: / }}
    handler: {{ respond: {{ status: 200, body: "${{file:{dir}/word}}" }} }}
"""


def status_of(pid):
    pairs = (line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: value.split() for name, value in pairs}


@unittest.skipUnless(os.getuid() == 0, "only root has something to give up")
class GivenUp(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="pkrig-keys-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.ca = Authority(self.dir, "root")
        self.ca.issue("app", "DNS:app.test")
        (self.dir / "word").write_text("secret")
        for each in self.dir.iterdir():
            each.chmod(0o600)
        # The build may lie where only root may look.
        plugins = Path(tempfile.mkdtemp(prefix="pkrig-plugins-"))
        self.addCleanup(shutil.rmtree, plugins)
        plugins.chmod(0o755)
        for name in ("tls", "respond", "access_log"):
            shutil.copy(pkrig.build_dir() / "plugins" / f"{name}.so", plugins)
        self.args = ["--plugins-dir", str(plugins)]

    def config(self, key="app.key"):
        return CONFIG.format(dir=self.dir, key=key)

    def get(self, proxy):
        context = ssl.create_default_context(cafile=self.ca.pem)
        with socket.create_connection(("127.0.0.1", proxy.port()), 10) as plain:
            with context.wrap_socket(plain, server_hostname="app.test") as tls:
                tls.sendall(b"GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n")
                return b"".join(iter(lambda: tls.recv(4096), b""))

    def test_a_key_of_root_alone_serves_and_the_engine_is_nobody(self):
        with Proxy(self.config(), workers=2, args=self.args) as proxy:
            self.assertTrue(self.get(proxy).endswith(b"\r\n\r\nsecret"))
            self.assertEqual(len(pkrig.tree(proxy.pid)), 2, "the child that opened them has gone")
            engine = proxy.engine_pid()
            for pid, uid in ((proxy.pid, 0), (engine, pwd.getpwnam("nobody").pw_uid)):
                self.assertEqual(set(status_of(pid)["Uid"]), {str(uid)})
            told = status_of(engine)
            for name in ("CapEff", "CapPrm", "CapInh"):
                self.assertEqual(int(told[name][0], 16), 0, name)
            self.assertEqual(told["NoNewPrivs"], ["1"])
            held = [
                os.readlink(f"/proc/{engine}/fd/{fd}") for fd in os.listdir(f"/proc/{engine}/fd")
            ]
            self.assertFalse([path for path in held if path.startswith(str(self.dir))], held)

    def validate(self, config):
        file = self.dir / "pk.yaml"
        file.write_text(config)
        file.chmod(0o644)
        self.dir.chmod(0o755)
        return subprocess.run(
            command(["validate", "--config", str(file)] + self.args),
            capture_output=True,
            text=True,
            timeout=30 * pkrig.SLOW,
        )

    def test_validate_finds_what_the_engines_user_finds(self):
        """Keys are opened for it; a log is not."""
        done = self.validate(self.config())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        log = self.dir / "access.log"
        done = self.validate(self.config() + f"logs: [ access_log: {log} ]\n")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"E0404]: access_log: cannot open {log}: Permission denied", done.stderr)
        self.assertTrue(done.stderr.endswith("as user 'nobody', whom the engine becomes\n"))
        done = self.validate(self.config("word"))
        self.assertEqual(done.returncode, 1)
        os.chown(self.dir / "app.key", pwd.getpwnam("nobody").pw_uid, -1)
        self.assertEqual(self.validate(self.config()).returncode, 0, "it may read that by itself")

    def test_a_renewed_key_serves_new_handshakes_after_a_reload(self):
        """And the connection from before goes on, with the old one."""
        with Proxy(self.config(), workers=2, args=self.args) as proxy:
            old_pem = (self.dir / "app.pem").read_text()
            context = ssl.create_default_context(cafile=self.ca.pem)
            plain = socket.create_connection(("127.0.0.1", proxy.port()), 10)
            with context.wrap_socket(plain, server_hostname="app.test") as kept:
                for renewed in range(3):
                    kept.sendall(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
                    self.assertTrue(kept.recv(4096).endswith(b"\r\n\r\nsecret"))
                    self.assertEqual(ssl.DER_cert_to_PEM_cert(kept.getpeercert(True)), old_pem)
                    self.ca.issue("app", "DNS:app.test")
                    (self.dir / "app.key").chmod(0o600)
                    self.assertRegex(proxy.reload(), "1 of 2 instances as before")
                    self.assertTrue(self.get(proxy).endswith(b"\r\n\r\nsecret"))
                    with socket.create_connection(("127.0.0.1", proxy.port()), 10) as other:
                        with context.wrap_socket(other, server_hostname="app.test") as tls:
                            shown = ssl.DER_cert_to_PEM_cert(tls.getpeercert(True))
                    self.assertEqual(shown, (self.dir / "app.pem").read_text())

    def test_the_engine_itself_may_not_open_the_key(self):
        """Nor may it be led to another file by what its user can change."""
        theirs = self.dir / "theirs"
        theirs.mkdir()
        shutil.move(self.dir / "app.key", theirs / "app.key")
        shutil.chown(theirs, "nobody")
        self.dir.chmod(0o755)
        code, err, _ = run_to_exit(self.config("theirs/app.key"), self.args)
        self.assertEqual(code, 1, err)
        self.assertRegex(
            err, r"theirs/app.key' is not opened for the engine: \S+ belongs to that user"
        )
        self.assertRegex(
            err, r"pk\.yaml:6:\d+: error\[E\d+\]: cannot read '\S+app.key': Permission"
        )

    def test_a_mistake_in_a_config_of_root_alone_has_its_place(self):
        code, err, _ = run_to_exit(self.config().replace("handler", "handlr"), self.args)
        self.assertEqual(code, 1, err)
        self.assertRegex(err, r"pk\.yaml:9:\d+: error\[E\d+\]: unknown option 'handlr'")


if __name__ == "__main__":
    unittest.main()
