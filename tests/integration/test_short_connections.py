"""Very many short connections: the system keeps those back that have not said anything yet, and none
of them is lost when the proxy ends."""
import ctypes
import os
import signal
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import Proxy  # noqa: E402

CONFIG = """
listeners: [ { name: web, address: "127.0.0.1:0" } ]
routes: [ { match: { path: / }, handler: echo } ]
"""
TCP_DEFER_ACCEPT = 9
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
PIDFD_GETFD = 438
libc = ctypes.CDLL(None, use_errno=True)


def keeps_back(pid):
    """Whether a listening socket of the process does."""
    process = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            copy = libc.syscall(PIDFD_GETFD, process, int(name), 0)
            if copy < 0:
                continue
            try:
                with socket.socket(fileno=copy) as s:
                    listens = s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                    if listens and s.getsockopt(socket.IPPROTO_TCP, TCP_DEFER_ACCEPT) > 0:
                        return True
            except OSError:
                os.close(copy)
    finally:
        os.close(process)
    return False


class ShortConnections(unittest.TestCase):
    def setUp(self):
        proxy = Proxy(CONFIG, args=["--single-process"])
        self.addCleanup(proxy.__exit__, None, None, None)
        self.proxy = proxy.__enter__()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.proxy.port()), 10)

    def ask(self, link):
        link.sendall(REQUEST)
        got = b""
        while part := link.recv(65536):
            got += part
        self.assertTrue(got.startswith(b"HTTP/1.1 200 "), got[:100])

    def until(self, what):
        deadline = time.monotonic() + 20
        while keeps_back(self.proxy.pid) != what:
            self.assertLess(time.monotonic(), deadline)
            if what:
                self.rush()

    def rush(self):
        links = [self.connect() for _ in range(200)]
        for link in links:
            with link:
                self.ask(link)

    def test_none_is_lost_when_the_proxy_ends(self):
        self.until(True)
        silent = [self.connect() for _ in range(20)]
        os.kill(self.proxy.pid, signal.SIGTERM)
        self.proxy.wait_log("draining")
        for link in silent:
            with link:
                self.ask(link)

    def test_one_that_says_nothing_is_seen_all_the_same(self):
        self.until(True)
        with self.connect() as link:
            self.until(False)
            self.ask(link)

    def test_few_are_served_at_once(self):
        self.assertFalse(keeps_back(self.proxy.pid))
        for _ in range(10):
            with self.connect() as link:
                self.ask(link)
        self.assertFalse(keeps_back(self.proxy.pid))


if __name__ == "__main__":
    unittest.main()
