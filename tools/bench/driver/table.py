"""The figures as text."""

FOREIGN_MAX = 0.05


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def _row(scenario, name, result):
    low, high = result["interval"]
    parts = [
        f"  {name:14} {number(result['figure']):>7} {scenario['unit']:5}"
        f" [{number(low)}, {number(high)}]".ljust(46)
    ]
    if "ratio" in result:
        low, high = result["ratio_interval"]
        parts.append(f"ratio {result['ratio']:.3f} [{low:.3f}, {high:.3f}]")
    else:
        parts.append(" " * 26)
    if "p50_us" in result:
        parts.append(
            f"p50 {result['p50_us']:.0f} µs, p99 {result['p99_us']:.0f} µs,"
            f" CPU {result['cpu_us']:.2f} µs"
        )
    elif "rps" in result:
        parts.append(f"{result['rps']:>8,.0f}/s, {result['user_share']:.0%} user")
    if "syscalls" in result:
        parts.append(f"{result['syscalls']['total']:.2f} syscalls")
    if "rss" in result:
        parts.append(f"RSS {result['rss'] / 1e6:.1f} MB")
    if "start_s" in result:
        parts.append(
            f"start {result['start_s']:.3f} s, {result['memory'] / 1e6:.1f} MB,"
            f" to own S1 {result['to_own_s1']:.3f}"
        )
    return "  ".join(parts).rstrip()


def scenario_lines(scenario):
    """The lines of one entry of the JSON."""
    title = f"{scenario['id']}  {scenario['title']}"
    if scenario.get("target"):
        title += f"   (target: ratio to nginx ≤ {scenario['target']})"
    lines = [title]
    for name, result in scenario["contestants"].items():
        lines.append(_row(scenario, name, result))
    for check in scenario["checks"]:
        interval = ""
        if check["interval"]:
            interval = " [{}, {}]".format(*map(number, check["interval"]))
        line = f"  {check['verdict'].upper():5} {check['what']}: {number(check['value'])}{interval}"
        if check["target"] is not None:
            line += f", target ≤ {number(check['target'])}"
        lines.append(line)
    if scenario["foreign_share"] > FOREIGN_MAX:
        latency = any("p99_us" in result for result in scenario["contestants"].values())
        trusted = "latency says nothing" if latency else "only the ratios are to be trusted"
        lines.append(
            f"  NOTE others used {scenario['foreign_share']:.0%} of the proxy's CPU"
            f" meanwhile: {trusted}"
        )
    return lines
