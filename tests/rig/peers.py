"""The servers that people come from, on their own configs: for tests that ask them and us the same."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .ports import free_port
from .proxy import SLOW, _child_setup

COMMANDS = {
    "nginx": ["nginx", "-e", "stderr", "-c"],
    "apache2": ["apache2", "-DFOREGROUND", "-f"],
}


def with_ports(text, ports):
    """The text of a config with other ports: {8080: …, 3001: …}"""
    return re.sub(r"(?<=127\.0\.0\.1:)(\d+)\b", lambda m: str(ports[int(m[1])]), text)


class Peer:
    """`with Peer("nginx", file, {3001: port…}) as peer:` answers on peer.port() what stands in the file as 8080."""

    def __init__(self, name, file, ports):
        self.dir = Path(tempfile.mkdtemp(prefix="pkrig-peer-"))
        self.dir.chmod(0o755)
        self._port = free_port()
        text = with_ports(Path(file).read_text(), {**ports, 8080: self._port})
        config = self.dir / "config"
        config.write_text(text.replace("$TMP", str(self.dir)))
        self.errors = open(self.dir / "errors", "w+")
        self.process = subprocess.Popen(
            COMMANDS[name] + [str(config)],
            stdin=subprocess.DEVNULL,
            stdout=self.errors,
            stderr=self.errors,
            cwd=self.dir,
            start_new_session=True,
            preexec_fn=_child_setup,
        )
        self._wait_up(name)

    def port(self):
        return self._port

    def _wait_up(self, name):
        deadline = time.monotonic() + 10 * SLOW
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                time.sleep(0.01)
        self.errors.seek(0)
        said = self.errors.read()
        self.stop()
        raise AssertionError(f"{name} does not answer: {said}")

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.errors.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
