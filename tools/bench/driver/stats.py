"""Medians, and how sure they are."""

import math
import statistics


def median(values):
    return statistics.median(values)


def interval(values, confidence=0.95):
    """The interval of the median from the ordered values alone: nothing is assumed about their
    distribution. Ranks r and n+1-r enclose the median with 1 - 2 P(B(n, 1/2) < r). With fewer
    than six values no rank gives 95 %, and the answer is their whole range."""
    ordered = sorted(values)
    count = len(ordered)
    rank = 1
    while rank + 1 <= count // 2 and _enclosed(count, rank + 1) >= confidence:
        rank += 1
    return ordered[rank - 1], ordered[count - rank]


def _enclosed(count, rank):
    below = sum(math.comb(count, k) for k in range(rank)) / 2**count
    return 1 - 2 * below


def ratios(ours, theirs):
    """Pair by pair: the two were measured one after the other, in the same alternation."""
    return [a / b for a, b in zip(ours, theirs)]


NOISE = 0.03


def verdict(value, target):
    """`pass` at the target or under it, `noise` within 3 % above it, else `miss`."""
    if target is None or value is None:
        return ""
    if value <= target:
        return "pass"
    return "noise" if value <= target * (1 + NOISE) else "miss"
