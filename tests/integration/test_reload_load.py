"""Reloads under load: F24. Kept and new connections, HTTP/2, WebSockets, a long download; many routes."""
import hashlib
import os
import select
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


def under_load(origin, echo, i):
    """With a route for WebSockets, whose options change with each reload."""
    live = f"""
upstreams:
  live: {{ endpoints: [ "127.0.0.1:{echo}" ] }}"""
    route = f"""
routes:
  - match: {{ path: /live }}
    upgrade: [ websocket: {{ idle: {i}h }} ]
    forward: live"""
    text = FORWARD.format(origin, origin, i)
    return text.replace("\nupstreams:", live).replace("\nroutes:", route)


class UnderLoad(unittest.TestCase):
    def test_nothing_is_lost_in_50_reloads(self):  # F24
        """Kept and new connections, HTTP/2, open WebSockets that echo, a long download; memory and descriptors stay flat."""
        fewer = sanitized.skips("test_reload_load.memory")
        rounds = 10 if fewer else 50
        with Origin() as origin:
            echo = Echo()
            self.addCleanup(echo.close)
            config = lambda i: under_load(origin.port, echo.port, i)
            with Proxy(config(1), workers=2) as proxy:
                sockets = WebSockets(proxy.port(), 200)
                download = Download(proxy.port())
                stream = Http2(proxy.port())
                plan = loss_client.Plan(port=proxy.port(), seconds=300, rate=400)
                used, took = [], []
                with loss_client.Background(plan) as load:
                    for i in range(rounds):
                        line = proxy.reload(config(2 + i % 3))
                        self.assertIn("reloaded in", line)
                        took.append(int(line.split("reloaded in ")[1].split()[0]))
                        used.append((rss_bytes(proxy.pid), fd_count(proxy.pid)))
                        self.assertTrue(load.sends(40))
                self.assertEqual(load.result["lost"], 0, load.result)
                self.assertEqual(download.finish(), Download.right)
                self.assertGreater(stream.finish(), rounds)
                messages = sockets.finish()
                self.assertGreater(messages, 20 * rounds)
                early, late = used[rounds // 5], used[-1]
                if not fewer:
                    self.assertLess(late[0], early[0] * 1.15 + (2 << 20), used)
                self.assertLessEqual(late[1], early[1] + 16, used)
                print(f"reloads took {sorted(took)} ms; memory {early[0]} then {late[0]}")
                print(
                    f"{load.result['sent']} requests, {messages} messages on 200 WebSockets, 0 lost"
                )

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


class Echo(threading.Thread):
    """An origin of WebSockets: each message goes back as it came, unmasked, since its mask is zeros."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port, self.open, self.over = self.listener.getsockname()[1], {}, False
        self.start()

    def run(self):
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        while not self.over:
            for fd, _ in poll.poll(100):
                if fd == self.listener.fileno():
                    sock, _ = self.listener.accept()
                    self.open[sock.fileno()] = sock
                    poll.register(sock, select.POLLIN)
                elif not self.answer(self.open[fd]):
                    poll.unregister(fd)
                    self.open.pop(fd).close()

    @staticmethod
    def answer(sock):
        data = sock.recv(4096)
        if data.startswith(b"GET "):
            sock.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            )
        elif data:
            sock.sendall(bytes([data[0], data[1] & 0x7F]) + data[6:])
        return bool(data)

    def close(self):
        self.over = True
        self.join()
        for sock in (self.listener, *self.open.values()):
            sock.close()


class WebSockets(threading.Thread):
    """So many that stay open, one message and its echo after the other on each in turn."""

    def __init__(self, port, count, pause=0.005):
        super().__init__()
        self.pause = pause
        self.socks, self.done, self.lost, self.over = [], 0, 0, threading.Event()
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", port), 10 * SLOW)
            sock.sendall(
                b"GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(4096)
            if b" 101 " not in head:
                raise AssertionError(head)
            self.socks.append(sock)
        self.start()

    def run(self):
        while not self.over.is_set():
            for sock in self.socks:
                text = b"%08d" % self.done
                try:
                    sock.sendall(b"\x81\x88\0\0\0\0" + text)
                    right = sock.recv(100) == b"\x81\x08" + text
                except OSError:
                    right = False
                self.done += right
                self.lost += not right
            time.sleep(self.pause)

    def finish(self):
        """How many messages came back; -1: one did not."""
        self.over.set()
        self.join()
        for sock in self.socks:
            sock.close()
        return -1 if self.lost else self.done


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
