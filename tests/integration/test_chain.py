"""The chain under load: slow readers of what plugins emit, random deeds of three filters at once, ends in the middle."""
import random
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import http1  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy, rss_bytes  # noqa: E402
from rig.sanitized import skips  # noqa: E402
from rig.stage import with_test_plugins  # noqa: E402

MIB = 1 << 20
CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
routes:
  - match: {{ path: /handler }}
    filters: [ probe: a ]
    handler: {{ probe: {{}} }}
  - match: {{ host: plain }}
    forward: app
  - match: {{ path: / }}
    filters: [ probe: a, probe: b, probe: c ]
    forward: app
"""

HEAD_DEEDS = [
    "wait-timer",
    "wait-waker",
    "wait-twice",
    "wait-now",
    "wait-early",
    "wait-late",
    "reply",
    "reset",
    "throw",
    "late-reply",
    "late-throw",
    "again",
    "collect:1000",
    "collect:100000",
    "collect-stream:3",
    "set:x",
    "respond",
    "transform",
    "note:x",
    "offload:AB",
    "sub:/ok",
    "sub-rest:",
    "sub-slow:/ok",
    "sub-cancel:/ok",
    "sub-detached:/ok",
    "sub-timeout:/hang",
    "sub-deep:/ok",
]
DATA_DEEDS = [
    "half",
    "wait-timer",
    "wait-waker",
    "wait-late",
    "throw",
    "reset",
    "reply",
    "upper",
    "triple",
    "pass",
]
END_DEEDS = [
    "wait-timer",
    "wait-waker",
    "wait-late",
    "throw",
    "reset",
    "reply",
    "flood:400000",
    "finish",
    "trailer",
]
DEEDS = {
    "request": HEAD_DEEDS,
    "response": HEAD_DEEDS,
    "collected": HEAD_DEEDS,
    "scollected": HEAD_DEEDS,
    "data": DATA_DEEDS,
    "sdata": DATA_DEEDS,
    "end": END_DEEDS,
    "send": END_DEEDS,
}


class Chain(unittest.TestCase):
    def start(self, workers=1):
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)
        folder = Path(tempfile.mkdtemp(prefix="pkrig-plugins-"))
        self.addCleanup(shutil.rmtree, folder, True)
        config = CONFIG.format(port=self.origin.port)
        self.proxy = Proxy(config, workers=workers, args=with_test_plugins(config, folder))
        self.addCleanup(self.proxy.stop)

    def connect(self, receive_buffer=0):
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(20 * SLOW)
        sock.connect(("127.0.0.1", self.proxy.port()))
        self.addCleanup(self.leave, sock)
        return sock

    @staticmethod
    def leave(sock):
        if sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

    @staticmethod
    def read(sock):
        """One response, or None where the connection ended before it."""
        data, ended = bytearray(), False
        while True:
            found = http1.read_response(data, ended=ended)
            if found or ended:
                return found[0] if found else None
            try:
                more = sock.recv(1 << 18)
            except ConnectionResetError:
                more = b""
            ended = not more
            data += more

    def clean(self):
        sock = self.connect()
        sock.sendall(b"GET /ok HTTP/1.1\r\nHost: plain\r\n\r\n")
        self.assertEqual(self.read(sock).body, b"ok")
        self.leave(sock)

    def slow(self, request, size):
        """A reader that takes nothing at first: what the engine holds for it meanwhile is bounded."""
        self.clean()
        before = rss_bytes(self.proxy.engine_pid())
        sock = self.connect(receive_buffer=8192)
        sock.sendall(request)
        time.sleep(0.5 * SLOW)
        grown = rss_bytes(self.proxy.engine_pid()) - before
        self.clean()
        reply = self.read(sock)
        self.assertEqual((reply.status, reply.complete, len(reply.body)), (200, True, size))
        self.leave(sock)
        return grown

    def bounded(self, grown):
        if not skips("test_chain.memory"):
            self.assertLess(grown, 3 * MIB)

    def test_a_handler_that_streams_10_mib_to_a_slow_reader(self):
        self.start()
        for how in ("stream", "length"):
            grown = self.slow(
                b"GET /handler HTTP/1.1\r\nHost: a\r\nX-Handler: %s:%d\r\n\r\n"
                % (how.encode(), 10 * MIB),
                10 * MIB,
            )
            self.bounded(grown)

    def test_a_transformer_that_grows_a_body_for_a_slow_reader(self):
        self.start()
        grown = self.slow(
            b"GET /ok?size=%d HTTP/1.1\r\nHost: a\r\nX-B: response=transform sdata=triple\r\n\r\n"
            % (3 * MIB),
            9 * MIB,
        )
        self.bounded(grown)

    def test_a_transformer_that_has_10_mib_to_say_at_the_end(self):
        self.start()
        grown = self.slow(
            b"GET /ok HTTP/1.1\r\nHost: a\r\nX-B: response=transform sdata=upper send=flood:%d\r\n\r\n"
            % (10 * MIB),
            10 * MIB + 2,
        )
        self.bounded(grown)

    def test_a_detached_subrequest_is_told_of_the_shutdown(self):
        self.start()
        sock = self.connect()
        sock.sendall(b"GET /ok HTTP/1.1\r\nHost: a\r\nX-A: request=sub-detached:/hang\r\n\r\n")
        self.assertEqual(self.read(sock).body, b"ok")
        self.leave(sock)
        self.proxy.finish()
        self.assertIn("detached  cause 6", self.proxy.log)

    def test_a_stop_in_the_middle_of_waits_jobs_and_subrequests(self):
        self.start(workers=2)
        for deed in ("wait-late", "offload:" + "A" * 50, "sub:/hang", "sub-detached:/hang"):
            for _ in range(3):
                self.connect().sendall(
                    b"GET /ok HTTP/1.1\r\nHost: a\r\nX-B: request=%s\r\n\r\n" % deed.encode()
                )
        self.clean()
        self.proxy.signal(signal.SIGINT)
        self.proxy.wait_log("draining", 5 * SLOW)
        self.proxy.signal(signal.SIGINT)
        self.proxy.wait_exit(10)

    def test_random_deeds_of_three_filters_leave_the_proxy_whole(self):
        self.start(workers=2)
        chance = random.Random(7)
        for turn in range(600 // int(SLOW)):
            words = {}
            for name in "ABC":
                hooks = chance.sample(sorted(DEEDS), chance.randint(0, 3))
                words[name] = (
                    " ".join(f"{hook}={chance.choice(DEEDS[hook])}" for hook in hooks) or "quiet=1"
                )
            size = chance.choice([0, 1, 5000, 200000])
            chunked = chance.random() < 0.5
            lines = [f"POST /ok?size={chance.choice([0, 2, 3000, 300000])} HTTP/1.1", "Host: a"]
            lines += [f"X-{name}: {deeds}" for name, deeds in words.items()]
            lines.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}")
            body = b"b" * size
            if chunked:
                body = (b"%x\r\n%s\r\n" % (size, body) if size else b"") + b"0\r\n\r\n"
            sock = self.connect()
            with self.subTest(turn=turn, **words):
                try:
                    sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
                    sock.sendall(
                        body[: chance.choice([0, 1, len(body)])] if chance.random() < 0.1 else body
                    )
                except (ConnectionResetError, BrokenPipeError):
                    pass
                if chance.random() < 0.5:
                    time.sleep(chance.choice([0, 0.001, 0.03]))
                    self.leave(sock)
                if turn % 50 == 49:
                    self.clean()
        self.clean()


if __name__ == "__main__":
    unittest.main()
