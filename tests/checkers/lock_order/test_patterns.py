"""Cycles of lock dependencies: which are patterns, why others are not, and that the search is bounded and says so."""

from __future__ import annotations

import itertools

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.checkers.lock_order import patterns
from weft.checkers.lock_order.dependencies import Dependency, Instance, life_of, surviving, thread_of_life
from weft.checkers.lock_order.patterns import search


def wants(thread: int, lock: int, *held: int, shared: bool = False, timed: bool = False, event: int = 0) -> Dependency:
    """``thread`` wants ``lock`` while it holds ``held``; a negative number stands for holding it shared."""
    locks = frozenset((abs(lock), lock < 0) for lock in held)
    return Dependency(thread, lock, shared, timed, locks, [Instance(event, 0, "acquire", ())])


def ring(*locks: int, thread: int = 1) -> list[Dependency]:
    """A thread for each lock, which wants the next one."""
    return [
        wants(thread + number, wanted, held)
        for number, (held, wanted) in enumerate(zip(locks, (*locks[1:], locks[0]), strict=True))
    ]


def outcome(*found: Dependency, length_max: int = 4) -> list[tuple[tuple[int, ...], int, str]]:
    return [(cycle.locks, len(cycle.patterns), cycle.rejected) for cycle in search([*found], length_max).cycles]


def test_reasons() -> None:
    assert outcome(wants(1, 2, 1), wants(2, 1, 2)) == [((1, 2), 1, "")]
    assert outcome(wants(1, 2, 1), wants(1, 1, 2)) == [((1, 2), 0, "same thread")]
    assert outcome(wants(1, 2, 1, 9), wants(2, 1, 2, 9)) == [((1, 2), 0, "gate")]
    assert outcome(wants(1, 2, 1, -9), wants(2, 1, 2, -9)) == [((1, 2), 1, "")]
    assert outcome(wants(1, 2, 1, -9), wants(2, 1, 2, 9)) == [((1, 2), 0, "gate")]
    assert outcome(wants(1, 2, 1, timed=True), wants(2, 1, 2)) == [((1, 2), 0, "timed")]
    assert outcome(wants(1, 2, -1), wants(2, 1, 2, shared=True)) == [((1, 2), 0, "readers")]
    assert outcome(wants(1, 2, 1), wants(2, 1, 2, shared=True)) == [((1, 2), 1, "")]


def test_one_way_without_the_gate_is_enough() -> None:
    """Thread 1 takes 1 and 2 with the gate and without: only the second counts, and a time-out elsewhere is no matter."""
    assert outcome(wants(1, 2, 1, 9), wants(1, 2, 1), wants(2, 1, 2, 9), wants(1, 2, 1, timed=True)) == [
        ((1, 2), 1, "")
    ]


def test_instances_of_one_thread_come_in_the_order_of_the_trace_and_untimed() -> None:
    rows = [wants(1, 2, 1, 8, event=5), wants(1, 2, 1, event=3), wants(1, 2, 1, 7, event=4, timed=True)]
    (cycle,) = search([*rows, wants(2, 1, 2)], 4).cycles
    ((first, _),) = cycle.patterns
    assert [instance.event for instance in first.instances] == [3, 5]


def test_every_choice_of_threads_is_a_pattern_of_its_own() -> None:
    found = [wants(thread, 2, 1) for thread in (1, 2)] + [wants(thread, 1, 2) for thread in (2, 3)]
    assert outcome(*found) == [((1, 2), 3, "")], "1-2, 1-3 and 2-3, but not 2-2"


def test_what_is_in_no_cycle_falls_away() -> None:
    pair = ring(1, 2)
    assert surviving([*pair, wants(1, 3, 2), wants(3, 1, 5), wants(3, 4, 3)]) == pair


def test_lives_are_numbers_below_all_objects() -> None:
    assert [thread_of_life(life_of(thread)) for thread in range(4)] == [0, 1, 2, 3]
    assert max(life_of(thread) for thread in range(4)) < -1


@pytest.mark.parametrize("limit", ["CYCLES_MAX", "PATTERNS_MAX", "CHOICES_MAX"])
def test_a_search_cut_short_says_so(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [wants(10 * a + b, b, a) for a, b in itertools.permutations(range(1, 6), 2)]
    found += [wants(200 + 10 * a + b, b, a) for a, b in itertools.permutations(range(1, 6), 2)]
    assert not search(found, 3).cut_short
    monkeypatch.setattr(patterns, limit, 2)
    assert search(found, 3).cut_short


@pytest.mark.parametrize("locks", [5, 8, 40])
def test_a_ring_is_found_however_long(locks: int) -> None:
    whole = search(ring(*range(locks)))
    assert [len(cycle.locks) for cycle in whole.cycles] == [locks]
    assert (whole.cut_short, whole.longest) == (False, None)


def test_no_deadlock_is_longer_than_there_are_threads() -> None:
    """Two threads take twelve locks in a ring: nothing beyond the lengths that are searched anyhow is looked at."""
    found = [wants(number % 2, row.lock, *row.locks) for number, row in enumerate(ring(*range(12)))]
    assert (search(found).cycles, search(found).longest) == ([], None)


def test_the_search_for_long_cycles_ends_and_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every one of 9 locks is taken under every other: 960 cycles of up to 4 locks, some 125,000 in all."""
    found = [wants(10 * a + b, b, a) for a, b in itertools.permutations(range(9), 2)]
    monkeypatch.setattr(patterns, "WORK_MAX", 2_000)
    whole = search(found)
    assert whole.longest == 4
    assert len([cycle for cycle in whole.cycles if len(cycle.locks) < 5]) == 36 + 168 + 756
    assert 0 < len([cycle for cycle in whole.cycles if len(cycle.locks) > 4]) < 200
    assert search(found, 3).longest == 3


def test_a_ring_beside_a_thicket_is_found() -> None:
    """What makes one part of the lock graph dear is no reason to miss a ring in another."""
    thicket = [wants(100 + 10 * a + b, b, a) for a, b in itertools.permutations(range(100, 106), 2)]
    cycles = search([*thicket, *ring(*range(6))]).cycles
    assert tuple(range(6)) in {cycle.locks for cycle in cycles}


@given(
    st.sets(st.tuples(st.integers(1, 6), st.integers(1, 6)).filter(lambda edge: edge[0] != edge[1]), max_size=16),
    st.sampled_from([2, 4, 5, None]),
)
def test_the_cycles_are_those_of_the_lock_graph(edges: set[tuple[int, int]], length_max: int | None) -> None:
    """Every edge by a thread of its own, so that each cycle is a pattern; networkx enumerates them independently."""
    found = [wants(thread, wanted, held) for thread, (held, wanted) in enumerate(sorted(edges))]
    ours = search(found, length_max).cycles
    assert len({cycle.locks for cycle in ours}) == len(ours)
    assert [len(cycle.locks) for cycle in ours] == sorted(len(cycle.locks) for cycle in ours)
    theirs = {tuple(cycle) for cycle in nx.simple_cycles(nx.DiGraph(edges), length_bound=length_max)}
    rotated = {cycle[cycle.index(min(cycle)) :] + cycle[: cycle.index(min(cycle))] for cycle in theirs}
    assert {cycle.locks for cycle in ours} == rotated
    assert all(len(cycle.patterns) == 1 for cycle in ours)
