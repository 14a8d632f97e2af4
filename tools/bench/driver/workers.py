"""S1w: what a second worker adds, and what it costs. Ours only; both may use every CPU."""

import os

from driver import contestants, measure, scenarios, stats
from driver.pkernel import Pkernel


def run(session, scenario):
    """{"pkernel": the summary of two workers, with its ratios to one worker in it}"""
    ours = next((each for each in session.entrants if isinstance(each, Pkernel)), None)
    if ours is None:
        return {}
    everywhere = set(range(os.cpu_count() or 1))
    if len(everywhere) >= scenarios.WORKERS_CPUS_MIN:
        everywhere -= {session.cpus[1]}
    running = []
    try:
        for count in (1, 2):
            entrant = Pkernel(f"{count} workers", ours.build, count)
            folder = session.folder / f"workers-{count}"
            running.append(
                contestants.Running(entrant, "plain", session.origin, everywhere, folder)
            )
        course = measure.Course(running, session.cpus, session.progress)
        one, two = course.alternate(scenario, session.times).values()
    finally:
        for each in running:
            each.stop()
    costs = stats.ratios(*([scenarios.figure(scenario, s) for s in side] for side in (two, one)))
    rates = stats.ratios(*([s["rps"] for s in side] for side in (two, one)))
    return {
        ours.name: measure.summary(scenario, two, None)
        | {
            "cpu_to_one": stats.median(costs),
            "cpu_to_one_interval": list(stats.interval(costs)),
            "rps_to_one": stats.median(rates),
            "rps_to_one_interval": list(stats.interval(rates)),
            "cpus": os.cpu_count(),
        }
    }
