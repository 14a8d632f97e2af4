"""S14: what 10,000 routes cost, per request, at the start and in memory."""

import time

from driver import measure, processes, scenarios, stats

STARTS = 5


def starts(start, contestants, progress):
    """{name: {"start_s", "memory"}} over several starts; memory is that of all the processes,
    one second after the first answer."""
    times = {contestant.name: [] for contestant in contestants}
    memory = {contestant.name: [] for contestant in contestants}
    for turn in range(STARTS):
        for contestant in contestants:
            progress(f"S14 start {turn + 1}/{STARTS} {contestant.name}")
            running = start(contestant, "routes")
            try:
                times[contestant.name].append(running.start_s)
                if turn == 0:
                    time.sleep(1)
                    memory[contestant.name].append(processes.rss_bytes(running.pids()))
            finally:
                running.stop()
    return {
        name: {"start_s": stats.median(times[name]), "memory": stats.median(memory[name])}
        for name in times
    }


def to_one_route(course, scenario, times, contestant, one_route):
    """Ratio of a contestant's own cost with 10,000 routes to that with one, taken alternately."""
    pairs = []
    plain = next(s for s in scenarios.ALL if s.id == "S1")
    for turn in range(times):
        course.progress(f"S14 to own S1 {turn + 1}/{times} {contestant.name}")
        order = [(contestant, scenario), (one_route, plain)]
        figures = [
            scenarios.figure(plain, course.sample(*each))
            for each in (order if turn % 2 else order[::-1])
        ]
        many, one = figures if turn % 2 else figures[::-1]
        pairs.append(many / one)
    return {"to_own_s1": stats.median(pairs), "to_own_s1_interval": list(stats.interval(pairs))}


def run(start, contestants, scenario, cpus, times, progress):
    """{name: summary}, with start, memory and the ratio to the contestant's own S1 in it."""
    first = starts(start, contestants, progress)
    running = []
    try:
        for contestant in contestants:
            running.append(start(contestant, "routes"))
        course = measure.Course(running, cpus, progress)
        samples = course.alternate(scenario, times)
        result = {}
        for contestant in running:
            name = contestant.name
            reference = samples.get("nginx") if name != "nginx" else None
            one_route = start(contestant.contestant, "plain")
            try:
                own = to_one_route(course, scenario, times, contestant, one_route)
            finally:
                one_route.stop()
            result[name] = measure.summary(scenario, samples[name], reference) | first[name] | own
        return result
    finally:
        for contestant in running:
            contestant.stop()
