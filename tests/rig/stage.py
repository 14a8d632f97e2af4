"""The stage of a conversation: one proxy, its scripted origins and clients, and the waiting."""
import os
import re
import shutil
import socket
import tempfile
import time
from pathlib import Path

from . import access_log, http1
from .escapes import indented
from .ports import Full, Refusing
from .proxy import SLOW, Proxy, build_dir
from .wire import Listener, Wire, pump

PATIENCE_MS = int(os.environ.get("PKRIG_PATIENCE_MS", "5000"))
PACE_S = 0.00005  # between pieces in split mode, so that the proxy sees them one by one
PIECES_MAX = 4000  # longer data is sent in so many pieces, not byte by byte
ALIVE = "/pkrig-alive"
_ALIVE_ROUTE = (
    "  - { name: pkrig_alive, match: { path: %s }, "
    "handler: { respond: { status: 200, body: \"alive\" } } }\n" % ALIVE
)


class Failure(AssertionError):
    pass


def complete_config(text, origins):
    """The snippet plus what every config needs, with $ORIGIN, $ORIGIN2, $DEAD, $FULL filled in."""
    if "listeners:" not in text:
        text = 'listeners:\n  - { name: web, address: "127.0.0.1:0" }\n' + text
    if "upstreams:" not in text and ("routes:" not in text or "forward:" in text):
        text += '\nupstreams:\n  origin:\n    endpoints: [ "$ORIGIN" ]\n'
    if "routes:" not in text:
        text += "\nroutes:\n  - match: { path: / }\n    forward: origin\n"
    text = re.sub(r"^routes:\n", lambda m: m[0] + _ALIVE_ROUTE, text, flags=re.M)
    for name in sorted(origins, reverse=True):
        text = text.replace(name, f"127.0.0.1:{origins[name]}")
    return text


def with_test_plugins(config, folder):
    """Words that put the plugins of tests/plugins that the config names beside the shipped ones."""
    own = [
        file
        for file in (build_dir() / "tests" / "plugins").glob("*.so")
        if re.search(rf"\b{file.stem}\b", config)
    ]
    if not own:
        return []
    for file in [*own, *(build_dir() / "plugins").glob("*.so")]:
        shutil.copy(file, folder)
    folder.chmod(0o755)
    return ["--plugins-dir", str(folder)]


class Stage:
    def __init__(self, config):
        self.origins = {"origin": Listener("origin"), "origin2": Listener("origin2")}
        self.dead, self.full = Refusing(), Full()
        ports = {
            "$ORIGIN2": self.origins["origin2"].port,
            "$ORIGIN": self.origins["origin"].port,
            "$DEAD": self.dead.port,
            "$FULL": self.full.port,
        }
        self.clients, self.current, self.expected_access = {}, {}, []
        try:
            self.plugins = tempfile.TemporaryDirectory(prefix="pkrig-plugins-")
            text = complete_config(config, ports)
            self.proxy = Proxy(text, args=with_test_plugins(text, Path(self.plugins.name)))
        except BaseException:
            self._close_sockets()
            raise

    def _close_sockets(self):
        for client in self.clients.values():
            client.close()
        for origin in self.origins.values():
            origin.close()
        self.dead.close()
        self.full.close()

    def stop(self):
        """Stops the proxy; the access-log lines that were expected and are not there, as texts."""
        self._close_sockets()
        try:
            self.proxy.finish()
            return access_log.missing(self.proxy.dir / "access.log", self.expected_access)
        finally:
            self.proxy.cleanup()
            self.plugins.cleanup()

    def expect_access(self, title, members):
        self.expected_access.append((title, members))

    # --- waiting ---

    def pump(self, until, seconds=PATIENCE_MS / 1000):
        return pump(
            self.clients.values(), self.origins.values(), until, time.monotonic() + seconds * SLOW
        )

    def drip(self, wire, data):
        """Sends byte by byte, each on its own."""
        step = len(data) // PIECES_MAX + 1
        for at in range(0, len(data), step):
            wire.send(data[at : at + step])
            time.sleep(PACE_S)
            if at // step % 64 == 63:
                self.pump(lambda: True)

    def connect(self, name="client", listener=None):
        address = self.proxy.address(listener)
        if address.startswith(("/", "unix:")):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(address.removeprefix("unix:"))
        else:
            host, port = address.rsplit(":", 1)
            sock = socket.create_connection((host.strip("[]"), int(port)), 5)
        if name in self.clients:
            self.clients[name].close()
        self.clients[name] = Wire(sock, name)
        return self.clients[name]

    def client(self, name):
        return self.clients[name] if name in self.clients else self.connect(name)

    def alive(self, name="pkrig"):
        """Asks the proxy for ALIVE over client `name` (a fresh one unless it exists).

        Its answer proves that the connection is in step, and that the worker's loop went round,
        so that whatever it was going to do about earlier events of this case has been done.
        """
        wire = self.client(name)
        if wire.received:
            raise Failure(
                f"{name} got bytes that belong to no request:\n{indented(wire.received, '  < ')}"
            )
        wire.send(f"GET {ALIVE} HTTP/1.1\r\nHost: pkrig\r\n\r\n".encode())
        found = []

        def answered():
            if not found:
                reply = http1.read_response(wire.received, ended=wire.ended)
                if reply:
                    found.append(reply)
            return found or wire.ended

        self.pump(answered)
        if not found or found[0][0].body != b"alive":
            got = bytes(wire.received)
            raise Failure(
                f"{name}: no clean answer to a probe on this connection; it got\n"
                f"{indented(got, '  < ')}\n  then {'reset' if wire.reset else 'end' if wire.eof else 'silence'}"
            )
        del wire.received[: found[0][1]]

    def settle(self):
        """A turn of the proxy's loop, on a connection of its own."""
        self.alive("pkrig")
        self.clients.pop("pkrig").close()

    def settle_when_let_in(self):
        """Where the case had as many connections as there may be, another worker may not have seen their end
        yet, and refuses this one."""
        deadline = time.monotonic() + 2 * SLOW
        while True:
            try:
                return self.settle()
            except Failure:
                refused = self.clients.pop("pkrig")
                refused.close()
                if refused.received or not refused.ended or time.monotonic() > deadline:
                    raise

    def clear(self):
        """Ends the case: resets clients, closes origins, each followed by a turn of the proxy's loop.

        An orderly close would do for no request without its answer: the proxy had to fulfil it still.
        """
        for client in self.clients.values():
            client.close(rst=True)
        self.clients.clear()
        self.settle_when_let_in()
        for origin in self.origins.values():
            origin.accept()
        left = [w for o in self.origins.values() for w in o.wires]
        for wire in left:
            wire.fill()
        leftover = [(w.name, w.untold()) for w in left if w.untold()]
        for origin in self.origins.values():
            origin.forget()
            origin.accepted = 0
        self.current.clear()
        self.settle()
        return leftover
