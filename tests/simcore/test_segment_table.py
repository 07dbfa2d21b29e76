"""Segment tables: medians, draws, what is strange, and the way through another process."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.simcore.origins import MAIN, Origins
from weft.simcore.segment_table import NOTABLE_NS, Plan, Run, SegmentTable, total_ns
from weft.simcore.sites import Site, Sites, edge

MS = 1_000_000
A, B = edge(1, 2), edge(2, 1)


def table(*runs: Run) -> SegmentTable:
    found = SegmentTable(Sites(), Origins())
    for run in runs:
        found.add(run)
    return found


def alone(*computed: int, way: int = A, origin: int = MAIN) -> Run:
    """One thread that went one way several times."""
    return {origin: {way: [(ns, 0) for ns in computed]}}


def planned(plan: Plan, origin: int = MAIN, way: int = A) -> list[int]:
    return [computed for computed, _ in plan.work(origin)[way]]


@given(st.lists(st.lists(st.integers(0, 10**9), min_size=3, max_size=3), min_size=1, max_size=7))
def test_every_segment_takes_the_median_of_its_own_samples(runs: list[list[int]]) -> None:
    plan = table(*(alone(*run) for run in runs)).medians()
    assert planned(plan) == [round(statistics.median(turn)) for turn in zip(*runs, strict=True)]


def test_waiting_has_a_median_of_its_own() -> None:
    plan = table({MAIN: {A: [(10, 500)]}}, {MAIN: {A: [(30, 100)]}}, {MAIN: {A: [(20, 300)]}}).medians()
    assert list(plan.work(MAIN)[A]) == [(20, 300)]


def test_turns_that_only_some_runs_had_take_the_median_of_those() -> None:
    plan = table(alone(10), alone(20, 70), alone(30, 90, 5)).medians()
    assert planned(plan) == [20, 80, 5]


def test_an_unknown_thread_takes_what_the_place_takes_elsewhere() -> None:
    plan = table(alone(10, 20), alone(40, 10)).medians()
    assert plan.work(7) == {}
    assert plan.elsewhere == {A: (15, 0)}


def test_draws_take_samples_of_the_segment_itself_and_are_the_same_for_a_seed() -> None:
    found = table(alone(*range(50)), alone(*range(100, 150)))
    drawn = planned(found.drawn("7/1"))
    assert all(value in (turn, 100 + turn) for turn, value in enumerate(drawn))
    assert drawn == planned(found.drawn("7/1"))
    assert drawn != planned(found.drawn("7/2"))
    assert {value >= 100 for value in drawn} == {True, False}


def test_a_repeated_run_keeps_what_its_segments_have_in_common() -> None:
    found = table(alone(1, 2), alone(3, 4))
    assert planned(found.repeated(1)) == [3, 4]
    assert found.repeated(1).elsewhere == found.medians().elsewhere


def test_a_plan_that_is_to_last_longer_is_stretched_evenly() -> None:
    plan = table(alone(100, 300)).medians()
    assert planned(plan.lasting(800)) == [200, 600]


def test_the_spread_is_that_of_whole_runs_and_of_single_draws() -> None:
    assert table(alone(5, 5), alone(5, 5)).spread_ns() == 0
    assert table(alone(1000, 0), alone(0, 1000)).spread_ns() == round(4 * (2 * 1000**2 / 12) ** 0.5)
    assert table(alone(1000), alone(3000)).spread_ns() == 2000 + round(4 * (2000**2 / 12) ** 0.5)


# What is strange.


def test_noise_is_not_strange_and_other_work_is() -> None:
    found = table(alone(MS, 4 * MS), alone(1_200_000, 4 * MS), alone(MS, 5 * MS))
    assert found.strangeness(alone(1_100_000, 4 * MS)) == 0
    swapped = alone(4 * MS, MS)
    assert found.strangeness(swapped) == pytest.approx((3 + 3) / 5), "both segments are 3 ms off, of 5 in all"


def test_short_segments_are_never_asked() -> None:
    found = table(alone(100), alone(100))
    assert found.strangeness(alone(NOTABLE_NS - 1)) == 0
    assert found.strangeness(alone(NOTABLE_NS)) > 0


def test_a_segment_without_samples_is_held_against_its_place() -> None:
    found = table(alone(MS, 9 * MS), alone(MS, 9 * MS))
    assert found.strangeness(alone(5 * MS, origin=3)) == 0
    assert found.strangeness(alone(50 * MS, origin=3)) == pytest.approx(45 / 50)
    assert found.strangeness(alone(MS, way=B)) == 1


def test_waiting_counts_like_computing() -> None:
    found = table({MAIN: {A: [(10, 2 * MS)]}})
    assert found.strangeness({MAIN: {A: [(10, 2 * MS)]}}) == 0
    assert found.strangeness({MAIN: {A: [(10, 0)]}}) > 1


def test_how_strange_runs_look_to_each_other_is_the_noise() -> None:
    assert table(alone(MS), alone(MS)).noise() == 0
    assert table(alone(MS)).noise() == 0, "a single run has nobody to differ from"
    assert table(alone(MS), alone(MS), alone(10 * MS)).noise() == pytest.approx(9 / 10)


def test_heavy_segments_are_added_up_by_edge() -> None:
    found = table({MAIN: {A: [(MS, 0), (10, 0)], B: [(10, 0)]}}, {4: {A: [(2 * MS, 0)]}})
    assert found.heavy(1000) == {A: 3 * MS}
    assert found.total_ns(0) == MS + 20


def test_scaling_multiplies_all_samples_of_an_edge() -> None:
    found = table({MAIN: {A: [(100, 10)], B: [(100, 0)]}}).scaled({A: 0.5})
    assert found.runs == [{MAIN: {A: [(50, 5)], B: [(100, 0)]}}]


def test_a_table_goes_through_another_process() -> None:
    sites, origins = Sites(), Origins()
    begin, end = (sites.add(Site("a.py", "f", 1, line, (0, 9))) for line in (2, 3))
    item = origins.item(origins.thread(MAIN, 1), 1)
    found = SegmentTable(sites, origins)
    found.add({MAIN: {edge(begin, end): [(1, 2), (3, 4)]}, item: {edge(end, begin): [(5, 6)]}})
    found.free = {edge(begin, end): 0.5}

    there, others = Sites(), Origins()
    there.add(Site("b.py", "g", 1, 1, (0, 1)))
    others.item(MAIN, 1)
    again = SegmentTable.decode(found.encode(), there, others)
    begin, end = (there.add(Site("a.py", "f", 1, line, (0, 9))) for line in (2, 3))
    item = others.item(others.thread(MAIN, 1), 1)
    assert again.runs == [{MAIN: {edge(begin, end): [(1, 2), (3, 4)]}, item: {edge(end, begin): [(5, 6)]}}]
    assert again.free == {edge(begin, end): 0.5}


def test_a_table_of_nothing_plans_nothing() -> None:
    empty = table()
    assert empty.medians().work(MAIN) == {}
    assert empty.spread_ns() == 0
    assert total_ns({}) == 0
