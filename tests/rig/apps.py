"""Runs the Node applications of tests/apps and waits until each listens."""
import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path

from .proxy import _child_setup

APPS = Path(__file__).parents[1] / "apps"


class NodeApp:
    def __init__(self, name, port=0, **env):
        self.name, self.env, self.port = name, env, port
        self.start()

    def start(self):
        """(Again) on the same port, once it is known."""
        env = {**os.environ, **self.env, "PORT": str(self.port)}
        self.process = subprocess.Popen(
            ["node", APPS / f"{self.name}.js"],
            stdout=subprocess.PIPE,
            env=env,
            stdin=subprocess.DEVNULL,
            preexec_fn=_child_setup,
            text=True,
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening "):
            self.process.wait(5)
            raise AssertionError(
                f"{self.name}.js did not start: {line!r}, code {self.process.returncode}"
            )
        self.port = int(line.split()[1])

    def get_json(self, path, method="GET"):
        """Asks the app itself, past the proxy."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def terminate(self):
        """SIGTERM; waits until it has ended."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.process.stdout.close()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
