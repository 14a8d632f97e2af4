"""Ports for tests, never fixed ones."""
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path


class Refusing:
    """A port that stays ours and on which a connect is refused: bound, never listening."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]

    def close(self):
        self.sock.close()


class Taken:
    """A port on which someone else listens already."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]

    def close(self):
        self.sock.close()


class Full:
    """A port whose backlog is full, so that a connect to it neither succeeds nor fails."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(0)
        self.port = self.sock.getsockname()[1]
        self.waiting = []
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(self.sock.getsockname())
            self.waiting.append(one)

    def close(self):
        for one in (*self.waiting, self.sock):
            one.close()


_held = []  # Open lock files: a port stays this process's until it ends.


def free_port():
    """For programs that cannot listen on port 0. No outgoing connection takes it (it lies below their range), and
    no other test that runs at the same time: whoever was given it holds a lock on the file of its name.
    """
    below = min(int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]), 32768)
    locks = Path(tempfile.gettempdir()) / f"pkrig-ports-{os.getuid()}"
    locks.mkdir(exist_ok=True)
    while True:
        port = random.randrange(10000, below)
        lock = open(locks / str(port), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.create_server(("127.0.0.1", port)):
                _held.append(lock)
                return port
        except OSError:
            lock.close()


def refuses(port):
    """Whether nobody listens there any more."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionError:
        return True
    return False
