"""TLS of the real binary: OpenSSL's and curl's clients, a Node origin; S09, S22, S23, S39, F07, F09, F16 over TLS."""
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import http1  # noqa: E402
from rig.certs import Authority  # noqa: E402
from rig.pkrig import SLOW, NodeApp, Origin, Proxy, build_dir, run_to_exit  # noqa: E402

CONFIG = """
listeners:
  - name: open
    address: "127.0.0.1:0"
    transport: {{ tls: {{ certificates: [ {app}, {rsa}, {admin} ] }} }}
    timeouts: {{ handshake: 300ms }}
  - {{ name: other, address: "127.0.0.1:0", transport: {{ tls: [ {app} ] }} }}
  - {{ name: plain, address: "127.0.0.1:0" }}
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
  node:
    endpoints: [ "127.0.0.1:{node}" ]
    transport: {{ tls: {{ ca: {ca}, server_name: node.test, certificates: [ {us} ] }} }}
  stranger: {{ endpoints: [ "127.0.0.1:{node}" ], transport: {{ tls: {{ ca: {ca}, server_name: else.test }} }} }}
  nameless: {{ endpoints: [ "127.0.0.1:{node}" ], transport: {{ tls: {{ ca: {ca}, server_name: node.test }} }} }}
  rude: {{ endpoints: [ "127.0.0.1:{rude}" ], transport: {{ tls: {{ verify: true, ca: {ca}, server_name: a.test }} }} }}
routes:
  - match: {{ path: /who }}
    handler: {{ probe: {{ variables: [ tls.peer.subject, tls.peer.san, tls.sni, tls.version ] }} }}
  - match: {{ path: /node }}
    forward: node
  - match: {{ path: /cut }}
    forward: node
  - match: {{ path: /stranger }}
    forward: stranger
  - match: {{ path: /nameless }}
    forward: nameless
  - match: {{ path: /rude }}
    forward: rude
  - match: {{ path: / }}
    forward: app
"""


def rude_origin():
    """A socket where whoever connects gets a response at once, before any handshake."""
    sock = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                conn, _ = sock.accept()
            except OSError:
                return
            with conn:
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen")
                conn.recv(1 << 16)

    threading.Thread(target=serve, daemon=True).start()
    return sock


def pair(folder, name, more=""):
    return f"{{ cert: {folder}/{name}.pem, key: {folder}/{name}.key{more} }}"


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = Path(tempfile.mkdtemp(prefix="pkrig-tls-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.ca, cls.staff = Authority(cls.dir, "root"), Authority(cls.dir, "staff")
        cls.ca.issue("app", "DNS:app.test,DNS:localhost")
        cls.ca.issue("rsa", "DNS:app.test", rsa=True)
        cls.ca.issue("admin", "DNS:*.admin.test")
        cls.ca.issue("node", "DNS:node.test")
        cls.staff.issue("ann", "email:ann@test")
        cls.node = NodeApp(
            "https_origin",
            CERT=str(cls.dir / "node.pem"),
            KEY=str(cls.dir / "node.key"),
            CA=str(cls.staff.pem),
        )
        cls.addClassCleanup(cls.node.kill)
        cls.origin = Origin().__enter__()
        cls.addClassCleanup(cls.origin.__exit__)
        cls.rude = rude_origin()
        cls.addClassCleanup(cls.rude.close)
        staff = f", client_certificates: {{ ca: {cls.staff.pem} }}"
        cls.config = CONFIG.format(
            app=pair(cls.dir, "app"),
            rsa=pair(cls.dir, "rsa"),
            admin=pair(cls.dir, "admin", staff),
            us=pair(cls.dir, "ann"),
            ca=cls.ca.pem,
            port=cls.origin.port,
            rude=cls.rude.getsockname()[1],
            node=cls.node.port,
        )
        plugins = cls.dir / "plugins"
        plugins.mkdir(mode=0o755)
        for file in ("tests/plugins/probe.so", "plugins/access_log.so", "plugins/tls.so"):
            shutil.copy(build_dir() / file, plugins)
        cls.dir.chmod(0o755)
        cls.proxy = Proxy(cls.config, args=["--plugins-dir", str(plugins)])
        cls.addClassCleanup(cls.proxy.cleanup)

    @classmethod
    def tearDownClass(cls):
        cls.proxy.finish()
        said = "\n".join(cls.proxy.lines) + (cls.proxy.dir / "access.log").read_text()
        for key in cls.dir.glob("*.key"):  # S39
            secret = key.read_text().splitlines()[1]
            if secret in said:
                raise AssertionError(f"{key.name} was logged")

    def context(self, client=None, version=None):
        context = ssl.create_default_context(cafile=self.ca.pem)
        if client:
            context.load_cert_chain(self.dir / f"{client}.pem", self.dir / f"{client}.key")
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, name="app.test", listener="open", session=None, context=None, **how):
        raw = socket.create_connection(("127.0.0.1", self.proxy.port(listener)), 10 * SLOW)
        self.addCleanup(raw.close)
        context = context or self.context(**how)
        sock = context.wrap_socket(raw, server_hostname=name, session=session)
        self.addCleanup(sock.close)
        return sock

    def ask(self, sock, path="/ok", host="app.test", body=None, fields=""):
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {host}\r\n{fields}"
        head += "" if body is None else f"Content-Length: {len(body)}\r\n"
        sock.sendall(head.encode() + b"\r\n" + (body or b""))
        data = bytearray()
        while True:
            found = http1.read_response(data)
            if found:
                return found[0]
            part = sock.recv(1 << 16)
            if not part:
                return None
            data += part

    def curl(self, *words, path="/ok", listener="open", name="app.test"):
        port = self.proxy.port(listener)
        return subprocess.run(
            ["curl", "-sS", "--cacert", self.ca.pem, "--resolve", f"{name}:{port}:127.0.0.1"]
            + [*words, f"https://{name}:{port}{path}"],
            capture_output=True,
            timeout=30 * SLOW,
        )

    def test_curl_with_each_version(self):
        for version in ("1.2", "1.3"):
            run = self.curl(
                f"--tlsv{version}", "--tls-max", version, "-w", "%{http_code} %{http_version}"
            )
            self.assertTrue(run.stdout.endswith(b"200 1.1"), run)
        self.assertNotEqual(
            self.curl("--tlsv1.0", "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0").returncode, 0
        )

    def test_large_bodies_both_ways_arrive_whole(self):
        body = os.urandom(3_000_000)
        echoed = self.ask(self.connect(), "/echo", body=body)
        self.assertEqual(hashlib.sha256(echoed.body).digest(), hashlib.sha256(body).digest())

    def test_requests_on_a_kept_connection(self):
        sock = self.connect()
        for _ in range(5):
            self.assertEqual(self.ask(sock).status, 200)

    def test_pipelined_requests_are_not_lost_between_two_reads(self):
        sock = self.connect()
        sock.sendall(b"GET /slow-answer?ms=100 HTTP/1.1\r\nHost: app.test\r\n\r\n")
        time.sleep(0.03)  # The second comes while the first waits for the origin.
        sock.sendall(b"GET /ok HTTP/1.1\r\nHost: app.test\r\n\r\n")
        data = bytearray()
        for _ in range(2):
            while not (found := http1.read_response(data)):
                part = sock.recv(1 << 16)
                self.assertTrue(part, "closed before both were answered")
                data += part
            del data[: found[1]]

    def test_protocols(self):
        context = self.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.assertEqual(self.connect(context=context).selected_alpn_protocol(), "http/1.1")
        context.set_alpn_protocols(["spdy/3"])
        with self.assertRaisesRegex(
            ssl.SSLError, "NO_APPLICATION_PROTOCOL|no application protocol"
        ):
            self.connect(context=context)

    def test_certificates_by_name_and_kind(self):
        def subject(name, ciphers):
            words = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.proxy.port('open')}"]
            run = subprocess.run(
                [*words, "-servername", name, "-tls1_2", "-cipher", ciphers],
                input=b"",
                capture_output=True,
                timeout=20 * SLOW,
            )
            return run.stdout.decode()

        self.assertIn("subject=CN = app\n", subject("app.test", "ECDHE-ECDSA-AES128-GCM-SHA256"))
        self.assertIn("subject=CN = rsa\n", subject("app.test", "ECDHE-RSA-AES128-GCM-SHA256"))

    def test_a_session_is_resumed_there_and_nowhere_else(self):
        context = self.context(version=ssl.TLSVersion.TLSv1_2)
        first = self.connect(context=context)
        self.assertEqual(self.ask(first).status, 200)
        again = self.connect(context=context, session=first.session)
        self.assertTrue(again.session_reused)
        self.assertFalse(
            self.connect(listener="other", context=context, session=first.session).session_reused
        )

    def test_a_ticket_of_1_3_resumes_with_s_client(self):
        kept = self.dir / "session"
        words = [
            "openssl",
            "s_client",
            "-connect",
            f"127.0.0.1:{self.proxy.port('open')}",
            "-servername",
            "app.test",
        ]
        request = b"GET /ok HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n"
        for flag, said in (("-sess_out", "New, TLSv1.3"), ("-sess_in", "Reused, TLSv1.3")):
            run = subprocess.run(
                [*words, flag, kept, "-ign_eof"],
                input=request,
                capture_output=True,
                timeout=20 * SLOW,
            )
            self.assertIn(said, run.stdout.decode("latin-1"))

    def test_another_hosts_policy_is_misdirected(self):  # S22
        self.assertEqual(self.ask(self.connect(), host="x.admin.test").status, 421)
        self.assertEqual(self.ask(self.connect(), host="unknown.test").status, 200)
        staff = self.connect("x.admin.test", client="ann")
        self.assertEqual(self.ask(staff, host="x.admin.test").status, 200)
        self.assertEqual(self.ask(staff, host="app.test").status, 421)

    def test_a_ticket_does_not_open_a_host_that_wants_a_certificate(self):  # S22
        context = self.context(version=ssl.TLSVersion.TLSv1_2)
        first = self.connect(context=context)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.ask(
                self.connect("x.admin.test", context=context, session=first.session),
                host="x.admin.test",
            )

    def test_without_its_certificate_nobody_enters(self):  # S23
        for how in ({}, {"client": "app"}):
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                self.ask(self.connect("x.admin.test", **how), host="x.admin.test")

    def test_handlers_may_ask_who_it_is(self):
        staff = self.connect("x.admin.test", client="ann")
        said = self.ask(
            staff, "/who", "x.admin.test", fields="X-Handler: variables\r\n"
        ).body.decode()
        for part in ("CN=ann", "email:ann@test", "x.admin.test", "TLSv1.3"):
            self.assertIn(part, said)
        said = self.ask(self.connect(), "/who", fields="X-Handler: variables\r\n").body.decode()
        self.assertIn("app.test", said)
        self.assertNotIn("CN=", said)

    def test_plain_bytes_on_the_port_go_nowhere(self):  # S09
        before = len(self.origin.heads)
        with socket.create_connection(("127.0.0.1", self.proxy.port("open")), 10 * SLOW) as raw:
            raw.sendall(b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n")
            said = b""
            try:
                while part := raw.recv(4096):
                    said += part
            except ConnectionResetError:
                pass
        self.assertTrue(said.startswith(b"HTTP/1.1 400 ") and said.endswith(b"by https://\n"), said)
        self.assertEqual(len(self.origin.heads), before)

    def test_a_silent_handshake_ends_in_time(self):
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.proxy.port("open")), 10 * SLOW) as raw:
            self.assertEqual(raw.recv(1), b"")
            self.assertGreater(time.monotonic() - start, 0.29)

    def test_a_half_closed_client_is_answered(self):  # F09
        for polite in (True, False):
            into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
            raw = socket.create_connection(("127.0.0.1", self.proxy.port("open")), 10 * SLOW)
            self.addCleanup(raw.close)
            tls = self.context().wrap_bio(into, out, server_hostname="app.test")

            def until(call):
                while True:
                    try:
                        return call()
                    except ssl.SSLWantReadError:
                        if out.pending:
                            raw.sendall(out.read())
                        into.write(raw.recv(1 << 16))

            until(tls.do_handshake)
            tls.write(b"GET /slow-answer?ms=100 HTTP/1.1\r\nHost: app.test\r\n\r\n")
            if polite:
                with self.assertRaises(ssl.SSLWantReadError):
                    tls.unwrap()
            raw.sendall(out.read())
            raw.shutdown(socket.SHUT_WR)
            self.assertTrue(until(lambda: tls.read(1 << 16)).startswith(b"HTTP/1.1 200"))

    def test_an_origin_that_is_cut_is_visibly_cut(self):  # F07
        run = self.curl(path="/cut")
        self.assertEqual(run.returncode, 18, run.stderr)  # curl: a partial transfer.
        self.assertEqual(len(run.stdout), 5000)

    def test_clients_that_leave_in_the_middle_leave_nothing(self):  # F16
        before = self.proxy.fd_count()
        for _ in range(100):
            sock = self.connect()
            sock.sendall(b"GET /ok?size=1000000 HTTP/1.1\r\nHost: app.test\r\n\r\n")
            sock.recv(100)
            sock.close()
        deadline = time.monotonic() + 10 * SLOW
        while self.proxy.fd_count() > before + 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertLessEqual(self.proxy.fd_count(), before + 4)

    def test_an_origin_over_tls(self):
        first = json.loads(self.ask(self.connect(), "/node/1", body=b"x" * 200_000).body)
        self.assertEqual(
            first,
            {
                "url": "/node/1",
                "bytes": 200_000,
                "sni": "node.test",
                "peer": "ann",
                "reused": first["reused"],
            },
        )
        time.sleep(0.2)  # Node closes idle connections after 50 ms: the next one resumes.
        self.assertTrue(json.loads(self.ask(self.connect(), "/node/2").body)["reused"])

    def test_an_origin_without_the_name_or_without_tls_gets_nothing(self):  # S09
        self.assertEqual(self.ask(self.connect(), "/stranger").status, 502)
        answer = self.ask(self.connect(), "/rude")
        self.assertEqual(answer.status, 502)
        self.assertNotIn(b"stolen", answer.body)

    def test_an_origin_that_wants_to_know_who_we_are(self):
        """In TLS 1.3 its alert comes after the handshake: the log must say so all the same."""
        self.assertEqual(self.ask(self.connect(), "/nameless").status, 502)
        self.proxy.wait_log(
            "'nameless', endpoint .*: upstream_reset, TLS: .*certificate required", 5 * SLOW
        )

    def test_a_wrong_file_is_named_with_its_line(self):
        (self.dir / "empty.pem").write_text("")
        for wrong, says in (
            (self.config.replace("app.key", "rsa.key", 1), "is not the key of the certificate in"),
            (self.config.replace("staff.pem", "empty.pem"), "holds no PEM certificate"),
            (self.config.replace("staff.pem", "nowhere.pem"), "nowhere.pem"),
        ):
            code, text, _ = run_to_exit(wrong, ["--plugins-dir", str(self.dir / "plugins")])
            self.assertEqual(code, 1, text)
            self.assertRegex(text, r"pk.yaml:5:\d+: error")
            self.assertIn(says, text)


if __name__ == "__main__":
    unittest.main()
