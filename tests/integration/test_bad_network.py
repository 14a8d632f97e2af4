"""F40: packets that are lost, packets that are small, a long line. Whatever comes is whole, and it never stands still.

All of it goes over a loopback of the test's own: between client and proxy, and between proxy and origin.
PKRIG_MIB=100 downloads as much as the specification says; else it is 8 MiB.
"""
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import http1, private_net  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy  # noqa: E402
from rig.relay import Relay  # noqa: E402

SIZE = int(os.environ.get("PKRIG_MIB", 8)) << 20
STALL_MAX = 5 * SLOW  # Several times TCP's own timeout: a packet may be lost more than once.
CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
routes:
  - match: {{ path: / }}
    filters: [ forwarded ]
    forward: app
"""


def setUpModule():
    private_net.enter()


class Client(threading.Thread):
    """One request, and what came of it: `reply` and the longest time without a byte, or `error`."""

    def __init__(self, port, path, body=None):
        super().__init__()
        self.port, self.path, self.body = port, path, body
        self.reply = self.error = None
        self.stall = 0.0
        self.start()

    def run(self):
        try:
            self.ask()
        except (OSError, http1.Malformed) as error:
            self.error = repr(error)

    def ask(self):
        with socket.create_connection(("127.0.0.1", self.port), 30 * SLOW) as sock:
            sending = threading.Thread(target=self.send, args=(sock,))
            sending.start()
            data, last = bytearray(), time.monotonic()
            head, body = b"", hashlib.sha256()
            length = None
            while length is None or length > 0:
                part = sock.recv(1 << 20)
                now = time.monotonic()
                if head:
                    self.stall = max(self.stall, now - last)
                last = now
                if not part:
                    raise OSError(f"cut, {length} bytes before the end")
                if length is None:
                    data += part
                    head, found, rest = bytes(data).partition(b"\r\n\r\n")
                    if not found:
                        head = b""
                        continue
                    length, part = int(http1.read_head(data)[0].get("content-length")), rest
                body.update(part)
                length -= len(part)
            sending.join()
        self.reply = (head.split(b"\r\n")[0], length, body.hexdigest())

    def send(self, sock):
        fields = "" if self.body is None else f"Content-Length: {len(self.body)}\r\n"
        method = "GET" if self.body is None else "POST"
        sock.sendall(f"{method} {self.path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode())
        sock.sendall(self.body or b"")


class BadNetwork(unittest.TestCase):
    def setUp(self):
        self.origin = self.enterContext(Origin())

    def play(self, origin_port, wrap=lambda port: port):
        """Downloads, an upload that comes back, and small requests, all at once."""
        body = os.urandom(1 << 20)
        wanted = hashlib.sha256((b"0123456789abcdef" * (SIZE // 16 + 1))[:SIZE]).hexdigest()
        with Proxy(CONFIG.format(port=origin_port), workers=2) as proxy:
            port = wrap(proxy.port())
            asked = [(Client(port, f"/ok?size={SIZE}"), wanted) for _ in range(2)]
            asked.append((Client(port, "/echo", body), hashlib.sha256(body).hexdigest()))
            small = hashlib.sha256(b"ok").hexdigest()
            asked += [(Client(port, "/ok"), small) for _ in range(20)]
            for client, digest in asked:
                client.join()
                self.assertIsNone(client.error, client.path)
                self.assertEqual(client.reply, (b"HTTP/1.1 200 OK", 0, digest), client.path)
                self.assertLess(client.stall, STALL_MAX, client.path)

    def test_five_of_a_hundred_packets_are_lost(self):
        if not shutil.which("nft"):
            self.skipTest("no nft: nothing can be lost here")
        drop = "numgen random mod 100 < 5 counter drop"
        chain = f"type filter hook input priority 0\n{drop}\n"
        rules = f"table inet lossy {{\nchain in {{\n{chain}}}\n}}\n"
        subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True, timeout=10)
        self.addCleanup(subprocess.run, ["nft", "delete", "table", "inet", "lossy"], check=True)
        private_net.ip("link", "set", "lo", "mtu", "1500")
        self.addCleanup(private_net.ip, "link", "set", "lo", "mtu", "65536")
        self.play(self.origin.port)
        table = ["nft", "list", "table", "inet", "lossy"]
        said = subprocess.run(table, capture_output=True, text=True, check=True, timeout=10).stdout
        self.assertGreater(int(re.search(r"packets (\d+)", said)[1]), 10)

    def test_packets_of_576_bytes(self):
        private_net.ip("link", "set", "lo", "mtu", "576")
        self.addCleanup(private_net.ip, "link", "set", "lo", "mtu", "65536")
        self.play(self.origin.port)

    def test_a_line_of_200_ms(self):
        lines = []

        def wrap(port):
            lines.append(self.enterContext(Relay(port, 0.1)))
            return lines[-1].port

        self.play(wrap(self.origin.port), wrap)


if __name__ == "__main__":
    unittest.main()
