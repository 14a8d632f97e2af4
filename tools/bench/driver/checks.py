"""What our figures are held against: one line for each promise of performance.md."""

from driver import scenarios, stats

OURS = "pkernel"
AGAINST = "against"


def of(scenario, results):
    """A list of {"what", "value", "interval", "target", "verdict"}; empty without pkernel."""
    ours = results.get(OURS)
    if ours is None:
        return []
    found = []

    def check(what, value, target, interval=None):
        found.append(
            {
                "what": what,
                "value": value,
                "interval": interval,
                "target": target,
                "verdict": stats.verdict(value, target),
            }
        )

    if scenario.target is not None and "ratio" in ours:
        check("ratio to nginx", ours["ratio"], scenario.target, ours["ratio_interval"])
    if scenario.kind == "rate" and "haproxy" in results:
        pairs = stats.ratios(ours["samples"], results["haproxy"]["samples"])
        check("ratio to haproxy", stats.median(pairs), scenario.target, list(stats.interval(pairs)))
    if scenario.figure_max is not None:
        check(scenario.unit, ours["figure"], scenario.figure_max, ours["interval"])
    if scenario.kind == "routes":
        check(
            "ratio to own S1",
            ours["to_own_s1"],
            scenarios.ROUTES_TO_OWN_S1_MAX,
            ours["to_own_s1_interval"],
        )
        check("start, s", ours["start_s"], scenarios.ROUTES_START_S_MAX)
        check("memory, MB", ours["memory"] / 1e6, scenarios.ROUTES_MEMORY_MAX / 1e6)
    if scenario.kind == "workers":
        check(
            "CPU per request, to one worker",
            ours["cpu_to_one"],
            scenarios.WORKERS_CPU_MAX,
            ours["cpu_to_one_interval"],
        )
        check(
            "one worker's requests/s, to two",
            1 / ours["rps_to_one"],
            1 / scenarios.WORKERS_RATE_MIN,
            [1 / each for each in reversed(ours["rps_to_one_interval"])],
        )
        if ours["cpus"] < scenarios.WORKERS_CPUS_MIN:
            found[-1]["verdict"] = "cannot tell"
    if scenario.kind == "balancers":
        for name, other in ours["balancers"].items():
            check(
                f"{name} to round_robin",
                other["ratio"],
                scenarios.BALANCER_TO_ROUND_ROBIN_MAX,
                other["ratio_interval"],
            )
    if AGAINST in results:  # No promise: what a change did.
        pairs = stats.ratios(ours["samples"], results[AGAINST]["samples"])
        check(
            "ratio to the build in --against",
            stats.median(pairs),
            None,
            list(stats.interval(pairs)),
        )
    return found
