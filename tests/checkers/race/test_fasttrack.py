"""FastTrack against reachability without clocks, against every correct reordering, and compiled against plain."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings

from weft.checkers.race import compiled, happens_before
from weft.checkers.race.fasttrack import REPORTS_PER_VARIABLE, Races, chained, race_pairs
from weft.checkers.race.happens_before import Order, clock_steps
from weft.simcore.trace import Trace

from .conftest import Line, lines_of, random_lines, reachable, schedulable_pairs, trace_of, unordered_pairs


def race_events(trace: Trace) -> set[tuple[int, int]]:
    return {pair for pairs in race_pairs(clock_steps(trace)).pairs.values() for pair in pairs}


def sound(trace: Trace) -> Races:
    steps = clock_steps(trace)
    return race_pairs(steps, observed=chained(steps, race_pairs(steps)))


@settings(max_examples=400)
@given(random_lines(threads=4, length=40))
def test_races_are_those_of_reachability(lines: list[Line]) -> None:
    """Per variable: there is a race exactly when two conflicting accesses are unordered, and the first is the first."""
    found = race_pairs(steps := clock_steps(trace_of(lines)))
    expected = unordered_pairs(lines)
    names = [trace_of(lines).object_name(index) for index in steps.variables]
    by_name = {names[variable]: pairs for variable, pairs in found.pairs.items()}
    for name in ("x", "y"):
        mine = [pair for pair in expected if lines[pair[0]].operand == name]
        assert bool(mine) == (name in by_name)
        if mine:
            assert set(by_name[name]) <= set(mine)
            assert by_name[name][0][1] == min(later for _, later in mine)
    if expected:
        first = min(pair[1] for pair in expected)
        assert min(pairs[0][1] for pairs in found.pairs.values()) == first


@settings(max_examples=300)
@given(random_lines(threads=4, length=30))
def test_order_is_reachability(lines: list[Line]) -> None:
    trace = trace_of(lines)
    order = Order(clock_steps(trace))
    threads = [row[0] for row in trace.rows()]
    before = reachable(lines)
    for later in range(len(lines)):
        for earlier in range(later):
            assert order.ordered(earlier, threads[earlier], later, threads[later]) == (earlier in before[later])


@settings(max_examples=500, deadline=None)
@given(random_lines(threads=3, length=14))
def test_no_sound_report_is_a_false_alarm(lines: list[Line]) -> None:
    """Every pair reported can be brought next to each other by a correct reordering; found by trying them all."""
    pairs = {pair for found in sound(trace_of(lines)).pairs.values() for pair in found}
    truth = schedulable_pairs(lines)
    assert pairs <= truth
    # And nothing is lost when there is any race and no atomic access, whose value orders more than locks do.
    if all(line.operation != "a" for line in lines):
        assert bool(pairs) == bool(unordered_pairs(lines))


@settings(max_examples=60, deadline=None)
@given(random_lines(threads=4, length=40))
def test_rows_and_columns_give_the_same_steps(lines: list[Line]) -> None:
    trace = trace_of(lines)
    small = clock_steps(trace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(happens_before, "SMALL", -1)
        large = clock_steps(trace)
    for name in ("events", "threads", "codes", "operands"):
        assert getattr(small, name) == getattr(large, name).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_PART", 7)
        assert race_pairs(small) == race_pairs(large, compiled=False)


def long_trace(seed: int, length: int) -> Trace:
    """Many threads, locks, atomic accesses and unlocked accesses, so that every part of the analysis is used."""
    generator = random.Random(seed)
    lines: list[Line] = []
    while len(lines) < length:
        thread = str(generator.randrange(6))
        lock = f"l{generator.randrange(4)}"
        body = [
            Line(thread, generator.choice("rrrwwa"), f"v{generator.randrange(30)}")
            for _ in range(generator.randrange(1, 6))
        ]
        guarded = generator.random() < 0.9
        lines += [Line(thread, "acq", lock), *body, Line(thread, "rel", lock)] if guarded else body
    return trace_of(lines)


@pytest.mark.slow
def test_compiled_is_the_same_as_plain() -> None:
    for seed in range(3):
        trace = long_trace(seed, 3_000)
        steps = clock_steps(trace)
        plain = race_pairs(steps, compiled=False)
        assert plain == race_pairs(steps, compiled=True)
        assert plain.seen
        observed = chained(steps, plain)
        again = race_pairs(steps, observed=observed, compiled=False)
        assert again == race_pairs(steps, observed=observed, compiled=True)
        assert sum(again.seen.values()) < sum(plain.seen.values())


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(random_lines(threads=4, length=40))
def test_compiled_is_the_same_on_random_traces(lines: list[Line]) -> None:
    steps = clock_steps(trace_of(lines))
    plain = race_pairs(steps, compiled=False)
    assert plain == race_pairs(steps, compiled=True)
    observed = chained(steps, plain)
    assert race_pairs(steps, observed=observed, compiled=False) == race_pairs(steps, observed=observed, compiled=True)


def test_room_for_reports_and_readers_is_made_on_the_way() -> None:
    """More concurrent readers and more races than there is room for at first."""
    accesses = [
        Line(str(thread), operation, f"v{variable}")
        for variable in range(3_000)
        for thread, operation in ((1, "r"), (2, "r"), (3, "w"))
    ]
    trace = trace_of(accesses)
    found = race_pairs(clock_steps(trace), compiled=False)
    assert len(found.pairs) == 3_000
    assert all(len(pairs) == 2 for pairs in found.pairs.values())
    assert [found.pairs[0], found.pairs[2_999]] == [[(0, 2), (1, 2)], [(8_997, 8_999), (8_998, 8_999)]]


def test_races_beyond_the_limit_are_counted_and_closer_ones_kept() -> None:
    lines = [
        Line("1", "w", "x"),
        *[Line("3", "w", "other")] * 9,
        *[Line("2", "r", "x"), Line("2", "acq", "l"), Line("2", "rel", "l")] * 200,
    ]
    lines += [Line("1", "w", "x"), Line("2", "r", "x")]
    found = race_pairs(clock_steps(trace_of(lines)))
    (variable,) = found.seen
    assert found.seen[variable] == 201
    assert len(found.pairs[variable]) == REPORTS_PER_VARIABLE + 1
    assert min(later - earlier for earlier, later in found.pairs[variable]) == 1


def test_atomic_accesses_do_not_race_with_each_other_but_with_others() -> None:
    assert race_events(trace_of("1 a x; 2 a x; 3 a x")) == set()
    assert race_events(trace_of("1 a x; 2 r x")) == {(0, 1)}
    assert race_events(trace_of("1 r x; 2 a x")) == {(0, 1)}
    assert race_events(trace_of("1 a x; 2 a x; 3 w x")) == {(0, 2), (1, 2)}


def test_what_was_taken_out_of_a_container_is_not_raced_for() -> None:
    """1 fills an object and appends it, 2 pops it and uses it: seeing the append orders the rest."""
    trace = trace_of("1 w object; 1 a items; 2 a items; 2 r object")
    assert race_events(trace) == {(0, 3)}
    assert sound(trace).pairs == {}


def test_only_the_first_of_dependent_races_is_sound() -> None:
    """The flag is raced for; the data behind it is not, because the reader looked at the flag first."""
    trace = trace_of("1 w data; 1 w flag; 2 r flag; 2 r data")
    assert race_events(trace) == {(1, 2), (0, 3)}
    assert list(sound(trace).pairs.values()) == [[(1, 2)]]


def test_large_clocks_stay_plain_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "COMPILED_FROM", 1)
    monkeypatch.setattr(compiled, "_numba_there", lambda: False)
    steps = clock_steps(trace_of("1 w x; 2 w x"))
    assert compiled.compiler(steps, None) is None
    assert race_pairs(steps).seen == {0: 1}


def test_memory_is_below_sixty_bytes_an_event() -> None:
    """The trace's own columns and the steps made of them, on a trace with the shape of the benchmark's."""
    section = "{0} acq l{1}; {0} w v{2}; {0} r v{2}; {0} rel l{1}"
    text = "; ".join(section.format(number % 8, number % 50, number % 2000) for number in range(4_000))
    lines = lines_of(text)
    trace = trace_of(lines)
    assert trace.columns.dtype.itemsize == 28
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(happens_before, "SMALL", -1)
        steps = clock_steps(trace)
    made = sum(np.asarray(getattr(steps, name)).nbytes for name in ("events", "threads", "codes", "operands"))
    assert (trace.columns.nbytes + made) / len(trace) < 45
