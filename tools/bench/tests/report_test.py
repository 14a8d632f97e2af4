"""The report keeps what was not measured again, and its picture is well-formed."""

import json
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from driver import checks, report, scenarios, table  # noqa: E402


def entry(name, ours):
    scenario = scenarios.chosen([name])[0]
    results = {
        "nginx": {"figure": 10.0, "interval": [9.0, 11.0], "samples": [9.0, 10.0, 11.0]},
        "pkernel": {
            "figure": ours,
            "interval": [ours, ours],
            "samples": [ours] * 3,
            "ratio": ours / 10,
            "ratio_interval": [ours / 10, ours / 10],
        },
    }
    return {
        "id": name,
        "title": scenario.title,
        "unit": scenario.unit,
        "target": scenario.target,
        "figure_max": scenario.figure_max,
        "foreign_share": 0.2,
        "contestants": results,
        "checks": checks.of(scenario, results),
    }


def whole(*entries):
    return {
        "machine": {"date": "d", "commit": "c", "cpus": 2, "cpu": "<cpu>", "kernel": "k"},
        "versions": {"nginx": "1"},
        "scenarios": {each["id"]: each for each in entries},
    }


class Report(unittest.TestCase):
    def test_a_scenario_is_replaced_and_the_others_stay_in_order(self):
        with tempfile.TemporaryDirectory() as folder:
            report.write(folder, "latest", whole(entry("S1", 9.0), entry("S3", 5.0)))
            report.write(folder, "latest", whole(entry("S2", 8.0), entry("S1", 8.0)))
            kept = json.loads((pathlib.Path(folder) / "latest.json").read_text())["scenarios"]
            self.assertEqual(list(kept), ["S1", "S2", "S3"])
            self.assertEqual(kept["S1"]["contestants"]["pkernel"]["figure"], 8.0)
            drawing = (pathlib.Path(folder) / "latest.svg").read_text()
            xml.etree.ElementTree.fromstring(drawing)
            self.assertIn("&lt;cpu&gt;", drawing)

    def test_each_balancer_has_a_verdict_of_its_own(self):
        scenario = scenarios.chosen(["S15"])[0]
        others = {
            name: {"ratio": ratio, "ratio_interval": [ratio, ratio]}
            for name, ratio in (("least_conn", 0.99), ("ip_hash", 1.02), ("sticky", 1.2))
        }
        found = checks.of(scenario, {"pkernel": {"figure": 10.0, "balancers": others}})
        self.assertEqual(
            [(check["what"], check["verdict"]) for check in found],
            [
                ("least_conn to round_robin", "pass"),
                ("ip_hash to round_robin", "noise"),
                ("sticky to round_robin", "miss"),
            ],
        )

    def test_verdicts_are_printed(self):
        text = "\n".join(table.scenario_lines(entry("S1", 8.1)))
        self.assertIn("PASS  ratio to nginx: 0.81", text)
        self.assertIn("others used 20%", text)
        self.assertIn("MISS", "\n".join(table.scenario_lines(entry("S1", 9.9))))


if __name__ == "__main__":
    unittest.main()
