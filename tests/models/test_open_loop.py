"""Open-loop arrivals: waiting times are Lindley's to the nanosecond, saturation is the work bound; and for real."""

from __future__ import annotations

from itertools import pairwise

import pytest

from weft.models import computing, open_loop
from weft.simcore.prediction import request_latencies

from .conftest import Simulate


def latencies_ns(workers: int, requests: int, rate: float, units: int, seed: int) -> list[int]:
    """How long each request is there, first come, first served (Kiefer and Wolfowitz 1955; Lindley 1952 for one)."""
    free_at = [0] * workers
    found: list[int] = []
    for due, length in zip(
        open_loop.arrivals(requests, rate, seed), open_loop.lengths(requests, units, seed), strict=True
    ):
        came_ns = round(due * 1e9)
        free_at.sort()
        free_at[0] = max(free_at[0], came_ns) + length * 1_000_000
        found.append(free_at[0] - came_ns)
    return found


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_latencies_are_those_of_first_come_first_served(simulate: Simulate, workers: int, seed: int) -> None:
    sizes = {"workers": workers, "requests": 200, "rate": 150.0, "units": 10, "seed": seed}
    marks = simulate(open_loop.run, **sizes).run.marks
    found = request_latencies(sorted(marks, key=lambda mark: int(mark.text.split()[2])))
    # A nanosecond for each of due, early and begun, which are rounded one by one.
    assert found == pytest.approx([latency / 1e9 for latency in latencies_ns(**sizes)], abs=4e-9 * 200)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_above_saturation_the_work_decides_and_below_it_the_timetable(simulate: Simulate, workers: int) -> None:
    sizes = {"workers": workers, "requests": 300, "units": 10}
    work = sum(open_loop.lengths(300, 10, 0))
    overloaded = simulate(open_loop.run, rate=2 * workers * 100.0, **sizes).units
    assert work / workers <= overloaded <= 1.1 * work / workers
    idle = simulate(open_loop.run, rate=0.2 * workers * 100.0, **sizes).units
    last = open_loop.arrivals(300, 0.2 * workers * 100.0, 0)[-1] * 1000
    assert last <= idle <= 1.1 * last


def test_means_are_what_was_asked_for() -> None:
    """Ten thousand of each: the standard error of a mean of exponentials is 1 % of it."""
    assert sum(open_loop.lengths(10_000, 40, 5)) / 10_000 == pytest.approx(40, rel=0.04)
    times = open_loop.arrivals(10_000, 200.0, 5)
    assert times[-1] == pytest.approx(50, rel=0.04)
    assert all(earlier <= later for earlier, later in pairwise(times))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_answers_do_not_depend_on_the_workers(workers: int) -> None:
    expected = [computing.derive(number, length) for number, length in enumerate(open_loop.lengths(6, 1, 3))]
    assert open_loop.run(workers=workers, requests=6, rate=1e6, units=1, seed=3) == expected


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_of_nothing_is_refused(rate: int) -> None:
    with pytest.raises(ValueError, match=f"^rate={rate}: requests per second must be more than 0"):
        open_loop.run(rate=rate)
