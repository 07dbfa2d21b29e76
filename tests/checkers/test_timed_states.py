"""What a thread did when: stretches without gaps, and code attributed to where it was noted."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from weft.checkers.timed_states import History, Piece, histories
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, TraceBuilder


def builder() -> TraceBuilder:
    found = TraceBuilder(Header("", "timed"))
    found.tables.threads.append(ThreadInfo("MainThread"))
    found.tables.objects.append(ObjectInfo("Lock", "lock"))
    return found


def test_every_state_is_a_stretch() -> None:
    made = builder()
    for time_ns, op in (
        (0, Op.READY),
        (1, Op.RUN),
        (4, Op.PREEMPT),
        (6, Op.RUN),
        (7, Op.GIL_REQUEST),
        (9, Op.READY),
        (9, Op.RUN),
        (12, Op.SLEEP),
        (20, Op.READY),
        (21, Op.RUN),
        (23, Op.END),
    ):
        made.add(0, op, time_ns=time_ns)
    history = histories(made.build())[0]
    assert [(stretch.doing, stretch.start_ns, stretch.end_ns) for stretch in history.stretches] == [
        ("ready", 0, 1),
        ("running", 1, 4),
        ("ready", 4, 6),
        ("running", 6, 7),
        ("gil", 7, 9),
        ("ready", 9, 9),
        ("running", 9, 12),
        ("sleeping", 12, 20),
        ("ready", 20, 21),
        ("running", 21, 23),
    ]


def test_who_is_woken_and_finds_the_lock_taken_was_blocked_all_the_time() -> None:
    made = builder()
    made.add(0, Op.READY, time_ns=0)
    made.add(0, Op.RUN, time_ns=0)
    made.add(0, Op.BLOCK, 0, time_ns=5)
    made.add(0, Op.READY, time_ns=8)
    made.add(0, Op.RUN, time_ns=9)
    made.add(0, Op.READY, time_ns=14)
    made.add(0, Op.RUN, time_ns=14)
    made.add(0, Op.ACQUIRE, 0, time_ns=14)
    made.add(0, Op.END, time_ns=15)
    history = histories(made.build())[0]
    assert [(stretch.doing, stretch.object) for stretch in history.stretches] == [
        ("ready", -1),
        ("running", -1),
        ("blocked", 0),
        ("ready", -1),
        ("blocked", 0),
        ("ready", -1),
        ("running", -1),
    ]


def test_a_position_is_the_stretch_that_the_event_ended_or_was_in() -> None:
    made = builder()
    for time_ns, op in ((0, Op.READY), (1, Op.RUN), (2, Op.MARK), (3, Op.PREEMPT), (4, Op.RUN), (5, Op.END)):
        made.add(0, op, time_ns=time_ns)
    history = histories(made.build())[0]
    assert [history.index_at(event) for event in range(6)] == [-1, 0, 1, 1, 2, 3]


@given(st.lists(st.integers(1, 9), max_size=10), st.integers(0, 60), st.integers(0, 60))
def test_pieces_of_a_time_are_those_that_overlap_it(lengths: list[int], one: int, other: int) -> None:
    """Pieces with a gap of 1 ns between them, against a look at every nanosecond."""
    start, end = sorted((one, other))
    history = History()
    now = 0
    for number, length in enumerate(lengths):
        history.pieces.append(Piece(now, now + length, number, ""))
        now += length + 1
    history.index()
    found = {
        (moment, piece.location)
        for piece in history.pieces_in(start, end)
        for moment in range(piece.start_ns, piece.end_ns)
    }
    assert found == {
        (moment, piece.location)
        for piece in history.pieces
        for moment in range(piece.start_ns, piece.end_ns)
        if start <= moment < end
    }


@given(
    st.lists(st.integers(0, 50), max_size=4), st.lists(st.integers(1, 50), min_size=1, max_size=4), st.integers(1, 9)
)
def test_all_running_time_is_in_one_piece(noted: list[int], ran: list[int], gap: int) -> None:
    """Whatever was noted for it: stretches of running with pauses, then an operation."""
    made = builder()
    place = made.tables.location("a.py", 1)
    for ns in noted:
        made.add(0, Op.COMPUTE, -1, place, 0, 0, {"class": "py", "ns": ns})
    now = 0
    made.add(0, Op.READY, time_ns=now)
    for length in ran:
        made.add(0, Op.RUN, time_ns=now)
        now += length
        made.add(0, Op.PREEMPT, time_ns=now)
        now += gap
    made.add(0, Op.RUN, time_ns=now)
    made.add(0, Op.END, time_ns=now)
    history = histories(made.build())[0]
    running = [
        stretch for stretch in history.stretches if stretch.doing == "running" and stretch.end_ns > stretch.start_ns
    ]
    pieces = [piece for stretch in running for piece in history.pieces_in(stretch.start_ns, stretch.end_ns)]
    assert sum(piece.end_ns - piece.start_ns for piece in pieces) == sum(ran)
    assert pieces == history.pieces
    for earlier, later in itertools.pairwise(pieces):
        assert earlier.end_ns <= later.start_ns
    at_place = sum(piece.end_ns - piece.start_ns for piece in pieces if piece.location == place)
    assert at_place == (sum(ran) if sum(ran) <= 1.5 * sum(noted) else sum(noted))
