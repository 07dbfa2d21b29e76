"""The statistics of measurements: medians, bootstrap intervals, paired ratios, signed errors, directions.

Plain functions on sequences of numbers; they know nothing of programs, traces or machines.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 2000
"""Bootstrap repetitions: the 2.5 % point then rests on 50 of them, and 30 samples take about 2 ms."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median with its confidence interval, from ``n`` samples; all in the unit of the samples."""

    median: float
    low: float
    high: float
    n: int


def median(samples: Sequence[float]) -> float:
    """The middle value; of an even number, the mean of the two in the middle.

    Raises:
        ValueError: no samples.
    """
    if not samples:
        raise ValueError("the median of no samples is not defined; give at least one")
    ordered = sorted(samples)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    # Halved before adding: the sum of two large values may not be representable.
    return ordered[middle - 1] / 2 + ordered[middle] / 2


def bootstrap_interval(
    samples: Sequence[float], level: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The percentile bootstrap interval of the median (Efron 1979): resample with replacement, take the quantiles.

    The same samples, level and seed give the same interval. One sample gives an interval of width zero: it says
    nothing about spread, so read ``n`` beside it.

    Raises:
        ValueError: no samples, or a level that is not between 0 and 1.
    """
    import numpy as np

    if not samples:
        raise ValueError("an interval of no samples is not defined; give at least one")
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; a confidence level lies between 0 and 1, such as 0.95")
    values = np.asarray(samples, dtype=float)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(values), size=(resamples, len(values)))
    medians = np.median(values[drawn], axis=1)
    low, high = np.quantile(medians, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return float(low), float(high)


def estimate(samples: Sequence[float], level: float = 0.95, seed: int = 0) -> Estimate:
    """Median and bootstrap interval of ``samples``.

    Raises:
        ValueError: as :func:`bootstrap_interval`.
    """
    low, high = bootstrap_interval(samples, level, seed)
    return Estimate(median(samples), low, high, len(samples))


def paired_ratio(before: Sequence[float], after: Sequence[float], level: float = 0.95, seed: int = 0) -> Estimate:
    """The median of ``before[i] / after[i]`` with its interval: the speedup, when both are times of one block.

    Pairing cancels what a whole block suffered (another program's load); the ratio of the medians does not.

    Raises:
        ValueError: different lengths, no pairs, or a divisor of zero.
    """
    if len(before) != len(after):
        raise ValueError(f"{len(before)} values cannot be paired with {len(after)}; give as many of each")
    if any(value == 0 for value in after):
        raise ValueError("a paired ratio divides by zero; leave out blocks that took no time")
    return estimate([a / b for a, b in zip(before, after, strict=True)], level, seed)


def relative_error(predicted: float, measured: float) -> float:
    """``predicted / measured - 1``: positive when the prediction was too slow.

    Raises:
        ValueError: ``measured`` is zero.
    """
    if measured == 0:
        raise ValueError("an error relative to a measurement of zero is not defined")
    return predicted / measured - 1


def sign_right(
    predicted: Sequence[float],
    measured: Sequence[float],
    intervals: Sequence[tuple[float, float]] | None = None,
    tolerance: float = 0.0,
) -> float | None:
    """The share of pairs of configurations whose order was predicted right, as in Kendall's tau; None when no pair
    counts (:func:`directions`).

    Raises:
        ValueError: the sequences differ in length.
    """
    right, counted = directions(predicted, measured, intervals, tolerance)
    return right / counted if counted else None


def directions(
    predicted: Sequence[float],
    measured: Sequence[float],
    intervals: Sequence[tuple[float, float]] | None = None,
    tolerance: float = 0.0,
) -> tuple[int, int]:
    """How many pairs were predicted in the right order, and how many have one.

    A pair has one when the measurements tell the two apart: they differ by more than the share ``tolerance`` of the
    larger, and their intervals (when given) do not overlap. A predicted tie of such a pair is wrong.

    Raises:
        ValueError: the sequences differ in length.
    """
    if len(predicted) != len(measured) or (intervals is not None and len(intervals) != len(measured)):
        raise ValueError("predictions, measurements and intervals must be as many")
    right = counted = 0
    for i in range(len(measured)):
        for j in range(i):
            apart = abs(measured[i] - measured[j]) > tolerance * max(abs(measured[i]), abs(measured[j]))
            if not apart or (intervals is not None and _overlap(intervals[i], intervals[j])):
                continue
            counted += 1
            right += (predicted[i] > predicted[j]) == (measured[i] > measured[j]) and predicted[i] != predicted[j]
    return right, counted


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return max(one[0], other[0]) <= min(one[1], other[1])


def largest_magnitude(values: Sequence[float]) -> float:
    """The largest absolute value; NaN when there is none."""
    return max((abs(value) for value in values), default=math.nan)


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The rank correlation tau-b (Kendall 1945): 1 for one order, -1 for the opposite one; ties are corrected for.

    None with fewer than two values, or when one of the sequences is all ties: there is no order to compare.

    Raises:
        ValueError: the sequences differ in length.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values cannot be ranked beside {len(second)}; give as many of each")
    agreement = 0
    for i in range(len(first)):
        for j in range(i):
            agreement += _sign(first[i] - first[j]) * _sign(second[i] - second[j])
    pairs = _pairs(len(first))
    apart_first, apart_second = pairs - _ties(first), pairs - _ties(second)
    return agreement / math.sqrt(apart_first * apart_second) if apart_first and apart_second else None


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _ties(values: Sequence[float]) -> int:
    """How many pairs are equal."""
    return sum(_pairs(count) for count in Counter(values).values())


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that at least ``share`` of all do not exceed.

    Raises:
        ValueError: no values, or a share that is not above 0 and at most 1.
    """
    if not values:
        raise ValueError("a percentile of no values is not defined; give at least one")
    if not 0 < share <= 1:
        raise ValueError(f"share is {share!r}; a percentile lies above 0 and at 1 at most, such as 0.9")
    return float(sorted(values)[math.ceil(share * len(values)) - 1])


def clustered_interval(
    groups: Sequence[Sequence[float]], level: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The bootstrap interval of the median of all values, with whole groups drawn instead of values.

    Values of one group (the configurations of one workload) are not independent; an interval that drew them one by one
    would be too narrow (Davison and Hinkley 1997, section 3.8).

    Raises:
        ValueError: no groups, an empty one, or a level that is not between 0 and 1.
    """
    if not groups or not all(groups):
        raise ValueError("an interval needs at least one group, and values in each")
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; a confidence level lies between 0 and 1, such as 0.95")
    generator = random.Random(seed)
    medians = sorted(
        median([value for group in generator.choices(groups, k=len(groups)) for value in group])
        for _ in range(resamples)
    )
    return percentile(medians, (1 - level) / 2), percentile(medians, (1 + level) / 2)
