"""Reloads under load: F24. Kept and new connections, HTTP/2, a long download; many routes."""
import hashlib
import os
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import h2, loss_client, sanitized  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy, fd_count, rss_bytes  # noqa: E402
from test_reload import FORWARD, SAY, Keeper  # noqa: E402


class UnderLoad(unittest.TestCase):
    def test_nothing_is_lost_in_50_reloads(self):  # F24
        """Kept and new connections, HTTP/2, a long download; memory and descriptors stay flat."""
        fewer = sanitized.skips("test_reload_load.memory")
        rounds = 10 if fewer else 50
        with Origin() as origin:
            config = lambda i: FORWARD.format(origin.port, origin.port, i)
            with Proxy(config(1), workers=2) as proxy:
                download = Download(proxy.port())
                stream = Http2(proxy.port())
                plan = loss_client.Plan(port=proxy.port(), seconds=rounds * 0.12 + 2, rate=400)
                results = []
                load = threading.Thread(target=lambda: results.append(loss_client.run(plan)))
                load.start()
                used, took = [], []
                for i in range(rounds):
                    line = proxy.reload(config(2 + i % 3))
                    self.assertIn("reloaded in", line)
                    took.append(int(line.split("reloaded in ")[1].split()[0]))
                    used.append((rss_bytes(proxy.pid), fd_count(proxy.pid)))
                    time.sleep(0.1)
                load.join()
                lost = {k: v for k, v in results[0].items() if k not in ("sent", "by_method")}
                self.assertEqual(results[0]["lost"], 0, lost)
                self.assertGreater(results[0]["sent"], 100 * rounds * 0.12)
                self.assertEqual(download.finish(), Download.right)
                self.assertGreater(stream.finish(), rounds)
                early, late = used[rounds // 5], used[-1]
                if not fewer:
                    self.assertLess(late[0], early[0] * 1.15 + (2 << 20), used)
                self.assertLessEqual(late[1], early[1] + 16, used)
                print(f"reloads took {sorted(took)} ms; memory {early[0]} then {late[0]}")

    def test_many_routes_are_swapped_quickly(self):  # F24
        """The workers' part of it: no request waits for the 1,000 routes."""
        routes = "".join(
            f"  - match: {{ path: /r{i}/ }}\n    handler: {{ respond: {{ status: 200, body: \"{i}\" }} }}\n"
            for i in range(1000)
        )
        config = SAY.format("old").replace("routes:\n", "routes:\n" + routes)
        with Proxy(config) as proxy:
            keeper, waits, stop = Keeper(proxy.port()), [], threading.Event()

            def ask():
                while not stop.is_set():
                    start = time.monotonic()
                    keeper.get()
                    waits.append(time.monotonic() - start)

            thread = threading.Thread(target=ask)
            thread.start()
            for word in ("a", "b", "c"):
                self.assertIn("reloaded in", proxy.reload(config.replace('"old"', f'"{word}"')))
            stop.set()
            thread.join()
            keeper.close()
            self.assertLess(max(waits), 0.05 * SLOW if os.cpu_count() > 2 else 0.2 * SLOW)


class Download(threading.Thread):
    """100 MiB, read slowly at first so that it outlasts the reloads."""

    size = 100 << 20
    right = hashlib.sha256((b"0123456789abcdef" * (size // 16 + 1))[:size]).hexdigest()

    def __init__(self, port):
        super().__init__()
        self.sock = socket.create_connection(("127.0.0.1", port), 30)
        self.sock.sendall(
            f"GET /ok?size={self.size} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
        )
        self.slow, self.hash = threading.Event(), hashlib.sha256()
        self.start()

    def run(self):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.sock.recv(4096)
        self.hash.update(data.split(b"\r\n\r\n", 1)[1])
        while more := self.sock.recv(1 << 16):
            self.hash.update(more)
            self.slow.wait(0.004)

    def finish(self):
        self.slow.set()
        self.join()
        self.sock.close()
        return self.hash.hexdigest()


class Http2(threading.Thread):
    """One HTTP/2 connection with one request after the other; how many were answered."""

    def __init__(self, port):
        super().__init__()
        self.client, self.done, self.over = h2.Client(port), 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            stream = 2 * self.done + 1
            self.client.headers(stream, h2.request("/ok"))
            if self.client.response(stream) != (200, b"ok"):
                break
            self.done += 1
            time.sleep(0.005)

    def finish(self):
        alive = self.is_alive()
        self.over.set()
        self.join()
        self.client.close()
        return self.done if alive else -1


if __name__ == "__main__":
    unittest.main()
