"""Who had what, when: from traces made by hand, and overlaps against a look at every tenure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weft.checkers.tenures import Held, Tenure, held
from weft.simcore.trace import NOTHING, Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder


def trace_of(*events: tuple[int, int, Op, int] | tuple[int, int, Op, int, dict[str, int]]) -> Trace:
    """Events as (time, thread, operation, object); 0 a lock, 1 a re-entrant one of the condition 2, 3 a semaphore."""
    builder = TraceBuilder(Header("", "timed"))
    builder.tables.threads += [ThreadInfo("a"), ThreadInfo("b")]
    builder.tables.objects += [
        ObjectInfo("Lock", "lock"),
        ObjectInfo("RLock", "inner"),
        ObjectInfo("Condition", "changed", part_of=1),
        ObjectInfo("Semaphore", "slots", capacity=2),
    ]
    for time_ns, thread, operation, target, *extra in events:
        builder.add(thread, operation, target, NOTHING, time_ns, 0, extra[0] if extra else None)
    return builder.build()


def times(found: Held, target: int) -> list[tuple[int, int, int]]:
    return [(tenure.thread, tenure.start_ns, tenure.end_ns) for tenure in found.tenures.get(target, [])]


def test_a_lock_is_had_from_acquire_to_release_or_to_the_end() -> None:
    found = held(trace_of((0, 0, Op.ACQUIRE, 0), (5, 0, Op.RELEASE, 0), (7, 1, Op.ACQUIRE, 0), (9, 0, Op.ACQUIRE, 3)))
    assert times(found, 0) == [(0, 0, 5), (1, 7, 9)]
    assert found.signals == set()


def test_a_re_entrant_lock_is_had_until_its_last_release() -> None:
    both = (Op.ACQUIRE, Op.ACQUIRE, Op.RELEASE, Op.RELEASE)
    found = held(trace_of(*[(time, 0, operation, 1) for time, operation in enumerate(both)]))
    assert times(found, 1) == [(0, 0, 3)]


def test_waiting_at_a_condition_gives_its_lock_back_however_often_it_was_taken() -> None:
    found = held(trace_of((0, 0, Op.ACQUIRE, 1), (1, 0, Op.ACQUIRE, 1), (4, 0, Op.WAIT, 2), (6, 1, Op.ACQUIRE, 1)))
    assert times(found, 1) == [(0, 0, 4), (1, 6, 6)]


def test_permits_are_had_one_by_one() -> None:
    found = held(
        trace_of(
            (0, 0, Op.ACQUIRE, 3), (1, 0, Op.ACQUIRE, 3), (5, 0, Op.RELEASE, 3, {"count": 2}), (6, 0, Op.ACQUIRE, 3)
        )
    )
    assert times(found, 3) == [(0, 1, 5), (0, 0, 5), (0, 6, 6)]


def test_who_releases_what_another_took_sends_a_message() -> None:
    found = held(trace_of((0, 0, Op.ACQUIRE, 0), (5, 1, Op.RELEASE, 0), (6, 1, Op.RELEASE, 3)))
    assert found.signals == {0, 3}


def test_the_gil_has_tenures_too() -> None:
    found = held(
        trace_of((0, 0, Op.GIL_ACQUIRE, NOTHING), (3, 0, Op.GIL_RELEASE, NOTHING), (4, 1, Op.GIL_ACQUIRE, NOTHING))
    )
    assert times(found, NOTHING) == [(0, 0, 3), (1, 4, 4)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12), st.integers(0, 40), st.integers(0, 40))
def test_overlaps_are_those_that_a_look_at_every_tenure_finds(
    spans: list[tuple[int, int]], one: int, other: int
) -> None:
    start, end = sorted((one, other))
    found = Held()
    for first, last in sorted((tuple(sorted(span)) for span in spans), key=lambda span: span[1]):
        found.add(0, Tenure(0, NOTHING, first, last, 0, 0))
    expected = [(max(first, start), min(last, end)) for first, last in map(sorted, spans)]
    assert sorted((tenure.start_ns, tenure.end_ns) for tenure in found.during(0, start, end)) == sorted(
        (first, last) for first, last in expected if first < last
    )
