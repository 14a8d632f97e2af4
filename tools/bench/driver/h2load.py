"""S7: HTTP/2 by nghttp2's h2load, whose answers are not looked into beyond their status."""

import re
import subprocess

from driver import processes, tools

PATTERNS = {
    "done": r"requests: \d+ total, \d+ started, (\d+) done",
    "bad": r"(\d+) failed",
    "errored": r"(\d+) errored",
    "good": r"status codes: (\d+) 2xx",
    "bytes": r"traffic: .*headers.*, \S+ \((\d+)\) data",
}


def load(port, cpu, arguments, seconds, pids):
    """A sample as bench_load would give it. One answer that is not 2xx fails the run."""
    words = dict(zip(arguments[::2], arguments[1::2]))
    url = f"https://127.0.0.1:{port}/bench?s={words['--size']}&id=00000000"
    command = ["h2load", "-D", max(1, round(seconds)), "-c", words["--connections"]]
    command += ["-m", words["--streams"], "-t", 1, url]
    before = processes.cpu_ns(pids)
    process = processes.start(command, cpu, stdout=subprocess.PIPE, text=True)
    try:
        output, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        raise tools.Failed("h2load hangs") from None
    finally:
        processes.stop(process)
    spent = processes.cpu_ns(pids) - before
    found = {name: re.search(pattern, output) for name, pattern in PATTERNS.items()}
    if not all(found.values()):
        raise tools.Failed(f"h2load said: {output[-500:]}")
    counts = {name: int(match[1]) for name, match in found.items()}
    if counts["bad"] or counts["errored"] or counts["good"] != counts["done"]:
        raise tools.Failed(f"h2load has failures: {output[-500:]}")
    return {
        "requests": counts["done"],
        "seconds": float(max(1, round(seconds))),
        "cpu_ns": spent,
        "bytes": counts["bytes"],
    }
