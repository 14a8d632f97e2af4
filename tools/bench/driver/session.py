"""One invocation: the scenarios asked for, one after the other, and what is kept of them."""

import contextlib
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

from driver import (
    balancers,
    checks,
    contestants,
    idle,
    machine,
    measure,
    processes,
    routes,
    syscalls,
    table,
    tools,
    workers,
)


class Progress:
    """One line that is written over, on a terminal; nothing where it would only be noise."""

    def __init__(self):
        self.shown = sys.stderr.isatty()

    def __call__(self, text):
        if self.shown:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def clear(self):
        self("")


class Session:
    def __init__(self, entrants, cpus, times, repository):
        self.entrants = entrants
        self.cpus = cpus
        self.times = times
        self.repository = repository
        self.progress = Progress()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pkernel-bench-"))
        self.started = 0
        self.backend, self.origin = tools.start_backend(cpus[1])

    def close(self):
        processes.stop_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, contestant, variant):
        self.started += 1
        folder = self.folder / f"{self.started}-{contestant.name}"
        return contestants.Running(contestant, variant, self.origin, self.cpus[0], folder)

    def run(self, scenario):
        """The entry of one scenario."""
        began = time.monotonic()
        about = machine.describe(self.repository)
        foreign = 0.0
        if scenario.kind == "idle":
            results = idle.run(
                self.start,
                self._able(scenario),
                scenario,
                self.cpus[1],
                min(self.times, 3),
                self.progress,
            )
        elif scenario.kind == "routes":
            results = routes.run(
                self.start, self._able(scenario), scenario, self.cpus, self.times, self.progress
            )
        elif scenario.kind == "workers":
            results = workers.run(self, scenario)
        elif scenario.kind == "balancers":
            results = balancers.run(self, scenario)
        else:
            results, foreign = self._requests(scenario)
        self.progress.clear()
        return {
            "id": scenario.id,
            "title": scenario.title,
            "unit": scenario.unit,
            "target": scenario.target,
            "figure_max": scenario.figure_max,
            "date": about["date"],
            "commit": about["commit"],
            "alternations": self.times,
            "foreign_share": foreign,
            "seconds": time.monotonic() - began,
            "contestants": results,
            "checks": checks.of(scenario, results),
        }

    def _able(self, scenario):
        return [each for each in self.entrants if scenario.variant in each.variants]

    def _requests(self, scenario):
        with contextlib.ExitStack() as stack:
            running = []
            for entrant in self._able(scenario):
                running.append(self.start(entrant, scenario.variant))
                stack.callback(running[-1].stop)
            course = measure.Course(running, self.cpus, self.progress)
            samples = course.alternate(scenario, self.times)
            results = {}
            for contestant in running:
                name = contestant.name
                reference = samples.get("nginx") if name != "nginx" else None
                results[name] = measure.summary(scenario, samples[name], reference)
                results[name]["rss"] = processes.rss_bytes(contestant.pids())
                if scenario.kind == "cpu":
                    self.progress(f"{scenario.id} system calls of {name}")
                    counted = syscalls.per_request(
                        contestant, scenario, self.cpus[1], contestant.folder / "syscalls"
                    )
                    if counted:
                        results[name]["syscalls"] = counted
            foreign = statistics.mean(
                sample["foreign_share"] for each in samples.values() for sample in each
            )
            return results, foreign


def show(entry):
    print("\n".join(table.scenario_lines(entry)), flush=True)
