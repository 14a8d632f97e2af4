"""WebSocket over HTTP/2 (RFC 8441), bridged to HTTP/1.1 at the origin."""
import base64
import hashlib
import json
import signal
import socket
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.h2 import CANCEL, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST  # noqa: E402
from rig.h2 import Client, frame, request  # noqa: E402
from rig.pkrig import SLOW, Proxy  # noqa: E402

CONFIG = """
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
listeners:
  - name: web
    address: "127.0.0.1:0"
    codecs: [ http2: {{ extended_connect: true }}, http1 ]
    limits: {{ streams_total: 4 }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
routes:
  - match: {{ path: /plain }}
    forward: app
  - match: {{ path: / }}
    upgrade: [ websocket: {{ drain: close }} ]
    forward: app
"""


def masked(text):
    return bytes([0x81, 0x80 | len(text)]) + b"\0\0\0\0" + text


def unmasked(text):
    return bytes([0x81, len(text)]) + text


class Bridge(unittest.TestCase):
    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.proxy = Proxy(CONFIG.format(port=self.listener.getsockname()[1]))
        self.addCleanup(self.proxy.cleanup)
        self.client = Client(self.proxy.port())
        self.addCleanup(self.client.close)

    def connect(self, path="/live", stream=1, protocol="websocket"):
        head = request(path, "CONNECT", more=[("sec-websocket-version", "13")])
        head.insert(1, (":protocol", protocol))
        self.client.headers(stream, head, END_HEADERS)

    def origin(self):
        """Its connection and the head of the request there."""
        sock, _ = self.listener.accept()
        sock.settimeout(10 * SLOW)
        self.addCleanup(sock.close)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(65536)
        lines = head.decode().split("\r\n")
        return sock, lines[0], {k.lower(): v for k, v in (l.split(": ", 1) for l in lines[1:-2])}

    def accept(self, stream=1):
        sock, line, fields = self.origin()
        self.assertEqual(line, "GET /live HTTP/1.1")
        self.assertEqual((fields["upgrade"], fields["connection"]), ("websocket", "Upgrade"))
        self.assertNotIn("transfer-encoding", fields)
        key = fields["sec-websocket-key"]
        self.assertEqual(len(base64.b64decode(key, validate=True)), 16)
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        self.assertTrue(self.client.wait_for(lambda f: f[0] == HEADERS and f[2] == stream))
        head = self.client.heads[stream][0]
        self.assertEqual(head[":status"], "200")
        self.assertNotIn("sec-websocket-accept", head)
        return sock

    def body(self, want, stream=1):
        self.client.wait_for(lambda f: len(self.client.bodies.get(stream, b"")) >= len(want))
        self.assertEqual(self.client.bodies.get(stream, b""), want)

    def last_line(self, end=None):
        self.client.close()
        end() if end else self.proxy.finish()
        return json.loads((self.proxy.dir / "access.log").read_text().splitlines()[-1])

    def test_it_is_offered_and_both_directions_end_on_their_own(self):
        self.connect()
        self.client.send(frame(DATA, 0, 1, masked(b"early")))  # Before the 101: held.
        origin = self.accept()
        self.assertEqual(origin.recv(100), masked(b"early"))
        origin.sendall(unmasked(b"hello"))
        self.body(unmasked(b"hello"))
        origin.shutdown(socket.SHUT_WR)
        self.assertTrue(self.client.wait_for(lambda f: f[0] == DATA and f[1] & END_STREAM))
        self.client.send(frame(DATA, 0, 1, masked(b"more")))
        self.assertEqual(origin.recv(100), masked(b"more"))
        self.client.send(frame(DATA, END_STREAM, 1))
        self.assertEqual(origin.recv(100), b"")
        self.assertIsNone(self.client.find(lambda f: f[0] == RST))
        line = self.last_line()
        self.assertEqual((line["status"], line["end_reason"]), (101, "complete"))
        self.assertEqual(line["protocol"], "HTTP/2.0")

    def test_it_outlasts_the_streams_of_its_connection(self):
        """`streams_total` is for new ones: what is open is left alone, by `drain: close` too."""
        self.connect()
        origin = self.accept()
        for stream in (3, 5, 7):
            self.client.headers(stream, request("/plain"))
            plain, _, _ = self.origin()
            plain.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            self.assertEqual(self.client.response(stream), (204, b""))
        self.assertTrue(self.client.wait_for(lambda f: f[0] == GOAWAY))
        origin.sendall(unmasked(b"still here"))
        self.body(unmasked(b"still here"))
        self.client.send(frame(DATA, 0, 1, masked(b"me too")))
        self.assertEqual(origin.recv(100), masked(b"me too"))

    def test_the_client_ends_first(self):
        self.connect()
        self.client.send(frame(DATA, END_STREAM, 1, masked(b"all")))
        origin = self.accept()
        self.assertEqual(origin.recv(100), masked(b"all"))
        self.assertEqual(origin.recv(100), b"")
        origin.sendall(unmasked(b"and mine"))
        origin.close()
        self.body(unmasked(b"and mine"))
        self.assertTrue(self.client.wait_for(lambda f: f[0] == DATA and f[1] & END_STREAM))
        self.assertEqual(self.last_line()["end_reason"], "complete")

    def test_more_than_a_window_is_credited(self):
        self.connect()
        origin = self.accept()
        answer = b"\x82\x7e" + (60000).to_bytes(2, "big") + b"x" * 60000
        origin.sendall(answer)
        self.body(answer)
        for _ in range(8):  # Half a window each, since updates are sent by halves.
            data, got = b"y" * 30000, b""
            for at in range(0, len(data), 10000):
                self.client.send(frame(DATA, 0, 1, data[at : at + 10000]))
            while len(got) < len(data):
                piece = origin.recv(65536)
                self.assertTrue(piece)
                got += piece
            self.assertEqual(got, data)
        self.client.read(0)
        self.assertIsNone(self.client.find(lambda f: f[0] in (RST, GOAWAY)))

    def test_what_no_route_lists_is_refused(self):
        for path, protocol, stream in (("/plain", "websocket", 1), ("/live", "other", 3)):
            self.connect(path, stream, protocol)
            self.assertTrue(self.client.wait_for(lambda f: f[0] == HEADERS and f[2] == stream))
            self.assertEqual(self.client.heads[stream][0][":status"], "501")
        self.assertLessEqual({"end_reason": "upgrade_not_listed"}.items(), self.last_line().items())

    def test_a_2xx_that_is_no_switch_is_none_for_the_client_either(self):
        self.connect()
        origin, _, _ = self.origin()
        origin.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.assertTrue(self.client.wait_for(lambda f: f[0] == HEADERS))
        self.assertEqual(self.client.heads[1][0][":status"], "502")
        self.assertLessEqual({"end_reason": "upgrade_unanswered"}.items(), self.last_line().items())

    def test_another_answer_is_an_ordinary_one(self):
        self.connect()
        self.client.send(frame(DATA, 0, 1, b"never a request"))
        origin, _, _ = self.origin()
        origin.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        self.assertEqual(self.client.response(1), (403, b"no"))
        self.assertEqual(origin.recv(100), b"")

    def test_a_reset_reaches_the_origin(self):
        self.connect()
        origin = self.accept()
        self.client.send(frame(RST, 0, 1, CANCEL.to_bytes(4, "big")))
        with self.assertRaises(ConnectionResetError):
            origin.recv(100)
        self.assertEqual(self.last_line()["end_reason"], "client_reset")

    def test_a_stop_closes_it_with_1012(self):
        """F27"""
        self.connect()
        origin = self.accept()
        origin.sendall(unmasked(b"a"))
        self.body(unmasked(b"a"))
        self.proxy.signal(signal.SIGTERM)
        self.body(unmasked(b"a") + b"\x88\x02\x03\xf4")
        self.assertTrue(self.client.wait_for(lambda f: f[0] == DATA and f[1] & END_STREAM))
        self.assertTrue(self.client.wait_for(lambda f: f[0] == GOAWAY))
        self.client.send(frame(DATA, END_STREAM, 1, b"bye"))
        self.assertEqual(origin.recv(100), b"bye")
        self.assertEqual(origin.recv(100), b"")
        origin.close()
        line = self.last_line(lambda: self.assertEqual(self.proxy.wait_exit(), 0))
        self.assertEqual(line["end_reason"], "complete")

    def test_a_reload_that_changes_its_options_tells_it(self):  # F24
        self.connect()
        sock = self.accept()
        port = self.listener.getsockname()[1]
        self.assertIn("reloaded in", self.proxy.reload(CONFIG.format(port=port) + "\n"))
        self.client.send(frame(DATA, 0, 1, masked(b"still here")))
        self.assertEqual(sock.recv(100), masked(b"still here"))
        other = CONFIG.format(port=port).replace("drain: close", "drain: close, idle: 1h")
        self.assertIn("reloaded in", self.proxy.reload(other))
        self.body(b"\x88\x02\x03\xf4")
        self.assertFalse([f for f in self.client.frames if f[0] == GOAWAY])


if __name__ == "__main__":
    unittest.main()
