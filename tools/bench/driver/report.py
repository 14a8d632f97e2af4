"""The report of a run: a JSON file and its picture.

A run of some scenarios replaces these and keeps the others, each with the date and commit of its
own run, so that a single scenario can be measured again. What another machine measured is not kept.
"""

import json
import pathlib

from driver import picture, scenarios


def write(folder, name, report):
    """Writes NAME.json and NAME.svg into `folder`; returns their paths."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.json"
    if target.exists():
        earlier = json.loads(target.read_text())
        if _same_machine(earlier["machine"], report["machine"]):
            report = dict(
                report,
                versions=earlier["versions"] | report["versions"],
                scenarios=earlier["scenarios"] | report["scenarios"],
            )
    order = [scenario.id for scenario in scenarios.ALL]
    report["scenarios"] = {
        key: report["scenarios"][key] for key in order if key in report["scenarios"]
    }
    target.write_text(json.dumps(_rounded(report), indent=1, ensure_ascii=False) + "\n")
    drawing = folder / f"{name}.svg"
    drawing.write_text(picture.draw(report))
    return target, drawing


def _same_machine(one, other):
    return all(one[key] == other[key] for key in ("cpu", "cpus", "kernel"))


def _rounded(value):
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(each) for each in value]
    return value
