"""The measurements: contestants alternate, each sample is one run of the generator."""

import statistics
import time

from driver import h2load, machine, processes, scenarios, stats, tools


class Course:
    """All that runs during one scenario: the contestants on one CPU, load and origin on another."""

    def __init__(self, running, cpus, progress):
        self.running = running
        self.proxy_cpu, self.load_cpu = cpus
        self.progress = progress

    def sample(self, contestant, scenario, seconds=None):
        """One run, and the share of the proxy's CPU that others used meanwhile."""
        pids = contestant.pids()
        ticks = processes.cpu_split_ticks(pids)
        busy, own = machine.busy_s(self.proxy_cpu), processes.cpu_ns(pids)
        began = time.monotonic()
        arguments = list(scenario.load)
        if scenario.variant == "routes":
            arguments += ["--routes", scenarios.ROUTES]
        if scenario.kind == "h2":
            how_long = seconds or scenario.seconds
            sample = h2load.load(contestant.port, self.load_cpu, arguments, how_long, pids)
        else:
            sample = tools.load(
                contestant.port,
                self.load_cpu,
                *arguments,
                "--seconds",
                seconds or scenario.seconds,
                "--account",
                ",".join(map(str, pids)),
            )
        elapsed = time.monotonic() - began
        own_s = (processes.cpu_ns(pids) - own) / 1e9
        user, system = (b - a for a, b in zip(ticks, processes.cpu_split_ticks(pids)))
        sample["user_share"] = user / max(1, user + system)
        sample["foreign_share"] = max(0.0, machine.busy_s(self.proxy_cpu) - busy - own_s) / elapsed
        sample["rps"] = sample["requests"] / sample["seconds"]
        return sample

    def alternate(self, scenario, times):
        """`times` samples of each, in an order that turns by one each time. One more of each goes
        before, and is thrown away: it warms caches, pools and the branch predictor."""
        samples = {contestant.name: [] for contestant in self.running}
        for turn in range(-1, times):
            shift = turn % len(self.running)
            for contestant in self.running[shift:] + self.running[:shift]:
                self.progress(f"{scenario.id} {max(turn + 1, 0)}/{times} {contestant.name}")
                sample = self.sample(contestant, scenario, 0.3 if turn < 0 else None)
                if turn >= 0:
                    samples[contestant.name].append(sample)
        return samples


def summary(scenario, samples, reference):
    """What is kept of one contestant's samples; `reference` holds nginx's, taken alternately."""
    figures = [scenarios.figure(scenario, sample) for sample in samples]
    low, high = stats.interval(figures)
    result = {
        "figure": stats.median(figures),
        "interval": [low, high],
        "samples": figures,
        "rps": stats.median([sample["rps"] for sample in samples]),
        "user_share": statistics.mean(sample["user_share"] for sample in samples),
    }
    if scenario.kind == "rate":
        for key in ("p50_us", "p99_us", "p999_us"):
            result[key] = stats.median([sample[key] for sample in samples])
        result["cpu_us"] = stats.median([s["cpu_ns"] / 1e3 / s["requests"] for s in samples])
    if reference is not None:
        pairs = stats.ratios(figures, [scenarios.figure(scenario, s) for s in reference])
        result["ratio"] = stats.median(pairs)
        result["ratio_interval"] = list(stats.interval(pairs))
    return result
