"""The arithmetic that the verdicts rest on."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from driver import stats  # noqa: E402


class Interval(unittest.TestCase):
    def test_eleven_values_drop_the_lowest_and_the_highest(self):
        self.assertEqual(stats.interval(range(1, 12)), (2, 10))

    def test_few_values_give_their_whole_range(self):
        self.assertEqual(stats.interval([3, 1, 2]), (1, 3))
        self.assertEqual(stats.interval([5]), (5, 5))

    def test_coverage_is_at_least_what_was_asked(self):
        for count in range(6, 60):
            low, high = stats.interval(range(count))
            self.assertEqual(low, count - 1 - high)
            self.assertGreaterEqual(stats._enclosed(count, low + 1), 0.95)


class Verdict(unittest.TestCase):
    def test_at_the_target_passes_within_three_percent_is_noise(self):
        self.assertEqual(stats.verdict(0.82, 0.82), "pass")
        self.assertEqual(stats.verdict(0.84, 0.82), "noise")
        self.assertEqual(stats.verdict(0.85, 0.82), "miss")
        self.assertEqual(stats.verdict(0.85, None), "")


class Ratios(unittest.TestCase):
    def test_pairs_are_taken_in_order(self):
        self.assertEqual(stats.ratios([1, 4], [2, 2]), [0.5, 2.0])


if __name__ == "__main__":
    unittest.main()
