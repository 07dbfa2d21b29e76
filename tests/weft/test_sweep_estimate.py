"""How long a sweep will take: told from numbers, on a clock turned by hand."""

from __future__ import annotations

import pytest

from weft.simcore.prediction import Configuration
from weft.sweep_estimate import ASK_FROM_S, SweepError, Watch, expected, spoken

SWEEP = [Configuration({"workers": workers}, cores, True) for workers in (1, 2, 4) for cores in (1, 2, 4, 8)]


class Clock:
    """Told what time it is."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def at(self, elapsed: float) -> None:
        self.now = 100.0 + elapsed


def test_measuring_is_not_shared_out_and_simulating_is() -> None:
    assert expected(SWEEP, 5, 2.0, 1) == 2 * (3 * 5 + 12 * 5)
    assert expected(SWEEP, 5, 2.0, 4) == 2 * (3 * 5 + 12 * 5 / 4)
    assert expected(SWEEP[:1], 1, 0.5, 1) == 0.5 * (1 + 5)
    assert expected(SWEEP * 3, 5, 2.0, 1) == 2 * (3 * 5 + 36), "a large sweep has few intervals"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (10, "about 1 min"),
        (601, "about 10 min"),
        (3540, "about 59 min"),
        (7500, "about 2 h 5 min"),
        (86_400, "about 24 h 0 min"),
        (3 * 86_400 + 5000, "about 3 days"),
    ],
)
def test_times_are_spoken_plainly(seconds: float, text: str) -> None:
    assert spoken(seconds) == text


def test_a_long_sweep_is_stopped_after_its_first_run_with_the_estimate() -> None:
    clock = Clock()
    told: list[tuple[int, int]] = []
    watch = Watch(SWEEP, 5, progress=lambda *now: told.append(now), clock=clock)
    clock.at(26)
    with pytest.raises(SweepError) as caught:
        watch.saw({"done": 1, "total": 27})
    assert str(caught.value) == (
        "the sweep would take about 16 min: 12 configurations, and a run takes 13 s; add --yes to make it, or ask for "
        "fewer values, a smaller program or a smaller --repeat"
    )
    assert told == [(1, 27)]


def test_the_start_of_the_child_is_no_run() -> None:
    many = [Configuration({}, cores, True) for cores in range(1, 2000)]
    clock = Clock()
    quick, slow = Watch(many, 5, clock=clock), Watch(many, 5, clock=clock)
    clock.at(1.9)
    quick.saw({"done": 1, "total": 2004})
    slow.saw({"done": 1, "total": 2004})
    clock.at(2.2)
    quick.saw({"done": 31, "total": 2004})
    clock.at(2.3)
    with pytest.raises(SweepError, match=r"about 13 min: 1999 configurations, and a run takes 0\.4 s"):
        slow.saw({"done": 2, "total": 2004})


def test_nobody_is_asked_twice_or_late_or_about_short_sweeps() -> None:
    clock = Clock()
    Watch(SWEEP, 5, yes=True, clock=clock).saw({"done": 1, "total": 27})
    late = Watch(SWEEP, 5, clock=clock)
    clock.at(61)
    late.saw({"done": 1, "total": 27})
    short = Watch(SWEEP, 5, clock=clock)
    clock.at(61 + 2 * ASK_FROM_S / (3 * 5 + 12 * 5) - 0.1)
    short.saw({"done": 1, "total": 27})
    short.saw({"done": 0, "total": 27})
