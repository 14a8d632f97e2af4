"""Where our own time goes: perf samples it, callgrind counts instructions."""

import pathlib
import shutil
import subprocess
import time

from driver import processes, scenarios, session, tools

REQUESTS_COUNTED = 2_000


def run(contestant, scenario, cpus, callgrind):
    if not contestant.available():
        raise SystemExit(f"bench: no {contestant.binary()} to profile")
    tool = "valgrind" if callgrind else "perf"
    if shutil.which(tool) is None:
        raise SystemExit(
            f"bench: no {tool}; as root: apt-get install -y "
            + ("valgrind" if callgrind else "linux-perf")
        )
    folder = tools.BUILD.parent
    place = session.Session([contestant], cpus, 1, tools.REPOSITORY)
    try:
        profiler = _callgrind if callgrind else _perf
        profiler(place, contestant, scenario, cpus, folder)
    finally:
        place.close()
    return 0


def _load(running, scenario, cpu, *arguments):
    routes = ["--routes", scenarios.ROUTES] if scenario.variant == "routes" else []
    return tools.load(running.port, cpu, *scenario.load, *routes, *arguments)


def _perf(place, contestant, scenario, cpus, folder):
    running = place.start(contestant, scenario.variant)
    data = folder / f"profile-{scenario.id}.data"
    recorder = subprocess.Popen(
        [
            "perf",
            "record",
            "-q",
            "-F",
            "2999",
            "-g",
            "-o",
            str(data),
            "-p",
            ",".join(map(str, running.pids())),
        ],
        stderr=subprocess.DEVNULL,
    )
    time.sleep(0.5)
    sample = _load(running, scenario, cpus[1], "--seconds", 4)
    recorder.terminate()
    recorder.wait(30)
    text = folder / f"profile-{scenario.id}.txt"
    with open(text, "w", encoding="utf-8") as sink:
        subprocess.run(
            [
                "perf",
                "report",
                "-i",
                str(data),
                "--stdio",
                "--no-children",
                "-g",
                "none",
                "--percent-limit",
                "0.3",
                "--sort",
                "dso,symbol",
            ],
            stdout=sink,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    print("".join(text.read_text().splitlines(keepends=True)[:60]))
    print(
        f"{sample['requests'] / sample['seconds']:,.0f} requests/s under perf."
        f" Whole: {text}; call graph: perf report -i {data}"
    )


def _callgrind(place, contestant, scenario, cpus, folder):
    """Instructions in user space per request: the difference of two counts of requests, so that
    start and end fall out."""
    counts = []
    for requests in (REQUESTS_COUNTED, 2 * REQUESTS_COUNTED):
        output = folder / f"callgrind-{scenario.id}-{requests}"
        wrapped = _Wrapped(contestant, output)
        running = place.start(wrapped, scenario.variant)
        _load(running, scenario, cpus[1], "--requests", requests)
        processes.stop(running.process, 30)
        counts.append(_instructions(output))
    print(f"{(counts[1] - counts[0]) / REQUESTS_COUNTED:,.0f} instructions a request in user space")
    print(f"by function: callgrind_annotate {output}")


def _instructions(output):
    for line in pathlib.Path(output).read_text(errors="replace").splitlines():
        if line.startswith(("summary:", "totals:")):
            return int(line.split()[1])
    raise tools.Failed(f"no total in {output}: did the proxy end cleanly at SIGTERM?")


class _Wrapped:
    """A contestant under callgrind, in one process."""

    def __init__(self, inner, output):
        self.inner, self.name, self.output = inner, inner.name, output

    def config(self, *arguments):
        return self.inner.config(*arguments)

    def command(self, config, folder):
        return [
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={self.output}",
            *self.inner.command(config, folder),
            "--single-process",
        ]
