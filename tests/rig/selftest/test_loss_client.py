"""The loss counter tells each kind of loss apart; the faulty origin makes them."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from rig.loss_client import KINDS, Plan, run  # noqa: E402
from rig.origin import Origin  # noqa: E402
from rig.ports import Refusing  # noqa: E402


class Kinds(unittest.TestCase):
    def setUp(self):
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)

    def lose(self, path, kind, **more):
        plan = {
            "port": self.origin.port,
            "path": path,
            "seconds": 0.15,
            "rate": 200,
            "keep_alive": 2,
            "connecting": 1,
            **more,
        }
        result = run(Plan(**plan))
        self.assertEqual(result["sent"], sum(result[k] for k in KINDS))
        self.assertGreater(result[kind], 0, result)
        return result

    def test_nothing_is_lost_of_good_answers(self):
        result = self.lose("/ok?size=5000", "ok", post_share=0.3)
        self.assertEqual(result["lost"], 0, result)
        self.assertGreater(result["by_method"]["POST ok"], 0)

    def test_each_kind(self):
        for path, kind in (
            ("/rst-before", "reset"),
            ("/close-before", "closed_first"),
            ("/fin-cl", "short_body"),
            ("/fin-chunk", "short_body"),
            ("/rst-body", "short_body"),
            ("/nothing", "wrong_status"),
            ("/garbage", "malformed"),
            ("/stale?fin=1", "closed_reused"),
        ):
            with self.subTest(path):
                result = self.lose(path, kind, connecting=0)
                self.assertEqual(result["sent"], result["ok"] + result[kind], result)

    def test_a_wrong_body_is_noticed(self):
        self.lose("/ok", "bad_hash", expect=b"no")

    def test_silence_is_a_timeout(self):
        self.lose("/hang", "timeout", timeout=0.05)

    def test_a_refused_connection_is_not_a_reset(self):
        port = Refusing()
        self.addCleanup(port.close)
        result = self.lose("/ok", "refused", port=port.port)
        self.assertEqual(result["refused"], result["sent"])

    def test_unique_paths_are_executed_once_each(self):
        result = self.lose("/ok", "ok", unique=True)
        counts = {k: v for k, v in self.origin.counts.items() if k.startswith("/ok")}
        self.assertEqual(set(counts.values()), {1})
        self.assertEqual(len(counts), result["sent"])


if __name__ == "__main__":
    unittest.main()
