"""Limits: what a prediction admits, each sentence once and with its worst case."""

from __future__ import annotations

from typing import Any

import pytest

from weft.simcore.limits import of_assumptions, of_measuring
from weft.simcore.measuring import Measured, Predicted
from weft.simcore.origins import Origins
from weft.simcore.predicted import Configuration
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.segment_table import Plan, SegmentTable
from weft.simcore.segments import UNSEEN
from weft.simcore.simulator import Simulated
from weft.simcore.sites import START, Site, Sites, edge
from weft.simcore.timed import TimedWorld
from weft.simcore.timed_record import TimedRun

RUN: TimedRun = TimedWorld(cores=1, measure=False).run(lambda: None)
SITES = Sites()


def point(strangeness: float = 0.0, **values: Any) -> Predicted:
    table = SegmentTable(SITES, Origins())
    return Predicted(Measured(None, table, Plan({}), **values), table, None, Simulated(RUN, {}), strangeness)


def way(*lines: int) -> int:
    begin, end = (SITES.add(Site("train.py", "f", 1, line, (0, 1))) for line in lines)
    return edge(begin, end)


def test_nothing_measured_says_nothing() -> None:
    assert of_measuring([]) == []
    assert of_measuring([point()]) == []


def test_what_was_probed_takes_the_place_of_what_was_not_seen() -> None:
    assert of_measuring([point(limits=[UNSEEN, "another"])]) == [UNSEEN, "another"]
    places = {way(3, 9): 1.0, way(9, 9): 0.4, way(2, 2): 0.0}
    (said,) = of_measuring([point(limits=[UNSEEN], probed=places)])
    assert "free at train.py:3-9 (100 %), train.py:9 (40 %); held at train.py:2; shorter" in said


def test_many_places_are_counted() -> None:
    (said,) = of_measuring([point(probed={way(line, line): 0.0 for line in range(10, 20)})])
    assert "held at train.py:10, train.py:11, train.py:12, train.py:13 and 6 more;" in said


def test_places_of_threads_and_across_files() -> None:
    other = SITES.add(Site("net.py", "g", 1, 4, (0, 1)))
    here = SITES.add(Site("train.py", "f", 1, 7, (0, 1)))
    (said,) = of_measuring([point(probed={edge(START, here): 1.0, edge(here, other): 1.0})])
    assert "free at train.py:7 (100 %), train.py:7 to net.py:4 (100 %);" in said


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"disturbance": 0.5}, "from a core for up to 50 % of a run: that was taken off"),
        ({"native_share": 0.8}, "computed for 80 % of the time beside the program's own"),
        ({"strangeness": 0.3}, "with medians up to 30 % of the time would be other work"),
        ({"negligible": True}, "takes less than 0.2 % of the time and was left out"),
    ],
)
def test_the_worst_case_counts(values: dict[str, Any], says: str) -> None:
    (said,) = of_measuring([point(), point(**values)])
    assert says in said


def test_segments_without_samples_are_a_share_of_the_operations() -> None:
    from weft.simcore.metering import Meter

    from .hand_clock import HandClock

    found = point()
    found.made.meter = Meter(SITES, Origins(), HandClock(), plan=Plan({}))
    found.made.meter.unplanned = RUN.operations // 2
    (said,) = of_measuring([found])
    assert (
        said
        == "up to 50 % of the segments were not measured in that work and turn: they took the median of their place"
    )


def test_assumptions() -> None:
    gil, free = Configuration({}, 1, True), Configuration({}, 1, False)
    assert of_assumptions([gil], IDEAL, measured=True) == []
    assert of_assumptions([gil, free], IDEAL, measured=False) == []
    (said,) = of_assumptions([gil, free], IDEAL, measured=True)
    assert said == "without the GIL, Python code is taken to be as fast as with it; its new contention is not modelled"
    slower, default = of_assumptions([free], Profile(), measured=False)
    assert "1.1 times slower; its new contention is not modelled" in slower
    assert "weft calibrate" in default
