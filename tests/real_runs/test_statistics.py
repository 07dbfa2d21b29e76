"""The statistics against brute force: definitions spelled out slowly, on samples that Hypothesis draws."""

from __future__ import annotations

import itertools
import random
import statistics as standard

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.real_runs import statistics

VALUES = st.floats(min_value=1e-6, max_value=1e6)
SAMPLES = st.lists(VALUES, min_size=1, max_size=30)


@settings(deadline=None)
@given(SAMPLES)
def test_median_is_the_standard_one(samples: list[float]) -> None:
    assert statistics.median(samples) == pytest.approx(standard.median(samples))


@settings(deadline=None)
@given(SAMPLES)
def test_interval_encloses_only_what_was_measured(samples: list[float]) -> None:
    low, high = statistics.bootstrap_interval(samples, resamples=200)
    assert min(samples) <= low <= high <= max(samples)


@settings(deadline=None)
@given(SAMPLES, st.integers(0, 5))
def test_interval_is_repeatable(samples: list[float], seed: int) -> None:
    first = statistics.bootstrap_interval(samples, seed=seed, resamples=100)
    assert first == statistics.bootstrap_interval(samples, seed=seed, resamples=100)


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=4))
def test_interval_is_that_of_all_resamples(samples: list[float]) -> None:
    """With few samples every resample can be written down: n^n of them, all equally likely."""
    medians = sorted(standard.median(chosen) for chosen in itertools.product(samples, repeat=len(samples)))
    low, high = statistics.bootstrap_interval(samples, level=0.5, resamples=4000)
    count = len(medians)
    # 4000 draws place a quantile within 3 % of the exact distribution: five standard deviations.
    assert medians[max(int(count * 0.22) - 1, 0)] - 1e-9 <= low <= medians[min(int(count * 0.28) + 1, count - 1)] + 1e-9
    assert (
        medians[max(int(count * 0.72) - 1, 0)] - 1e-9 <= high <= medians[min(int(count * 0.78) + 1, count - 1)] + 1e-9
    )


def test_interval_covers_the_true_median_as_often_as_it_says() -> None:
    generator = random.Random(7)
    covered = 0
    for trial in range(200):
        samples = [generator.gauss(10, 2) for _ in range(25)]
        low, high = statistics.bootstrap_interval(samples, seed=trial, resamples=400)
        covered += low <= 10 <= high
    # 95 % of 200 is 190 with a standard deviation of 3; the percentile interval of a median is a little wide.
    assert covered >= 178


@settings(deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=20))
def test_paired_ratio_is_the_median_of_the_ratios(pairs: list[tuple[float, float]]) -> None:
    result = statistics.paired_ratio([a for a, _ in pairs], [b for _, b in pairs])
    assert result.median == pytest.approx(standard.median(a / b for a, b in pairs))
    assert result.low <= result.high
    assert result.n == len(pairs)


def test_pairing_cancels_what_a_whole_block_suffered() -> None:
    slowdown = [1.0, 3.0, 1.5, 10.0, 1.1]
    result = statistics.paired_ratio([2.0 * factor for factor in slowdown], [1.0 * factor for factor in slowdown])
    assert (result.low, result.median, result.high) == (2.0, 2.0, 2.0)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_relative_error_has_the_sign_of_the_prediction(predicted: float, measured: float) -> None:
    error = statistics.relative_error(predicted, measured)
    assert 1 + error == pytest.approx(predicted / measured, abs=1e-12)
    assert (error > 0) == (predicted / measured > 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=8))
def test_sign_right_counts_pairs_as_kendall_does(rows: list[tuple[int, int]]) -> None:
    pairs = [(a, b) for a, b in itertools.combinations(rows, 2) if a[1] != b[1]]
    expected = [(a[0] - b[0]) * (a[1] - b[1]) > 0 for a, b in pairs]
    found = statistics.sign_right([row[0] for row in rows], [row[1] for row in rows])
    assert found == (sum(expected) / len(expected) if expected else None)


def test_pairs_that_measurements_cannot_tell_apart_do_not_count() -> None:
    assert statistics.sign_right([1, 2], [2, 1], [(0.5, 3), (0.5, 3)]) is None
    assert statistics.sign_right([1, 2], [1.00, 1.01], tolerance=0.02) is None
    assert statistics.sign_right([1, 2], [1.00, 1.03], tolerance=0.02) == 1.0


def test_a_predicted_tie_is_wrong_when_reality_tells_them_apart() -> None:
    assert statistics.sign_right([1, 1], [1, 2]) == 0.0


RANKS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


@settings(deadline=None)
@given(RANKS)
def test_tau_is_the_correlation_of_the_signs_of_all_differences(rows: list[tuple[int, int]]) -> None:
    """Tau-b by its other definition: the cosine between two vectors of signs, one entry for each ordered pair."""
    pairs = list(itertools.permutations(rows, 2))
    one = [standard_sign(a[0] - b[0]) for a, b in pairs]
    two = [standard_sign(a[1] - b[1]) for a, b in pairs]
    lengths = sum(map(abs, one)) * sum(map(abs, two))
    found = statistics.kendall_tau([row[0] for row in rows], [row[1] for row in rows])
    if lengths == 0:
        assert found is None
    else:
        assert found == pytest.approx(sum(a * b for a, b in zip(one, two, strict=True)) / lengths**0.5)


def standard_sign(value: int) -> int:
    return 0 if value == 0 else value // abs(value)


def test_tau_of_published_rankings() -> None:
    """The example with ties of SciPy's page on ``kendalltau``, and both ends of the scale."""
    assert statistics.kendall_tau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]) == pytest.approx(-0.47140452079103173)
    assert statistics.kendall_tau([1, 2, 3], [10, 20, 30]) == 1.0
    assert statistics.kendall_tau([1, 2, 3], [3, 2, 1]) == -1.0


@settings(deadline=None)
@given(SAMPLES, st.floats(0.01, 1))
def test_a_percentile_is_the_first_value_that_enough_do_not_exceed(samples: list[float], share: float) -> None:
    enough = [value for value in samples if sum(other <= value for other in samples) >= share * len(samples)]
    assert statistics.percentile(samples, share) == min(enough)


@settings(deadline=None)
@given(st.lists(st.lists(VALUES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_a_clustered_interval_draws_whole_groups(groups: list[list[float]]) -> None:
    """With few groups every draw can be written down; the ends of the interval are medians of such draws."""
    possible = {
        standard.median([value for group in drawn for value in group])
        for drawn in itertools.product(groups, repeat=len(groups))
    }
    for end in statistics.clustered_interval(groups, resamples=200):
        assert any(end == pytest.approx(value) for value in possible)


def test_values_that_always_come_together_widen_the_interval() -> None:
    apart = statistics.clustered_interval([[value] for value in [0.0, 1.0] * 10])
    together = statistics.clustered_interval([[0.0] * 10, [1.0] * 10])
    assert together == (0.0, 1.0)
    assert together[1] - together[0] >= apart[1] - apart[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.median([]), "no samples"),
        (lambda: statistics.bootstrap_interval([]), "no samples"),
        (lambda: statistics.bootstrap_interval([1.0], level=95), "between 0 and 1"),
        (lambda: statistics.paired_ratio([1.0], []), "cannot be paired"),
        (lambda: statistics.paired_ratio([1.0], [0.0]), "divides by zero"),
        (lambda: statistics.relative_error(1, 0), "measurement of zero"),
        (lambda: statistics.sign_right([1], []), "as many"),
        (lambda: statistics.kendall_tau([1], []), "as many"),
        (lambda: statistics.percentile([], 0.9), "no values"),
        (lambda: statistics.percentile([1.0], 0), "above 0"),
        (lambda: statistics.clustered_interval([[]]), "at least one group"),
        (lambda: statistics.clustered_interval([[1.0]], level=2), "between 0 and 1"),
    ],
)
def test_bad_input_is_named(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()
