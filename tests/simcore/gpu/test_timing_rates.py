"""Water filling against bisection, shares, and work whose rate changes."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from weft.simcore.gpu.timing_rates import FULL, ONE, Phase, Work, shares_of, water_fill


def by_bisection(demands: list[int], capacity: int) -> list[float]:
    """The level up to which everybody is filled: the sum grows with it, so look for where it meets the capacity."""
    low, high = 0.0, float(max(demands, default=0))
    if sum(demands) <= capacity:
        low = high
    for _ in range(200):
        level = (low + high) / 2
        low, high = (level, high) if sum(min(demand, level) for demand in demands) <= capacity else (low, level)
    return [min(demand, low) for demand in demands]


@given(st.lists(st.integers(0, 10**15), max_size=40), st.integers(1, 10**16))
def test_water_filling_against_bisection(demands: list[int], capacity: int) -> None:
    found = water_fill(demands, capacity)
    assert sum(found) <= capacity
    assert all(0 <= got <= demand for got, demand in zip(found, demands, strict=True))
    slack = len(demands) + capacity * 1e-12
    assert all(abs(a - b) <= slack for a, b in zip(found, by_bisection(demands, capacity), strict=True))


@given(st.integers(1, 32))
def test_parts_are_exact(parts: int) -> None:
    assert shares_of(1 / parts) * parts == shares_of(Fraction(1, parts)) * parts == FULL == shares_of(1)


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 40)), min_size=1, max_size=30), st.integers(0, 20_000))
def test_changing_rates_lose_no_work(changes: list[tuple[int, int]], length: int) -> None:
    """After each stretch of so many nanoseconds, another rate of n/40; then 1 to the end."""
    work = Work(None, [Phase(length * ONE)])
    now = 0
    left = Fraction(length)
    for stretch, parts in changes:
        work.go(ONE * parts // 40, now)
        assert work.ends_ns is not None
        if work.ends_ns <= now + stretch:
            assert abs(now + left * 40 / parts - work.ends_ns) <= Fraction(501, 1000)
            return
        left -= Fraction(stretch * parts, 40)
        now += stretch
    work.go(ONE, now)
    assert work.ends_ns is not None
    assert abs(now + left - work.ends_ns) <= Fraction(501, 1000)


def test_phases_carry_what_rounding_left() -> None:
    """Three phases of 1 ns at 2/3: 4.5 ns, and not three times 2."""
    work = Work(None, [Phase(ONE), Phase(ONE), Phase(ONE)])
    now = 0
    while True:
        work.go(2 * ONE // 3, now)
        assert work.ends_ns is not None
        now = work.ends_ns
        if not work.next_phase(now):
            break
    assert now == 5
