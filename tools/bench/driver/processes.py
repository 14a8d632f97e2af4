"""Processes: started pinned and mortal, looked at as whole trees, ended for certain."""

import atexit
import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_running = []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, cpu, log=None, **options):
    """Starts `command` on one CPU or a set of them, in a group of its own; it does not outlive this process."""

    def prepare():
        os.sched_setaffinity(0, cpu if isinstance(cpu, set) else {cpu})
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    output = {}
    if log is not None:
        sink = open(log, "ab")
        output = {"stdout": sink, "stderr": sink}
    process = subprocess.Popen(
        [str(word) for word in command],
        preexec_fn=prepare,
        start_new_session=True,
        **(output | options),
    )
    if log is not None:
        sink.close()
    _running.append(process)
    return process


def stop(process, patience_s=5.0):
    """Ends the process and its group; those that do not end in time are killed."""
    members = []
    if process.poll() is None:
        members = [(pid, _born(pid)) for pid in tree(process.pid)]
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            pass
    for pid, born in members:  # A child that its master left behind, or the master itself.
        if born is not None and _born(pid) == born:
            _kill(pid)
    if process.poll() is None:
        process.wait()
    if process in _running:
        _running.remove(process)


def _born(pid):
    """When a process was started: with its number, who it is."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def stop_all():
    for process in list(_running):
        stop(process, 1.0)


atexit.register(stop_all)


def tree(root):
    """The process `root` and all its descendants."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(entry.name))
    found, open_ends = [], [root]
    while open_ends:
        pid = open_ends.pop()
        found.append(pid)
        open_ends += children.get(pid, [])
    return found


def cpu_ns(pids):
    """CPU time of whole processes, ended threads included (CPUCLOCK_SCHED of each)."""
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids)


def cpu_split_ticks(pids):
    """User and system time in ticks: coarse, good for a share over seconds."""
    user = system = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        user += int(fields[11])
        system += int(fields[12])
    return user, system


def rss_bytes(pids):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total
