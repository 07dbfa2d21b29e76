"""The tape: what is numbered how, where rows come from, graphs, and the bytes of strided views."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.simcore.gpu.memory import OutOfMemory
from weft.simcore.gpu.rows import (
    Alloc,
    DeviceDone,
    EventDone,
    Free,
    HostAccess,
    Launch,
    NewStream,
    NewThread,
    Receive,
    RecordEvent,
    RecordStream,
    RowsError,
    Send,
    Span,
    StreamDone,
    WaitEvent,
    decode,
    encode,
)
from weft.simcore.gpu.tape import HOST, Block, CaptureError, Stream, Tape, place, span

from .spans import covered

DEFAULT = Stream(0, 0, "legacy")
A, B, C = (Stream(0, handle) for handle in (7, 8, 9))


class Threads:
    """Which host thread runs is set by hand."""

    def __init__(self) -> None:
        self.current = 0

    def __call__(self) -> tuple[int, str]:
        return self.current, f"worker {self.current}"


@pytest.fixture
def threads() -> Threads:
    return Threads()


@pytest.fixture
def tape(threads: Threads) -> Tape:
    return Tape(2, threads, capacity=1 << 20)


def kinds(tape: Tape) -> list[str]:
    return [str(row.__struct_config__.tag) for row in tape.rows]


# Who and where.


def test_a_thread_is_made_known_when_it_does_something_for_the_first_time(tape: Tape, threads: Threads) -> None:
    tape.launch(DEFAULT, "a")
    threads.current = 4
    tape.launch(DEFAULT, "b")
    tape.launch(DEFAULT, "c")
    threads.current = 0
    tape.launch(DEFAULT, "d")
    made = [row for row in tape.rows if isinstance(row, NewThread)]
    assert [(row.t, row.name) for row in made] == [(0, "worker 0"), (4, "worker 4")]
    assert [(row.t, row.name) for row in tape.rows if isinstance(row, Launch)] == [
        (0, "a"),
        (4, "b"),
        (4, "c"),
        (0, "d"),
    ]
    assert kinds(tape)[0] == "thread"


def test_a_stream_is_made_known_before_it_is_used(tape: Tape) -> None:
    tape.launch(A, "a")
    tape.launch(DEFAULT, "b")
    tape.launch(A, "c")
    streams = [(row.stream, row.device, row.kind) for row in tape.rows if isinstance(row, NewStream)]
    assert streams == [(0, 0, "non-blocking"), (1, 0, "legacy")]
    assert [row.stream for row in tape.rows if isinstance(row, Launch)] == [0, 1, 0]
    assert kinds(tape) == ["thread", "stream", "op", "stream", "op", "op"]


def test_two_objects_of_one_handle_are_one_stream(tape: Tape) -> None:
    assert tape.stream(Stream(0, 7)) == tape.stream(Stream(0, 7))
    assert tape.stream(Stream(1, 7)) != tape.stream(Stream(0, 7))


def test_streams_of_one_name_are_told_apart(tape: Tape) -> None:
    names = [
        row.name
        for number, name in enumerate(["s", "s", "all[]", "all[]", "", ""])
        for row in [tape.stream(Stream(0, 20 + number), name)] and tape.rows[-1:]
        if isinstance(row, NewStream)
    ]
    assert names == ["s", "s (2)", "all[0]", "all[1]", "", ""]


def test_a_stream_is_called_what_the_program_calls_it(tape: Tape) -> None:
    copies = tape.new_stream(A)
    several = [tape.new_stream(Stream(0, handle)) for handle in (31, 32)]
    named = {row.stream: row.name for row in tape.rows if isinstance(row, NewStream)}
    assert named[copies] == "copies"
    assert [named[number] for number in several] == ["several[0]", "several[1]"]


def test_rows_say_where_the_program_is(tape: Tape) -> None:
    here = place()
    tape.launch(DEFAULT, "a")
    name, line = here.split(":")
    assert name == "test_tape.py"
    assert tape.rows[-1].at == f"{name}:{int(line) + 1}"


def test_a_block_is_called_what_the_program_calls_it(tape: Tape) -> None:
    weights = tape.make(Block(0, 100), DEFAULT)
    assert weights is None
    tape.make(Block(0, 100), DEFAULT, "given")
    assert [row.name for row in tape.rows if isinstance(row, Alloc)] == ["weights", "given"]


def test_steps_of_the_execution_become_tokens(tape: Tape) -> None:
    """Only what comes from another thread is received."""
    tape.stepped(0, 0, [])
    tape.stepped(1, 1, [0])
    tape.stepped(1, 2, [0, 1])
    tape.stepped(0, 3, [2])
    sent = [(row.t, row.token) for row in tape.rows if isinstance(row, Send)]
    received = [(row.t, row.token) for row in tape.rows if isinstance(row, Receive)]
    assert sent == [(0, 0), (1, 1), (1, 2), (0, 3)]
    assert received == [(1, 0), (1, 0), (0, 2)]
    assert kinds(tape) == ["send", "recv", "send", "recv", "send", "recv", "send"]


# Events and waits.


def test_events_are_numbered_by_their_first_use(tape: Tape) -> None:
    tape.record(500, A)
    tape.wait(B, 900)
    tape.wait(B, 500)
    tape.event_done(500)
    told = [(type(row), row.event) for row in tape.rows if isinstance(row, RecordEvent | WaitEvent | EventDone)]
    assert told == [(RecordEvent, 0), (WaitEvent, 1), (WaitEvent, 0), (EventDone, 0)]


def test_waits_of_the_host(tape: Tape) -> None:
    tape.stream_done(A)
    tape.device_done(1)
    assert [type(row) for row in tape.rows[-2:]] == [StreamDone, DeviceDone]
    assert tape.rows[-1].device == 1


# Memory.


def test_a_block_has_an_address_and_a_number(tape: Tape) -> None:
    first, second = Block(0, 100), Block(0, 1000)
    tape.make(first, DEFAULT)
    tape.make(second, A)
    allocs = [row for row in tape.rows if isinstance(row, Alloc)]
    assert [(row.storage, row.size, row.stream) for row in allocs] == [(0, 100, 0), (1, 1000, 1)]
    assert [row.address for row in allocs] == [first.address, second.address]
    assert tape.memories[0].used == 512 + 1024
    tape.free(first)
    assert isinstance(tape.rows[-1], Free)
    assert tape.rows[-1].storage == 0
    assert tape.memories[0].used == 1024
    assert first.tape is None


def test_memory_of_the_host_takes_none_of_the_device(tape: Tape) -> None:
    pinned = Block(HOST, 1 << 30)
    tape.make(pinned, None)
    (alloc,) = [row for row in tape.rows if isinstance(row, Alloc)]
    assert (alloc.device, alloc.stream, alloc.address) == (HOST, HOST, -1)
    tape.free(pinned)
    assert [memory.used for memory in tape.memories] == [0, 0]


def test_each_device_has_memory_of_its_own(tape: Tape) -> None:
    tape.make(Block(0, 1 << 20), DEFAULT)
    tape.make(Block(1, 1 << 20), Stream(1, 0, "legacy"))
    before = len(tape.rows)
    with pytest.raises(OutOfMemory):
        tape.make(Block(0, 1), DEFAULT)
    assert not any(isinstance(row, Alloc) for row in tape.rows[before:])


def test_a_recorded_block_is_not_used_again(tape: Tape) -> None:
    block = Block(0, 100)
    tape.make(block, DEFAULT)
    tape.record_stream(block, A)
    assert isinstance(tape.rows[-1], RecordStream)
    address = block.address
    tape.free(block)
    tape.make(block, DEFAULT)
    assert block.address != address
    assert not block.recorded


def test_a_free_says_who_dropped_the_block(tape: Tape, threads: Threads) -> None:
    block = Block(0, 100)
    tape.make(block, DEFAULT)
    threads.current = 2
    tape.free(block)
    assert tape.rows[-1].t == 2


# Graphs.


def test_what_is_captured_is_not_done(tape: Tape) -> None:
    capture = tape.capture(A)
    tape.launch(A, "a", [Span(0, 0, 4)], [Span(1, 0, 4)])
    tape.record(1, A)
    tape.wait(B, 1)
    tape.launch(B, "b", [Span(1, 0, 4)], [Span(2, 0, 4)])
    tape.record(2, B)
    tape.wait(A, 2)
    assert kinds(tape) == ["thread"]
    assert tape.end_capture() == 0
    assert capture.reads == [Span(0, 0, 4), Span(1, 0, 4)]
    assert capture.writes == [Span(1, 0, 4), Span(2, 0, 4)]
    tape.launch(A, "c")
    assert kinds(tape)[-1] == "op"


def test_a_stream_that_does_not_take_part_is_not_captured(tape: Tape) -> None:
    capture = tape.capture(A)
    tape.launch(C, "c", [Span(0, 0, 4)])
    tape.record(3, C)
    assert kinds(tape) == ["thread", "stream", "op", "ev_rec"]
    assert capture.reads == []
    assert tape.end_capture() == 0


def test_another_thread_is_not_capturing(tape: Tape, threads: Threads) -> None:
    tape.capture(A)
    threads.current = 1
    tape.stream_done(C)
    tape.launch(A, "other")
    threads.current = 0
    with pytest.raises(CaptureError):
        tape.stream_done(C)
    assert tape.end_capture() == 0


@pytest.mark.parametrize("joined", [True, False])
def test_a_stream_must_be_joined_before_the_end(joined: bool, tape: Tape) -> None:
    tape.capture(A)
    tape.record(1, A)
    tape.wait(B, 1)
    tape.launch(B, "b")
    tape.record(2, B)
    if joined:
        tape.wait(A, 2)
    assert tape.end_capture() == (0 if joined else 1)


def test_a_stream_is_joined_through_another(tape: Tape) -> None:
    tape.capture(A)
    tape.record(1, A)
    tape.wait(B, 1)
    tape.launch(B, "b")
    tape.record(2, B)
    tape.wait(C, 2)
    tape.launch(C, "c")
    tape.record(3, C)
    tape.wait(A, 3)
    assert tape.end_capture() == 0


def test_work_after_the_join_is_not_joined(tape: Tape) -> None:
    tape.capture(A)
    tape.record(1, A)
    tape.wait(B, 1)
    tape.launch(B, "b")
    tape.record(2, B)
    tape.wait(A, 2)
    tape.launch(B, "later")
    assert tape.end_capture() == 1


def test_a_stream_that_joins_and_does_nothing_must_be_joined_too(tape: Tape) -> None:
    """``cudaStreamEndCapture`` counts it as unjoined."""
    tape.capture(A)
    tape.record(1, A)
    tape.wait(B, 1)
    assert tape.end_capture() == 1


@pytest.mark.parametrize(
    "wait", [lambda tape: tape.stream_done(A), lambda tape: tape.event_done(1), lambda tape: tape.device_done(0)]
)
def test_the_host_does_not_wait_while_capturing(wait: Any, tape: Tape) -> None:
    tape.capture(A)
    with pytest.raises(CaptureError, match="CUDA error: operation not permitted when stream is capturing"):
        wait(tape)


# Spans.


@st.composite
def views(draw: st.DrawFn) -> tuple[int, int, list[int], list[int]]:
    """Item size, offset, sizes, strides."""
    dims = draw(st.integers(0, 4))
    sizes = draw(st.lists(st.integers(0, 4), min_size=dims, max_size=dims))
    strides = draw(st.lists(st.integers(0, 12), min_size=dims, max_size=dims))
    return draw(st.sampled_from([1, 2, 4, 8])), draw(st.integers(0, 9)), sizes, strides


@given(views())
def test_a_span_covers_exactly_the_bytes_of_the_elements(view: tuple[int, int, list[int], list[int]]) -> None:
    item, offset, sizes, strides = view
    places = [offset]
    for size, stride in zip(sizes, strides, strict=True):
        places = [there + number * stride for there in places for number in range(size)]
    expected = {there * item + byte for there in places for byte in range(item)}
    found = span(3, offset, item, sizes, strides)
    if not expected:
        assert found is None
        return
    assert found is not None
    assert covered((found,)) == {3: expected}
    assert (found.low, found.high) == (min(expected), max(expected) + 1)


@pytest.mark.parametrize(
    ("sizes", "strides", "expected"),
    [
        ([4, 6], [6, 1], Span(0, 0, 96)),
        ([6, 4], [1, 6], Span(0, 0, 96)),
        ([4], [2], Span(0, 0, 28, 4, ((4, 8),))),
        ([4, 2], [6, 1], Span(0, 0, 80, 8, ((4, 24),))),
        ([3, 4], [0, 1], Span(0, 0, 16)),
        ([], [], Span(0, 0, 4)),
        ([1, 1], [50, 70], Span(0, 0, 4)),
    ],
)
def test_spans_are_as_plain_as_they_can_be(sizes: list[int], strides: list[int], expected: Span) -> None:
    assert span(0, 0, 4, sizes, strides) == expected


# Text.


def test_rows_are_the_same_after_a_round_trip(tape: Tape) -> None:
    block = Block(0, 100)
    tape.make(block, DEFAULT)
    tape.launch(A, "a", [Span(0, 0, 28, 4, ((4, 8),))], [Span(0, 0, 4)])
    tape.host("h", [], [Span(0, 0, 4)])
    tape.record(1, A)
    tape.wait(DEFAULT, 1)
    tape.event_done(1)
    tape.stream_done(A)
    tape.device_done(0)
    tape.record_stream(block, A)
    tape.free(block)
    tape.stepped(0, 0, [])
    text = encode(tape.rows)
    assert [*decode(text.splitlines(), "rows.jsonl")] == tape.rows
    assert len(text.splitlines()) == len(tape.rows)
    assert any(isinstance(row, HostAccess) for row in tape.rows)


@pytest.mark.parametrize(
    "line", ["{", '{"k": "nothing"}', "[]", '{"k": "op"}', '{"k": "op", "stream": "one", "name": "a"}']
)
def test_a_line_that_is_no_row_is_named(line: str) -> None:
    with pytest.raises(RowsError, match=r"^rows\.jsonl, line 3: "):
        [*decode(["", '{"k": "send", "token": 1}', line], "rows.jsonl")]
