"""What was measured, on what, and whether anybody disturbed it."""

import datetime
import os
import pathlib
import platform
import subprocess

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def _line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _distribution():
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return "unknown"


def describe(repository):
    commit = _line(["git", "-C", str(repository), "rev-parse", "--short=12", "HEAD"])
    changed = _line(["git", "-C", str(repository), "status", "--porcelain", "-uno"])
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit + (" and changes" if changed else ""),
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "system": _distribution(),
        "kernel": platform.release(),
    }


def busy_s(cpu):
    """Seconds that a CPU has spent on anything, time stolen by the hypervisor included."""
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{cpu}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) * TICK_S
    return 0.0
