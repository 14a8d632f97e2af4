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
