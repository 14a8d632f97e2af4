"""10,000 WebSockets that wait: what each costs (issue 5), before its first message and after it, and what its log says.

The proxy keeps two descriptors for each, and so does the test. Where the system does not allow so many, the test has
as many as it does, 1,000 at least.
"""
import json
import select
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import procs  # noqa: E402
from rig.pkrig import SLOW, Proxy, cpu_seconds  # noqa: E402
from rig.sanitized import skips  # noqa: E402

CONFIG = """
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
routes:
  - match: {{ path: / }}
    upgrade: [ websocket{options} ]
    forward: app
"""
REQUEST = (
    "GET /live/{i}?room={i} HTTP/1.1\r\nHost: app.example.com\r\nUser-Agent: idle-{i}\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
MESSAGE = b"\x81\x85\x00\x00\x00\x00hello"  # A text, masked by zeros.
ECHO = b"\x81\x05hello"
SANITIZED = skips("test_tunnel_idle.memory")
COUNT = 200 if SANITIZED else 10_000
DESCRIPTORS = 2 * COUNT + 1000
BATCH = 100
EACH_MAX = 4096
FOLLOWED_MAX = 4864  # With the state of a parser in both directions, and a timer.


def setUpModule():
    global COUNT, DESCRIPTORS
    DESCRIPTORS = procs.may_have_descriptors(DESCRIPTORS)
    COUNT = min(COUNT, (DESCRIPTORS - 1000) // 2)
    if COUNT < 1000 and not SANITIZED:
        raise unittest.SkipTest(f"only {DESCRIPTORS} descriptors")


class Idle(unittest.TestCase):
    def start(self, options=""):
        self.origin = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.addCleanup(self.origin.close)
        text = CONFIG.format(port=self.origin.getsockname()[1], options=options)
        self.proxy = Proxy(text, nofile=DESCRIPTORS)
        self.addCleanup(self.proxy.stop, 30)
        for warm in self.crowd(2 * BATCH, first=COUNT):
            for sock in warm:
                sock.close()

    def crowd(self, count, first=0):
        """(client, origin) of so many tunnels; the request and its client's address tell them apart."""
        pairs = []
        for at in range(first, first + count, BATCH):
            batch = {}
            for i in range(at, min(at + BATCH, first + count)):
                sock = socket.socket()
                self.addCleanup(sock.close)
                sock.settimeout(20 * SLOW)
                sock.bind((f"127.0.4.{1 + i % 4}", 0))
                sock.connect(("127.0.0.1", self.proxy.port()))
                sock.sendall(REQUEST.format(i=i).encode())
                batch[i] = sock
            for _ in range(len(batch)):
                sock, _ = self.origin.accept()
                self.addCleanup(sock.close)
                sock.settimeout(20 * SLOW)
                head = b""
                while b"\r\n\r\n" not in head:
                    head += sock.recv(4096)
                i = int(head.split(b"?room=")[1].split()[0])
                sock.sendall(ANSWER)
                pairs.append((batch[i], sock))
            for client in batch.values():
                self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 101 "))
        return pairs

    def settled(self, below):
        """Memory once nothing happens any more; spare blocks are given back within 35 s."""
        deadline = time.monotonic() + 40
        while not SANITIZED:
            spent = cpu_seconds(self.proxy.pid)
            time.sleep(0.25)
            if cpu_seconds(self.proxy.pid) - spent > 0.02:
                continue
            rss = self.proxy.rss_bytes()
            if rss < below or time.monotonic() > deadline:
                return rss
        return self.proxy.rss_bytes()

    def hello(self, pairs):
        """A message and its echo on each."""
        for client, origin in pairs:
            client.sendall(MESSAGE)
            self.assertEqual(origin.recv(100), MESSAGE)
            origin.sendall(ECHO)
            self.assertEqual(client.recv(100), ECHO)

    def check(self, each_max):
        base = self.settled(0x7FFFFFFF)
        pairs = self.crowd(COUNT)
        for what in ("opened", "after a message"):
            each = (self.settled(base + each_max * COUNT) - base) / COUNT
            print(f"{COUNT} idle WebSockets, {what}: {each:.0f} bytes each")
            self.assertLess(each, SANITIZED and 1 << 20 or each_max, what)
            self.hello(pairs)
        return pairs

    def test_one_that_nobody_looks_into(self):
        self.start()
        pairs = self.check(EACH_MAX)
        self.assertFalse(select.select([], [], [p[0] for p in pairs[:500]], 0)[2])
        for client, origin in pairs:
            client.close()
            origin.close()
        self.proxy.finish()
        self.the_log_is_right()

    def test_one_whose_frames_are_followed(self):
        self.start(": { message_size: 1MiB, ping: 1h }")
        self.check(FOLLOWED_MAX)

    def the_log_is_right(self):
        """What was let go of while they waited is in no line missing."""
        text = (self.proxy.dir / "access.log").read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(len(lines), COUNT + 2 * BATCH)
        seen = set()
        for line in lines:
            i = int(line["fields"]["user-agent"].removeprefix("idle-"))
            seen.add(i)
            self.assertEqual(line["target"], f"/live/{i}?room={i}")
            self.assertEqual((line["method"], line["host"]), ("GET", "app.example.com"))
            self.assertEqual((line["status"], line["end_reason"]), (101, "complete"))
            if i < COUNT:
                moved = (line["request_bytes"], line["response_bytes"])
                self.assertEqual(moved, (2 * len(MESSAGE), 2 * len(ECHO)))
        self.assertEqual(len(seen), len(lines))


if __name__ == "__main__":
    unittest.main()
