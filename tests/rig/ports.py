"""Ports for tests, never fixed ones."""
import socket


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


def free_port():
    """For programs that cannot listen on port 0. Nobody else gets it in the moment between, most likely."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
