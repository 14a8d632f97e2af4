"""System calls per request. perf counts them without slowing the proxy down; strace is the
fallback, under which a proxy finds more to do at each wake-up and so waits less often."""

import re
import shutil
import signal
import subprocess
import time

from driver import tools

# perf counts the total, and these by name: each name costs time to attach.
NAMED = (
    "recvfrom recvmsg read readv sendto sendmsg write writev splice sendfile64 epoll_wait "
    "epoll_pwait epoll_ctl accept4 connect socket close setsockopt shutdown futex "
    "timerfd_settime getsockopt ioctl"
).split()
REQUESTS = 20_000
REQUESTS_TRACED = 4_000


def per_request(contestant, scenario, load_cpu, report_file):
    """{"total": 4.1, "by": {"recvfrom": 2.0, ...}, "tool": "perf"}, or None without a tool."""
    words = dict(zip(scenario.load[::2], scenario.load[1::2]))
    pieces = 1 + max(words.get("--size", 0), words.get("--post", 0)) // 16384
    for tool, command, requests, read in (
        ("perf", _perf, REQUESTS // pieces, _read_perf),
        ("strace", _strace, REQUESTS_TRACED // pieces, _read_strace),
    ):
        if shutil.which(tool) is None:
            continue
        counts = _count(
            command(contestant.pids(), report_file),
            contestant,
            scenario,
            load_cpu,
            requests,
            report_file,
            read,
        )
        if not counts:
            continue
        total = counts.pop("", 0) or sum(counts.values())
        by = {
            name: round(count / requests, 3)
            for name, count in counts.items()
            if count / requests >= 0.005
        }
        return {
            "total": round(total / requests, 2),
            "tool": tool,
            "by": dict(sorted(by.items(), key=lambda item: -item[1])),
        }
    return None


def _count(command, contestant, scenario, load_cpu, requests, report_file, read):
    tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1.0)  # Until it is attached.
    try:
        tools.load(contestant.port, load_cpu, *scenario.load, "--requests", requests)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(30)
    try:
        return read(report_file.read_text())
    except OSError:
        return {}


def _perf(pids, report_file):
    events = ["raw_syscalls:sys_enter"] + [f"syscalls:sys_enter_{name}" for name in NAMED]
    return [
        "perf",
        "stat",
        "-x",
        ",",
        "-o",
        str(report_file),
        "-e",
        ",".join(events),
        "-p",
        ",".join(map(str, pids)),
    ]


def _read_perf(report):
    """By name; the total is under the empty name."""
    counts = {}
    for line in report.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[0].isdigit() and "sys_enter" in fields[2]:
            counts[fields[2].partition("sys_enter")[2].lstrip("_")] = int(fields[0])
    return {name: count for name, count in counts.items() if count > 0}


def _strace(pids, report_file):
    command = ["strace", "-f", "-c", "-o", str(report_file)]
    for pid in pids:
        command += ["-p", str(pid)]
    return command


def _read_strace(report):
    counts = {}
    for line in report.splitlines():
        fields = line.split()
        if len(fields) >= 5 and re.fullmatch(r"\d+", fields[3]) and fields[-1] != "total":
            counts[fields[-1]] = int(fields[3])
    return counts
