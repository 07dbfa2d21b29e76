"""The meter against itself: what it notices with a plan says as much as all that it can write down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.simcore.metering import Meter, OwnCost
from weft.simcore.origins import MAIN, Origins
from weft.simcore.runner import PY
from weft.simcore.segment_table import NOTABLE_NS, Plan, Run, SegmentTable
from weft.simcore.sites import START, Sites
from weft.simcore.threads import VirtualThread
from weft.simcore.timed_lane import Lane

Steps = Sequence[tuple[int, int]]
"""Where segments of one thread end, and what each takes."""


class Numbered(Sites):
    """Places that are called by their numbers."""

    def number(self, frame: Any, call: str = "") -> int:
        return frame


class HandClock:
    """A stopwatch that is moved by hand; nothing disturbs it."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns

    def begin(self) -> None:
        return

    def close_look(self, elapsed_ns: int) -> tuple[int, int]:
        return elapsed_ns, 0


def metered(steps: Steps, plan: Plan | None = None, **options: Any) -> tuple[Meter, Lane]:
    """One thread that takes these steps."""
    clock: Any = HandClock()
    meter = Meter(Numbered(), Origins(), clock, plan=plan, **options)
    lane = Lane(VirtualThread(lambda: None, "t"))
    meter.enter(lane)
    for place, took_ns in steps:
        meter.resume(lane)
        clock.ns += took_ns
        frame: Any = place
        meter.cut(lane, frame)
    return meter, lane


def recorded(steps: Steps) -> Run:
    run = metered(steps, record=True)[0].run
    assert run is not None
    return run


def table_of(*runs: Steps) -> SegmentTable:
    found = SegmentTable(Numbered(), Origins())
    for steps in runs:
        found.add(recorded(steps))
    return found


places = st.integers(1, 3)
lengths = st.one_of(st.integers(0, 3_000), st.integers(NOTABLE_NS // 2, 4 * NOTABLE_NS), st.just(50 * NOTABLE_NS))
walks = st.lists(st.tuples(places, lengths), min_size=1, max_size=12)


@given(walks, walks, walks)
def test_what_is_noticed_is_as_strange_as_all_that_is_recorded(one: Steps, two: Steps, now: Steps) -> None:
    table = table_of(one, two)
    meter, _ = metered(now, table.medians(), notice=True)
    assert meter.run is None
    assert meter.noticed.total_ns == sum(ns for _, ns in now)
    assert table.strangeness_of(meter.noticed) == pytest.approx(table.strangeness(recorded(now)))


@given(walks, walks)
def test_noticing_changes_nothing_that_is_owed(planned: Steps, now: Steps) -> None:
    plan = table_of(planned).medians()
    owed = {mode: metered(now, plan, **{mode: True})[1].debt_ns for mode in ("notice", "record")}
    assert owed["notice"] == owed["record"] == metered(now, plan)[1].debt_ns


def test_short_segments_leave_no_trace_but_their_time() -> None:
    steps = [(1, 700), (2, NOTABLE_NS - 1)]
    meter, _ = metered(steps, table_of(steps).medians(), notice=True, own_cost=OwnCost(operation_ns=200))
    assert meter.noticed.segments == []
    assert meter.noticed.total_ns == 500 + NOTABLE_NS - 201


def test_a_long_segment_is_written_down_with_its_turn() -> None:
    steps = [(1, 10), (1, 20), (1, 30)]
    meter, _ = metered(
        [(1, 10), (1, 20), (1, 5 * NOTABLE_NS), (1, 6 * NOTABLE_NS)], table_of(steps).medians(), notice=True
    )
    place = 1 << 24 | 1
    assert meter.noticed.segments == [
        (MAIN, place, 1, (5 * NOTABLE_NS, 0)),
        (MAIN, place, -1, (6 * NOTABLE_NS, 0)),
    ], "the first way begins where the thread does; the last turn is one more than planned"
    assert START == 0


def test_python_takes_longer_in_another_interpreter() -> None:
    steps = [(1, 1_000), (2, 2_000)]
    plan = table_of(steps).medians()
    for options in ({"notice": True}, {"record": True}, {}):
        clock: Any = HandClock()
        meter = Meter(Numbered(), Origins(), clock, plan=plan, **options)
        meter.python_factor = 1.5
        lane = Lane(VirtualThread(lambda: None, "t"))
        meter.enter(lane)
        for place, _ in steps:
            frame: Any = place
            meter.cut(lane, frame)
        assert (lane.debt_ns, lane.debt_kind) == (4_500, PY)
