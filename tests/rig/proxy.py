"""Runs the built proxy on a config text, tells its ports and log, and sees that it ends well.

PKERNEL_BUILD names the build directory; PKERNEL_COMMAND, for the rig's own tests, a stand-in.
A ThreadSanitizer build (its directory is called build-tsan) runs under `setarch -R`.
"""
import ctypes
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from . import procs

REPORT = re.compile(
    r"ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error:"
)
SLOW = float(os.environ.get("PKRIG_SLOW", "1"))  # multiplies every bound, for sanitizer builds
_libc = ctypes.CDLL(None)


class ProxyError(AssertionError):
    pass


def build_dir():
    return Path(os.environ.get("PKERNEL_BUILD") or Path(__file__).parents[2] / "build")


def command(args):
    """The words that run the proxy with these; its own plugins unless they say where plugins are."""
    if os.environ.get("PKERNEL_COMMAND"):
        return shlex.split(os.environ["PKERNEL_COMMAND"]) + args
    build = build_dir()
    prefix = ["setarch", "-R"] if "tsan" in build.name else []
    places = [] if "--plugins-dir" in args else ["--plugins-dir", str(build / "plugins")]
    return prefix + [str(build / "pkernel"), *places, *args]


def _child_setup():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: dies with the test


class Proxy:
    """`with Proxy(config) as proxy:` starts, waits for `ready`, and stops cleanly at the end."""

    def __init__(
        self, config, workers=1, args=(), env=None, start=True, wait=20, nofile=None, prefix=()
    ):
        """`nofile`: most descriptors a process may have; `prefix`: words before the command, such as strace's."""
        self.dir = Path(tempfile.mkdtemp(prefix="pkrig-"))
        self.config_file = self.dir / "pkernel.yaml"
        self.config_file.write_text(config.replace("$TMP", str(self.dir)))
        self.lines, self.listening, self.process = [], {}, None
        self.args = ["--config", str(self.config_file), *args]
        if workers:
            self.args += ["--workers", str(workers)]
        self.env = {**os.environ, **(env or {})}
        self.nofile, self.prefix = nofile, list(prefix)
        self._changed, self._ended = threading.Condition(), False
        if start:
            self.start(wait * SLOW)

    def start(self, wait=20):
        self.process = subprocess.Popen(
            self.prefix + command(self.args),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self.dir,
            env=self.env,
            start_new_session=True,
            preexec_fn=self._child_setup,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.wait_log(r'\bready("\})?\s*$', wait)
        except ProxyError:
            self.cleanup()
            raise

    def _child_setup(self):
        _child_setup()
        if self.nofile:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile, self.nofile))

    def _read(self):
        for raw in self.process.stderr:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            with self._changed:
                self.lines.append(line)
                match = re.search(r"listening on (\S+) \(listener '([^']*)'\)", line)
                if match:
                    self.listening[match[2]] = match[1]
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_log(self, pattern, wait=10, start=0):
        """The first log line, from line `start` on, that matches; fails when none comes."""
        deadline, seen = time.monotonic() + wait, start
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if re.search(pattern, line):
                        return line
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "the process ended" if self._ended else f"not within {wait:.0f} s"
                    code = self.process.wait(5 * SLOW) if self._ended else self.process.poll()
                    raise ProxyError(
                        f"no log line {pattern!r}: {why} (exit code {code})\n{self.log}"
                    )
                self._changed.wait(left)

    @property
    def log(self):
        return "\n".join(self.lines)

    @property
    def pid(self):
        return self.process.pid

    def address(self, name=None):
        return self.listening[name] if name else next(iter(self.listening.values()))

    def port(self, name=None):
        return int(self.address(name).rsplit(":", 1)[1])

    def rss_bytes(self):
        return procs.rss_bytes(self.pid)

    def fd_count(self):
        return procs.fd_count(self.pid)

    def engine_pid(self):
        """The process that does the work: the master's only child, else the process itself."""
        below = procs.children(self.pid)
        return below[0] if below else self.pid

    def reload(self, config=None, wait=20):
        """Writes the config if there is one, sends SIGHUP: the line that says how it went."""
        if config is not None:
            fresh = self.config_file.with_suffix(".new")
            fresh.write_text(config.replace("$TMP", str(self.dir)))
            fresh.replace(self.config_file)
        before = len(self.lines)
        self.signal(signal.SIGHUP)
        return self.wait_log(r"reloaded in|reload refused|not reloaded", wait * SLOW, before)

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, wait=10):
        try:
            return self.process.wait(wait * SLOW)
        except subprocess.TimeoutExpired:
            raise ProxyError(f"still running after {wait * SLOW:.0f} s\n{self.log}") from None

    def stop(self, wait=10):
        """finish(), then removes all traces."""
        try:
            self.finish(wait)
        finally:
            self.cleanup()

    def finish(self, wait=10):
        """SIGTERM; exit code 0 and no sanitizer report, or an error that carries the log."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.wait_exit(wait)
        self._reader.join(5)
        report = next((line for line in self.lines if REPORT.search(line)), None)
        if report:
            raise ProxyError(f"sanitizer report: {report}\n{self.log}")
        if code != 0:
            raise ProxyError(f"exit code {code}, not 0\n{self.log}")

    def cleanup(self):
        """Ends what is left of its process group and removes its directory. Safe at any time."""
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            self.process.wait()
            self._reader.join(5)
            self.process.stderr.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.cleanup()
        else:
            self.stop()


def run_to_exit(config=None, args=(), wait=20, env=None):
    """Runs a command, or a start that should fail, to its end: (exit code, stderr, stdout)."""
    with tempfile.TemporaryDirectory(prefix="pkrig-") as folder:
        words = list(args)
        if config is not None:
            file = Path(folder) / "pk.yaml"
            file.write_text(config.replace("$TMP", folder))
            words += ["--config", str(file)]
        done = subprocess.run(
            command(words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=folder,
            timeout=wait * SLOW,
            preexec_fn=_child_setup,
            env={**os.environ, **(env or {})},
        )
        return done.returncode, done.stderr.decode("utf-8", "replace"), done.stdout.decode()
