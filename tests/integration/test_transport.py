"""A transport between the socket and HTTP/1.1, on both sides, by a toy that xors: handshakes that pause or fail, 421, ends."""
import shutil
import socket
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import access_log, http1  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy, build_dir  # noqa: E402

CONFIG = """
listeners:
  - {{ name: plain, address: "127.0.0.1:0" }}
  - name: veiled
    address: "127.0.0.1:0"
    transport: veil
    timeouts: {{ handshake: 300ms }}
  - {{ name: inner, address: "unix:$TMP/inner.sock", transport: veil }}
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
  veiled: {{ endpoints: [ "unix:$TMP/inner.sock" ], transport: veil }}
  unveiled: {{ endpoints: [ "127.0.0.1:{rude}" ], transport: veil }}
routes:
  - match: {{ listener: plain, path: /broken }}
    forward: unveiled
  - match: {{ listener: plain }}
    forward: veiled
  - match: {{ path: / }}
    forward: app
"""


class Client:
    """Speaks the toy's protocol with `key`; None: no transport."""

    def __init__(self, port, key=b"x", hello=True):
        self.sock = socket.create_connection(("127.0.0.1", port), 10 * SLOW)
        self.key, self.data = key, bytearray()
        if key and hello:
            self.sock.sendall(b"VEIL" + key)
            if self.sock.recv(1) != b"K":
                raise ConnectionError("no K")

    def xor(self, data):
        return bytes(b ^ self.key[0] for b in data) if self.key else data

    def send(self, data):
        self.sock.sendall(self.xor(data))

    def more(self):
        data = self.sock.recv(1 << 16)
        self.data += self.xor(data)
        return bool(data)

    def ask(self, path, host="a", body=None):
        """The response to a GET, or a POST of `body`."""
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {host}\r\n"
        head += "" if body is None else f"Content-Length: {len(body)}\r\n"
        self.send(head.encode() + b"\r\n" + (body or b""))
        while True:
            found = http1.read_response(self.data)
            if found:
                del self.data[: found[1]]
                return found[0]
            if not self.more():
                return None

    def ended(self):
        """Whether the connection ended without another byte."""
        try:
            return not self.more() and not self.data
        except ConnectionResetError:
            return True


def rude_origin():
    """A socket where whoever connects gets a response at once (S09)."""
    sock = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                conn, _ = sock.accept()
            except OSError:
                return
            with conn:
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen")

    threading.Thread(target=serve, daemon=True).start()
    return sock


class Transport(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rude = rude_origin()
        cls.addClassCleanup(cls.rude.close)
        folder = Path(tempfile.mkdtemp(prefix="pkrig-plugins-"))
        cls.addClassCleanup(shutil.rmtree, folder, True)
        folder.chmod(0o755)
        for file in ("tests/plugins/veil.so", "plugins/access_log.so"):
            shutil.copy(build_dir() / file, folder)
        cls.origin = Origin().__enter__()
        cls.addClassCleanup(cls.origin.__exit__)
        cls.proxy = Proxy(
            CONFIG.format(port=cls.origin.port, rude=cls.rude.getsockname()[1]),
            args=["--plugins-dir", str(folder)],
        )
        cls.addClassCleanup(cls.proxy.cleanup)
        cls.expected = []

    @classmethod
    def tearDownClass(cls):
        cls.proxy.finish()
        missing = access_log.missing(cls.proxy.dir / "access.log", cls.expected)
        if missing:
            raise AssertionError("\n".join(missing))

    def client(self, listener="veiled", **how):
        client = Client(self.proxy.port(listener), **how)
        self.addCleanup(client.sock.close)
        return client

    def test_requests_on_a_kept_connection_are_https(self):
        client = self.client()
        for _ in range(3):
            self.assertEqual(client.ask("/ok").body, b"ok")

    def test_bodies_larger_than_any_buffer(self):
        body = bytes(range(256)) * 8192
        self.assertEqual(self.client().ask("/echo", body=body).body, body)

    def test_a_hello_and_a_request_in_one_packet(self):
        client = self.client(hello=False)
        client.sock.sendall(b"VEILx" + client.xor(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n"))
        self.assertEqual(client.sock.recv(1), b"K")
        while not (found := http1.read_response(client.data)):
            self.assertTrue(client.more())
        self.assertEqual(found[0].body, b"ok")

    def test_a_hello_byte_by_byte(self):
        client = self.client(hello=False)
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"VEILx":
            client.sock.sendall(bytes([byte]))
        self.assertEqual(client.sock.recv(1), b"K")
        self.assertEqual(client.ask("/ok").body, b"ok")

    def test_a_handshake_that_waits_for_a_job_or_a_waker(self):
        for key in (b"J", b"W"):
            with self.subTest(key):
                self.assertEqual(self.client(key=key).ask("/ok").body, b"ok")

    def test_a_client_that_goes_while_its_handshake_waits(self):
        for key in (b"J", b"W", b"N"):
            client = self.client(key=key, hello=False)
            client.sock.sendall(b"VEIL" + key)
            client.sock.close()
        self.assertEqual(self.client().ask("/ok").body, b"ok")

    def test_a_handshake_that_never_ends_is_cut(self):
        for hello in (b"", b"VE", b"VEILN"):
            with self.subTest(hello):
                client = self.client(hello=False)
                client.sock.sendall(hello)
                self.assertTrue(client.ended())

    def test_a_handshake_that_fails_is_closed_and_logged(self):
        seen = len(self.proxy.lines)
        client = self.client(hello=False)
        client.sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(client.ended())
        self.proxy.wait_log(
            r"listener 'veiled': handshake with 127\.0\.0\.1:\d+ failed: no veil", 5 * SLOW, seen
        )

    def test_a_host_that_the_connection_is_not_for(self):
        reply = self.client().ask("/ok", host="elsewhere")
        self.assertEqual(reply.status, 421)
        self.expected.append(("421", '{"status": 421, "end_reason": "misdirected"}'))

    def test_a_protocol_that_only_one_codec_speaks(self):
        self.assertEqual(self.client(key=b"P").ask("/ok").body, b"ok")

    def test_a_response_cut_short_is_seen(self):
        self.assertIsNone(self.client().ask("/rst-body"))

    def test_through_a_veil_to_the_origin_and_pooled(self):
        client = self.client("plain", key=None)
        for _ in range(3):
            self.assertEqual(client.ask("/ok").body, b"ok")
        body = bytes(range(256)) * 8192
        self.assertEqual(client.ask("/echo", body=body).body, body)

    def test_what_an_origin_says_before_the_handshake_reaches_nobody(self):
        """S09."""
        reply = self.client("plain", key=None).ask("/broken")
        self.assertEqual(reply.status, 502)
        self.assertNotIn(b"stolen", reply.raw)
        self.expected.append(("502", '{"status": 502, "end_reason": "upstream_handshake_failed"}'))
        self.proxy.wait_log(
            r"upstream 'unveiled', endpoint 127\.0\.0\.1:\d+: upstream_handshake_failed, no veil there"
            r" \(request [0-9a-f]{16}\)",
            5 * SLOW,
        )


if __name__ == "__main__":
    unittest.main()
