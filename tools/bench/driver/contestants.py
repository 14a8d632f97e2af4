"""The contestants: how each is configured, started and recognised.

Every one runs a single worker without an access log, keeps its connections to the origin, and
listens on 127.0.0.1. A variant is what a scenario needs of the config: `plain`, `forwarded` (sets
the X-Forwarded family and X-Real-IP), `post`, `routes` (10,000 prefixes), `websocket`
(lets upgrades through).
"""

import pathlib
import re
import socket
import ssl
import subprocess
import time

from driver import processes, scenarios, tools


def route_prefixes():
    return [f"/svc{number:05}/" for number in range(scenarios.ROUTES)]


class Contestant:
    name = ""
    package = None  # The Debian package that brings it.
    variants = (
        "plain",
        "forwarded",
        "post",
        "routes",
        "tls",
        "h2",
        "websocket",
    )  # What it can be configured for.

    def available(self):
        return (
            subprocess.run(
                ["sh", "-c", f"command -v {self.binary()}"], capture_output=True
            ).returncode
            == 0
        )

    def binary(self):
        return self.name

    def version(self):
        raise NotImplementedError

    def config(self, variant, port, origin, folder):
        """The text of the config; may write further files into `folder`."""
        raise NotImplementedError

    def command(self, config, folder):
        raise NotImplementedError


class Running:
    """One contestant at work. `start_s` is the time from exec to its first whole answer."""

    def __init__(self, contestant, variant, origin, cpu, folder):
        self.contestant = contestant
        self.name = contestant.name
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.port = processes.free_port()
        config = self.folder / "config"
        config.write_text(contestant.config(variant, self.port, origin, self.folder))
        self.log = self.folder / "log"
        began = time.monotonic()
        self.process = processes.start(contestant.command(config, self.folder), cpu, self.log)
        path = route_prefixes()[-1] if variant == "routes" else "/"
        self.tls = variant in ("tls", "h2")
        self._await_answer(f"{path}bench?s=16&id=00000000")
        self.start_s = time.monotonic() - began

    def pids(self):
        return processes.tree(self.process.pid)

    def stop(self):
        processes.stop(self.process)

    def _connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), 5)
        if not self.tls:
            return client
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(client)

    def _await_answer(self, target):
        request = f"GET {target} HTTP/1.1\r\nHost: bench.local\r\nConnection: close\r\n\r\n"
        deadline = time.monotonic() + 20
        answer = b""
        while time.monotonic() < deadline and self.process.poll() is None:
            answer = b""
            try:
                with self._connect() as client:
                    client.sendall(request.encode())
                    while part := client.recv(65536):
                        answer += part
            except OSError:
                pass
            if answer.startswith(b"HTTP/1.1 200"):
                return
            time.sleep(0.001)
        self.stop()
        said = self.log.read_text(errors="replace")[-2000:]
        raise tools.Failed(f"{self.name} does not answer as it should: {answer[:200]!r}\n{said}")


def version_of(command, pattern):
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "unknown"
