"""The figures as a picture: per scenario, one bar a contestant, its length the ratio to nginx."""

import html

from driver.table import number

COLOURS = {"nginx": "#8a94a3", "haproxy": "#b9c0cb", "pkernel": "#2563a8"}
OTHER = "#d9a441"
WIDTH, LEFT, BAR, GAP, GROUP = 860, 250, 16, 5, 22
SCALE = 320  # Pixels for a ratio of 1.
RATIO_MAX = 1.2


def _text(x, y, text, size=13, anchor="start", weight="normal", fill="#1f2733"):
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" '
        f'font-weight="{weight}" fill="{fill}" stroke="#fff" '
        'stroke-width="3" paint-order="stroke" stroke-linejoin="round">'
        f'{html.escape(text)}</text>'
    )


def _bar(y, name, ratio, label):
    colour = COLOURS.get(name, OTHER)
    cut = min(ratio, RATIO_MAX)
    parts = [
        _text(LEFT - 10, y + 12.5, name, 12, "end", fill="#4a5565"),
        f'<rect x="{LEFT}" y="{y}" width="{max(1.0, cut * SCALE):.1f}" height="{BAR}" rx="2" '
        f'fill="{colour}"/>',
    ]
    if cut < ratio:  # A bar too long for the picture ends in a gap.
        x = LEFT + cut * SCALE - 12
        parts.append(f'<path d="M{x} {y - 1} l6 {BAR + 2} h4 l-6 -{BAR + 2} z" fill="#fff"/>')
    parts.append(_text(LEFT + cut * SCALE + 8, y + 12.5, label, 12))
    return parts


def _worst(checks):
    verdicts = {check["verdict"] for check in checks}
    return next(
        (f" · {verdict}" for verdict in ("miss", "noise", "pass") if verdict in verdicts), ""
    )


def _group(y, scenario):
    results = scenario["contestants"]
    base = results.get("nginx", next(iter(results.values())))["figure"]
    target = scenario["target"]
    if scenario["figure_max"]:
        target = scenario["figure_max"] / base
    parts = [
        _text(20, y + 13, scenario["id"], 14, weight="bold"),
        _text(60, y + 13, scenario["title"], 13),
    ]
    y += 21
    bottom = y + len(results) * (BAR + GAP) - GAP
    line = []
    if target and target < RATIO_MAX:
        x = LEFT + target * SCALE
        line = [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3}" y2="{bottom + 3}" '
            'stroke="#c2352b" stroke-width="2" stroke-dasharray="4 2"/>'
        ]
    for name, result in results.items():
        ratio = result.get("ratio") or result["figure"] / base
        label = f"{number(result['figure'])} {scenario['unit']}"
        if result["figure"] != base:
            label += f" · {ratio:.2f}"
        if "start_s" in result:
            label += f" · start {result['start_s']:.2f} s, {result['memory'] / 1e6:.0f} MB"
        if name == "pkernel":
            label += _worst(scenario["checks"])
        parts += _bar(y, name, ratio, label)
        y += BAR + GAP
    bars = [part for part in parts if not part.startswith("<text")]
    labels = [part for part in parts if part.startswith("<text")]
    return y + GROUP - GAP, bars + line + labels


def draw(report):
    about, y, parts = report["machine"], 92, []
    for scenario in report["scenarios"].values():
        y, more = _group(y, scenario)
        parts += more
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    head = [
        _text(
            20,
            32,
            "What a request costs: CPU time of the proxy, as a ratio to nginx",
            18,
            weight="bold",
        ),
        _text(20, 52, f"{versions}. Lower is better; dashed: our target.", 12, fill="#4a5565"),
        _text(
            20,
            69,
            f"{about['date']}, commit {about['commit']}, {about['cpus']} × "
            f"{about['cpu']}, Linux {about['kernel']}",
            12,
            fill="#4a5565",
        ),
    ]
    height = y + 6
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f'height="{height}" font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif">',
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            *head,
            *parts,
            "</svg>\n",
        ]
    )
