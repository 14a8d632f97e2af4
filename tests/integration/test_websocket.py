"""The websocket plugin between real peers: python3-websockets, Node's ws where it is installed. F27 with tunnels open."""
import asyncio
import base64
import hashlib
import json
import os
import signal
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
from rig import certs  # noqa: E402
from rig.pkrig import SLOW, NodeApp, Proxy  # noqa: E402
from rig.waiting import soon  # noqa: E402

sys.path.append("/usr/lib/python3/dist-packages")  # Where Debian's is, whichever python this is.
try:
    import websockets
except ImportError:  # A machine without python3-websockets: tools/install test.
    websockets = None

CONFIG = """
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
listeners:
  - {{ name: web, address: "127.0.0.1:0"{listener} }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ]{upstream} }}
routes:
  - match: {{ path: / }}
    filters: [ forwarded: {{ trusted_proxies: [ {trusted} ] }} ]
    upgrade: [ websocket: {{ {options} }} ]
    forward: app
"""
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def config(port, options="", listener="", upstream="", trusted=""):
    text = CONFIG.format(
        port=port, options=options, listener=listener, upstream=upstream, trusted=trusted
    )
    return text if options else text.replace("websocket: {  }", "websocket")


class Server:
    """An echoing server of python3-websockets on a thread of its own."""

    def __init__(self, tls=None):
        self.loop, self.closes = asyncio.new_event_loop(), []
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self._run(self._serve(tls))
        self.port = self.server.sockets[0].getsockname()[1]

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20 * SLOW)

    async def _serve(self, tls):
        return await websockets.serve(
            self._echo, "127.0.0.1", 0, ssl=tls, max_size=None, ping_interval=None
        )

    async def _echo(self, connection, *_):
        try:
            async for message in connection:
                await connection.send(message)
        except websockets.ConnectionClosed:
            pass
        self.closes.append(connection.close_code)

    def stop(self):
        self.server.close()
        self._run(self.server.wait_closed())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@unittest.skipUnless(websockets, "python3-websockets is not installed")
class Echo(unittest.TestCase):
    def start(self, options="", listener="", upstream="", tls=None, trusted=""):
        self.server = Server(tls)
        self.addCleanup(self.server.stop)
        self.proxy = Proxy(config(self.server.port, options, listener, upstream, trusted))
        self.addCleanup(self.proxy.stop)

    def connect(self, scheme="ws", **how):
        url = f"{scheme}://127.0.0.1:{self.proxy.port()}/live"
        return websockets.connect(url, max_size=None, ping_interval=None, **how)

    async def talk(self, **how):
        async with self.connect(**how) as connection:
            for message in ("hello", "", b"\x00" * 125, "ä" * 70000, os.urandom(4 << 20)):
                await connection.send(message)
                self.assertEqual(await connection.recv(), message)
            await (await connection.ping())
        return connection.close_code

    def test_messages_of_every_kind_come_back(self):
        for options in ("", "message_size: 16MiB, drain: close, ping: 1h"):
            with self.subTest(options):
                self.start(options)
                self.assertEqual(asyncio.run(self.talk()), 1000)
                self.assertEqual(asyncio.run(self.talk(compression=None)), 1000)

    def test_over_tls_on_both_sides(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        cert = certs.Authority(Path(folder.name), "root").issue("app", "DNS:app.test")
        key, root = cert.with_suffix(".key"), cert.with_name("root.pem")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(cert, key)
        self.start(
            "message_size: 16MiB",
            listener=f", transport: {{ tls: [ {{ cert: {cert}, key: {key} }} ] }}",
            upstream=f", transport: {{ tls: {{ ca: {root}, server_name: app.test }} }}",
            tls=server,
        )
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        self.assertEqual(asyncio.run(self.talk(scheme="wss", ssl=client)), 1000)

    def test_a_large_message_closes_both_with_1009(self):
        self.start("message_size: 1KiB")

        async def too_much():
            async with self.connect(compression=None) as connection:
                await connection.send(b"x" * 1024)
                await connection.recv()
                await connection.send(b"x" * 1025)
                await connection.wait_closed()
                return connection.close_code

        self.assertEqual(asyncio.run(too_much()), 1009)
        self.wait_for(lambda: self.server.closes == [1009])

    def test_a_page_of_another_origin_is_refused(self):
        self.start("origins: [ same ]")

        async def from_page(origin):
            async with self.connect(origin=origin):
                return 101

        self.assertEqual(asyncio.run(from_page(f"http://127.0.0.1:{self.proxy.port()}")), 101)
        with self.assertRaises(websockets.InvalidStatusCode) as refused:
            asyncio.run(from_page("https://evil.example"))
        self.assertEqual(refused.exception.status_code, 403)

    def test_same_has_the_scheme_that_a_trusted_proxy_tells(self):
        """One before us ends TLS: a page of the same host that came without it may not connect."""

        async def from_page(scheme):
            how = {"extra_headers": {"X-Forwarded-Proto": "https"}}
            try:
                async with self.connect(origin=f"{scheme}://127.0.0.1:{self.proxy.port()}", **how):
                    return 101
            except websockets.InvalidStatusCode as refused:
                return refused.status_code

        for trusted, page, answer in (
            ("127.0.0.1", "https", 101),
            ("127.0.0.1", "http", 403),
            ("", "http", 101),  # Anybody could say so.
        ):
            with self.subTest(trusted=trusted, page=page):
                self.start("origins: [ same ]", trusted=trusted)
                self.assertEqual(asyncio.run(from_page(page)), answer)

    def test_an_idle_connection_is_told_so(self):
        self.start("idle: 200ms, drain: close")

        async def idle():
            async with self.connect() as connection:
                await connection.wait_closed()
                return connection.close_code

        self.assertEqual(asyncio.run(idle()), 1001)

    def test_pings_keep_a_quiet_connection(self):
        """The client's pongs are bytes; a client that does not answer is found by `idle`."""
        self.start("ping: 100ms, idle: 400ms")

        async def quiet():
            async with self.connect() as connection:
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(connection.wait_closed(), 1.2)
                await connection.send("still here")
                return await connection.recv()

        self.assertEqual(asyncio.run(quiet()), "still here")

    def test_a_stop_closes_with_1012_and_ends_soon(self):
        """F27"""
        self.start("drain: close")

        async def stopped():
            connections = [await self.connect() for _ in range(20)]
            for connection in connections:
                await connection.send("x" * 100)
                await connection.recv()
            began = time.monotonic()
            self.proxy.signal(signal.SIGTERM)
            for connection in connections:
                await connection.wait_closed()
            return [c.close_code for c in connections], time.monotonic() - began

        codes, took = asyncio.run(stopped())
        self.assertEqual(codes, [1012] * 20)
        self.assertLess(took, 5 * SLOW)
        self.assertEqual(self.proxy.wait_exit(), 0)

    def wait_for(self, condition):
        self.assertTrue(soon(condition), "it did not come about")


def node_has_ws():
    try:
        return not subprocess.run(["node", "-e", "require('ws')"], capture_output=True).returncode
    except FileNotFoundError:
        return False


@unittest.skipUnless(node_has_ws(), "Node's ws is not installed (NODE_PATH)")
class Node(unittest.TestCase):
    def test_node_talks_to_node(self):
        for options in ("", "message_size: 16MiB, ping: 1h, drain: close"):
            with self.subTest(options), NodeApp("ws_echo") as app:
                with Proxy(config(app.port, options)) as proxy:
                    url = f"ws://127.0.0.1:{proxy.port()}/live"
                    script = Path(__file__).parents[1] / "apps" / "ws_client.js"
                    said = subprocess.check_output(["node", script, url], timeout=60 * SLOW)
                    self.assertEqual(json.loads(said), {"code": 4321, "messages": 8, "pongs": 1})
                    self.assertEqual(app.get_json("/"), [4321])


class Raw(unittest.TestCase):
    """Without a library in between."""

    def test_the_origins_proof_is_checked(self):
        origin = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(origin.close)
        with Proxy(config(origin.getsockname()[1])) as proxy:
            for accept, status in ((ACCEPT, b"101"), (ACCEPT[::-1], b"502")):
                client = socket.create_connection(("127.0.0.1", proxy.port()), 10 * SLOW)
                client.sendall(
                    f"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
                )
                served, _ = origin.accept()
                self.assertIn(KEY.encode(), served.recv(65536))
                served.sendall(
                    f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
                )
                self.assertEqual(client.recv(65536).split()[1], status)
                client.close()
                served.close()

    def test_the_proof_is_the_one_of_the_rfc(self):
        digest = hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.assertEqual(base64.b64encode(digest).decode(), ACCEPT)


if __name__ == "__main__":
    unittest.main()
