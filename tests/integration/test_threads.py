"""All that crosses from one thread of the engine to another, at once: jobs, wakers, shared counters, logs, a drain.

In a release build this asks that every answer is right; under ThreadSanitizer it is what there is to look at.
"""
import json
import random
import shutil
import signal
import socket
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import http1  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy  # noqa: E402
from rig.stage import with_test_plugins  # noqa: E402

WORKERS, CLIENTS, REQUESTS = 3, 12, 60
CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0", limits: {{ connections: 500 }} }}
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
upstreams:
  app:
    balancer: round_robin
    endpoints:
      - {{ address: "127.0.0.1:{one}", max_connections: 200 }}
      - {{ address: "127.0.0.1:{two}", max_connections: 200 }}
routes:
  - match: {{ path: / }}
    filters: [ forwarded, probe: a, probe: b ]
    forward: app
"""
DEEDS = [
    "offload:WORK",
    "wait-waker",
    "wait-late",
    "wait-timer",
    "sub:/ok",
    "sub-detached:/ok",
    "note:x",
]


class Client(threading.Thread):
    """Sends its requests one after the other, on a kept connection that is now and then a new one."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port, self.chance = port, random.Random(number)
        self.right, self.wrong, self.cut, self.draining = 0, [], 0, threading.Event()
        self.sock = None

    def run(self):
        for _ in range(REQUESTS):
            try:
                self.one()
            except Exception as error:
                if not self.draining.is_set():
                    self.wrong.append(repr(error))
                self.cut += 1
                return

    def one(self):
        if self.sock is None or self.chance.random() < 0.2:
            if self.sock:
                self.sock.close()
            self.sock = socket.create_connection(("127.0.0.1", self.port), 20 * SLOW)
        deeds = {name: self.chance.choice(DEEDS) for name in "AB"}
        lines = ["GET /ok?size=3000 HTTP/1.1", "Host: a"]
        lines += [f"X-{name}: request={deed}" for name, deed in deeds.items()]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        data = bytearray()
        while not (found := http1.read_response(data)):
            more = self.sock.recv(1 << 16)
            if not more:
                raise ConnectionResetError("closed before its answer")
            data += more
        reply = found[0]
        if (reply.status, len(reply.body)) == (200, 3000):
            self.right += 1
        else:
            self.wrong.append((deeds, reply.status, len(reply.body)))
        if reply.get("connection"):
            self.sock.close()
            self.sock = None


class Threads(unittest.TestCase):
    def start(self):
        origins = [Origin().__enter__() for _ in range(2)]
        for origin in origins:
            self.addCleanup(origin.__exit__)
        folder = Path(tempfile.mkdtemp(prefix="pkrig-plugins-"))
        self.addCleanup(shutil.rmtree, folder, True)
        config = CONFIG.format(one=origins[0].port, two=origins[1].port)
        proxy = Proxy(config, workers=WORKERS, args=with_test_plugins(config, folder))
        self.addCleanup(proxy.cleanup)
        clients = [Client(proxy.port(), number) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        return proxy, clients

    def test_every_request_is_answered_whatever_thread_helps(self):
        proxy, clients = self.start()
        for client in clients:
            while client.is_alive():
                proxy.signal(signal.SIGUSR1)  # The control thread has the logs opened anew.
                client.join(0.1)
        self.assertEqual([client.wrong for client in clients], [[]] * CLIENTS)
        self.assertEqual(sum(client.right for client in clients), CLIENTS * REQUESTS)
        for client in clients:
            client.sock and client.sock.close()
        proxy.finish()
        records = [json.loads(line) for line in (proxy.dir / "access.log").read_text().splitlines()]
        own = [record for record in records if record.get("target") == "/ok?size=3000"]
        self.assertEqual(len(own), CLIENTS * REQUESTS)

    def test_a_drain_in_the_middle_answers_what_has_begun(self):
        proxy, clients = self.start()
        while sum(client.right for client in clients) < CLIENTS * 4 and clients[0].is_alive():
            clients[0].join(0.01)
        for client in clients:
            client.draining.set()
        proxy.finish(40)
        for client in clients:
            client.join(5 * SLOW)
        self.assertEqual([client.wrong for client in clients], [[]] * CLIENTS)


if __name__ == "__main__":
    unittest.main()
