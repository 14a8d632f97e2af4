"""S13: what an idle kept connection costs in memory."""

import time

from driver import processes, stats, tools


def bytes_per_connection(contestant, scenario, load_cpu):
    """Growth of the resident memory of all processes, by thousands of connections that have each
    carried one request and wait; a first load has let pools and caches take their size."""
    connections = scenario.load[scenario.load.index("--connections") + 1]
    tls = ["--tls"] if "--tls" in scenario.load else []
    tools.load(contestant.port, load_cpu, *tls, "--seconds", 0.5)
    before = processes.rss_bytes(contestant.pids())
    holder = tools.start_load(contestant.port, load_cpu, "--idle", *scenario.load)
    try:
        said = holder.stdout.readline().strip()
        if said != f"idle {connections}":
            raise tools.Failed(said)
        time.sleep(2)  # A proxy may give buffers back a moment later.
        after = processes.rss_bytes(contestant.pids())
        holder.stdin.close()
        said = holder.stdout.readline().strip()
        if said != "lost 0":
            raise tools.Failed(f"idle connections: {said}")
    finally:
        processes.stop(holder)
    return (after - before) / connections


def run(start, contestants, scenario, load_cpu, times, progress):
    """Each in a fresh process each time. {name: summary}"""
    samples = {contestant.name: [] for contestant in contestants}
    for turn in range(times):
        for contestant in contestants:
            progress(f"{scenario.id} {turn + 1}/{times} {contestant.name}")
            running = start(contestant, scenario.variant)
            try:
                samples[contestant.name].append(bytes_per_connection(running, scenario, load_cpu))
            finally:
                running.stop()
    return {
        name: {
            "figure": stats.median(values),
            "interval": list(stats.interval(values)),
            "samples": values,
        }
        for name, values in samples.items()
    }
