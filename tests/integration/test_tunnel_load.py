"""Tunnels that carry much, or nothing for long: half-closes (F09), stops (F27), back-pressure, splicing, hours."""
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import SLOW, Proxy  # noqa: E402
from rig.ports import refuses  # noqa: E402
from rig.proxy import build_dir  # noqa: E402
from rig.sanitized import skips  # noqa: E402
from rig.waiting import soon  # noqa: E402

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
CONFIG = """
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
routes:
  - match: {{ path: / }}
    upgrade: [ burrow ]
    forward: app
"""
MIB = 1 << 20


def buffers_of_the_system():
    """What may stand in the sockets of both connections, in whole MiB: they grow to that on a busy machine."""
    ipv4 = Path("/proc/sys/net/ipv4")
    most = sum(int((ipv4 / f"tcp_{way}mem").read_text().split()[2]) for way in "rw")
    return -(-2 * most // MIB) * MIB


class Tunnels(unittest.TestCase):
    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
        self.plugins = tempfile.TemporaryDirectory(prefix="pkrig-plugins-")
        self.addCleanup(self.plugins.cleanup)
        for file in (
            build_dir() / "plugins" / "access_log.so",
            build_dir() / "tests" / "plugins" / "burrow.so",
        ):
            shutil.copy(file, self.plugins.name)
        os.chmod(self.plugins.name, 0o755)

    def start(self, *words, patient=False, **how):
        text = CONFIG.format(port=self.listener.getsockname()[1])
        if patient:
            text = text.replace('0" }', '0", timeouts: { head: 24h } }').replace(
                "app: { ", "app: { timeouts: { connect: 24h, send: 24h, response: 24h }, "
            )
        self.proxy = Proxy(text, args=["--plugins-dir", self.plugins.name, *words], **how)
        self.addCleanup(self.proxy.cleanup)

    def open(self, asks="", before_101=lambda: None):
        """(client, origin), both inside the tunnel."""
        client = socket.socket()
        self.addCleanup(client.close)
        client.settimeout(20 * SLOW)
        # As the system likes it could take in 32 MiB by itself.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
        client.connect(("127.0.0.1", self.proxy.port()))
        client.sendall(
            f"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: burrow\r\nConnection: Upgrade\r\n"
            f"X-Burrow: {asks}\r\n\r\n".encode()
        )
        origin, _ = self.listener.accept()
        origin.settimeout(20 * SLOW)
        self.addCleanup(origin.close)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += origin.recv(65536)
        before_101()
        origin.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: burrow\r\nConnection: Upgrade\r\n\r\n"
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.assertEqual(head.split()[1], b"101")
        return client, origin

    def pipes(self):
        folder = Path(f"/proc/{self.proxy.engine_pid()}/fd")
        return sum(os.readlink(fd).startswith("pipe:") for fd in folder.iterdir())

    def carry(self, one, other, size):
        """Both ways at once, each ended by a half-close; what arrived is what was sent."""
        data = [os.urandom(MIB) * (size // MIB) for _ in range(2)]
        got = {}

        def send(sock, bytes_):
            sock.sendall(bytes_)
            sock.shutdown(socket.SHUT_WR)

        def receive(sock, key):
            digest, total = hashlib.sha256(), 0
            while piece := sock.recv(1 << 18):
                digest.update(piece)
                total += len(piece)
            got[key] = (total, digest.hexdigest())

        work = [
            threading.Thread(target=send, args=(one, data[0])),
            threading.Thread(target=send, args=(other, data[1])),
            threading.Thread(target=receive, args=(other, 0)),
            threading.Thread(target=receive, args=(one, 1)),
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join(60 * SLOW)
        for key in (0, 1):
            self.assertEqual(got[key], (size, hashlib.sha256(data[key]).hexdigest()))

    def test_much_goes_both_ways_at_once(self):
        self.start()
        for asks in ("look", ""):
            with self.subTest(asks or "nobody looks"):
                before = self.pipes()
                self.carry(*self.open(asks), 32 * MIB)
                grown = self.pipes() - before
                # Nobody looks: it goes by splice, whose pipes are kept for the next.
                self.assertEqual(grown > 0, asks == "", grown)
        self.proxy.finish()

    def test_a_slow_reader_stops_the_other_side(self):
        self.start()
        for asks in ("", "look"):
            for way in (0, 1):
                with self.subTest(asks or "nobody looks", way=way):
                    self.slow(*self.open(asks)[:: 1 if way == 0 else -1])
        self.proxy.finish()

    def slow(self, sender, reader):
        size, rss = buffers_of_the_system() + 64 * MIB, self.proxy.rss_bytes()
        sent = []

        def flood():
            block = b"x" * MIB
            for _ in range(size // len(block)):
                sender.sendall(block)
                sent.append(len(block))
            sender.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=flood)
        thread.start()
        last, deadline = -1, time.monotonic() + 20 * SLOW
        while sum(sent) != last and time.monotonic() < deadline:  # Until it moves no more.
            last = sum(sent)
            thread.join(0.5)
        self.assertLess(sum(sent), buffers_of_the_system() + 4 * MIB)
        if not skips("test_tunnel_load.memory"):
            self.assertLess(self.proxy.rss_bytes() - rss, 4 * MIB)
        total = 0
        while piece := reader.recv(1 << 18):
            total += len(piece)
        thread.join(20 * SLOW)
        self.assertEqual(total, size)
        sender.close()
        reader.close()

    def logged(self):
        lines = (self.proxy.dir / "access.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def test_a_stop_tells_each_tunnel_and_waits_for_it(self):
        """F27"""
        self.start()
        pairs = [self.open("bye") for _ in range(8)]
        self.proxy.signal(signal.SIGTERM)
        for client, origin in pairs:
            self.assertEqual(client.recv(100), b"bye")
            self.assertEqual(client.recv(100), b"")
            client.sendall(b"and mine")
            self.assertEqual(origin.recv(100), b"and mine")
            client.close()
            self.assertEqual(origin.recv(100), b"")
            origin.close()
        self.assertEqual(self.proxy.wait_exit(), 0)
        for line in self.logged():
            self.assertEqual(line["end_reason"], "complete")
            self.assertEqual(line["notes"], {"burrow.drain": "in time"})

    def test_one_that_a_reload_left_behind_is_told_of_the_stop_too(self):
        """F24, F27"""
        self.start()
        client, origin = self.open("look")
        config = CONFIG.format(port=self.listener.getsockname()[1])
        self.assertIn("reloaded in", self.proxy.reload(config + "\n"))
        gone = config.replace("path: /", "path: /elsewhere")
        self.assertIn("reloaded in", self.proxy.reload(gone))
        self.assertIn("reloaded in", self.proxy.reload(gone + "\n"))
        client.sendall(b"still here")
        self.assertEqual(origin.recv(100), b"still here")
        port = self.proxy.port()
        self.proxy.signal(signal.SIGTERM)
        # The worker stops listening and tells its tunnels in one go.
        self.assertTrue(soon(lambda: refuses(port)))
        client.close()
        self.assertEqual(origin.recv(100), b"")
        origin.close()
        self.assertEqual(self.proxy.wait_exit(), 0)
        lines = (self.proxy.dir / "access.log").read_text()
        self.assertEqual(re.findall('"burrow.drain": ?"([a-z ]+)"', lines), ["at once", "in time"])

    def test_a_tunnel_that_opens_during_a_stop_is_told_at_once(self):
        """F27"""
        self.start()

        def stop():
            self.proxy.signal(signal.SIGTERM)
            self.proxy.wait_log("draining")

        client, origin = self.open("bye", before_101=stop)
        self.assertEqual(client.recv(100), b"bye")
        client.close()
        self.assertEqual(origin.recv(100), b"")
        origin.close()
        self.assertEqual(self.proxy.wait_exit(), 0)

    def test_a_second_signal_ends_what_will_not_end(self):
        """F27"""
        self.start()
        client, origin = self.open()
        self.proxy.signal(signal.SIGTERM)
        self.proxy.wait_log("draining")  # Else the two signals may be one.
        client.sendall(b"still here")
        self.assertEqual(origin.recv(100), b"still here")
        self.proxy.signal(signal.SIGTERM)
        began = time.monotonic()
        self.assertEqual(self.proxy.wait_exit(), 0)
        self.assertLess(time.monotonic() - began, 1 * SLOW)
        self.assertEqual(self.logged()[-1]["end_reason"], "shutdown")

    @unittest.skipUnless(FAKETIME and not skips("test_tunnel_load.day"), "needs libfaketime")
    def test_hours_without_a_limit(self):
        """Hours in seconds, by a clock that runs fast: bytes now and then keep it alive, an hour of silence ends it."""
        self.start(
            "--single-process",
            patient=True,  # The usual limits of what comes before the tunnel would be milliseconds.
            env={"LD_PRELOAD": str(FAKETIME), "FAKETIME": "+0 x3600", "FAKETIME_NO_CACHE": "1"},
        )
        client, origin = self.open()
        for _ in range(60):  # 0.1 s are 6 minutes, an hour a second: this machine may be slow.
            ticked = time.monotonic()
            client.sendall(b"tick")
            self.assertEqual(origin.recv(100), b"tick")
            with self.assertRaises(TimeoutError):
                client.settimeout(0.1)
                client.recv(1)
        client.settimeout(10 * SLOW)
        self.assertEqual(client.recv(1), b"")  # The hour, and 5 s for a goodbye.
        self.assertGreater(time.monotonic() - ticked, 0.9)
        self.proxy.signal(signal.SIGTERM)
        self.proxy.wait_exit()
        line = self.logged()[-1]
        self.assertEqual(line["end_reason"], "tunnel_idle")
        self.assertGreater(line["duration_ms"], 6 * 3600 * 1000)


if __name__ == "__main__":
    unittest.main()
