"""Programs with known hazards, and their near twins without: streams, events, host buffers, reuse, threads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from weft.checkers.gpu.hazards import Checker
from weft.simcore.gpu import rows
from weft.simcore.gpu.rows import Span

from .script import BYTES, DEFAULT, S1, S2, S3, Script

Program = Callable[[Script], None]
E, E2 = 1, 2
_CASES: dict[str, tuple[Program, list[str]]] = {}


def expects(*kinds: str) -> Callable[[Program], Program]:
    """Put a program into the table with the hazards that it has."""

    def put(program: Program) -> Program:
        _CASES[program.__name__] = (program, list(kinds))
        return program

    return put


# Two streams.


@expects("race")
def made_on_default_read_on_side(run: Script) -> None:
    x = run.tensor()
    run.op(DEFAULT, writes=x)
    run.op(S1, reads=x)


@expects()
def made_on_default_read_after_wait_stream(run: Script) -> None:
    x = run.tensor()
    run.op(DEFAULT, writes=x)
    run.wait_stream(S1, DEFAULT)
    run.op(S1, reads=x)


@expects("race")
def wait_stream_before_the_producer(run: Script) -> None:
    x = run.tensor()
    run.wait_stream(S1, DEFAULT)
    run.op(DEFAULT, writes=x)
    run.op(S1, reads=x)


@expects("race")
def an_operation_after_the_record_is_not_covered(run: Script) -> None:
    x = run.tensor(S1)
    run.record(E, S1)
    run.op(S1, writes=x)
    run.wait(S2, E)
    run.op(S2, reads=x)


@expects("race")
def recorded_again_elsewhere_before_the_wait(run: Script) -> None:
    x = run.tensor(S1)
    run.op(S1, writes=x)
    run.record(E, S1)
    run.record(E, S3)
    run.wait(S2, E)
    run.op(S2, reads=x)


@expects()
def recorded_again_after_the_wait(run: Script) -> None:
    x = run.tensor(S1)
    run.op(S1, writes=x)
    run.record(E, S1)
    run.wait(S2, E)
    run.record(E, S3)
    run.op(S2, reads=x)


@expects("event", "race")
def a_wait_for_an_event_that_nobody_recorded(run: Script) -> None:
    x = run.tensor(S1)
    run.op(S1, writes=x)
    run.wait(S2, E)
    run.op(S2, reads=x)


@expects()
def two_readers(run: Script) -> None:
    x = run.tensor()
    run.op(S1, reads=x)
    run.op(S2, reads=x)


@expects("race", "race")
def readers_on_two_streams_then_a_writer(run: Script) -> None:
    x = run.tensor()
    for stream in (S1, S2):
        run.op(stream, reads=x)
    run.op(S3, writes=x)


@expects()
def a_writer_that_waits_for_all_readers(run: Script) -> None:
    x = run.tensor()
    for stream in (S1, S2):
        run.op(stream, reads=x)
        run.wait_stream(S3, stream)
    run.op(S3, writes=x)


@expects()
def a_chain_of_streams(run: Script) -> None:
    x = run.tensor()
    for before, stream in ((S1, S2), (S2, S3), (S3, DEFAULT)):
        run.op(before, writes=x)
        run.wait_stream(stream, before)
    run.op(DEFAULT, writes=x)


@expects()
def crossed_waits(run: Script) -> None:
    """They cannot wait for each other: a wait is for what was recorded before."""
    x, y = run.tensor(S1), run.tensor(S2)
    run.op(S1, writes=x)
    run.record(E, S1)
    run.wait(S2, E)
    run.op(S2, reads=x, writes=y)
    run.record(E2, S2)
    run.wait(S1, E2)
    run.op(S1, reads=y)


# Parts of a tensor.


@expects("race")
def views_that_overlap(run: Script) -> None:
    x = run.tensor()
    run.op(S1, writes=replace(x, high=BYTES - 4))
    run.op(S2, writes=replace(x, low=4))


@expects()
def two_halves(run: Script) -> None:
    x = run.tensor()
    run.op(S1, writes=replace(x, high=BYTES // 2))
    run.op(S2, writes=replace(x, low=BYTES // 2))


@expects()
def every_second_element(run: Script) -> None:
    x = run.tensor()
    for stream, low in ((S1, 0), (S2, 4)):
        run.op(stream, writes=Span(x.storage, low, low + BYTES - 4, 4, ((BYTES // 8, 8),)))


# The host.


@expects("race")
def a_buffer_is_read_before_the_copy_is_done(run: Script) -> None:
    x, host = run.tensor(), run.buffer()
    run.op(DEFAULT, reads=x, writes=host)
    run.host(reads=host)


@expects()
def a_buffer_is_read_after_synchronize(run: Script) -> None:
    x, host = run.tensor(), run.buffer()
    run.op(DEFAULT, reads=x, writes=host)
    run.record(E, DEFAULT)
    run.add(rows.EventDone, event=E)
    run.host(reads=host)


@expects("race")
def an_event_says_nothing_of_what_came_after_it(run: Script) -> None:
    x, host = run.tensor(), run.buffer()
    run.record(E, DEFAULT)
    run.op(DEFAULT, reads=x, writes=host)
    run.add(rows.EventDone, event=E)
    run.host(reads=host)


@expects("race")
def a_pinned_source_is_overwritten(run: Script) -> None:
    x, host = run.tensor(), run.buffer()
    run.host(writes=host)
    run.op(S1, reads=host, writes=x)
    run.host(writes=host)


@expects()
def a_pinned_source_is_dropped(run: Script) -> None:
    """The host allocator waits for copies."""
    x, host = run.tensor(), run.buffer()
    run.op(S1, reads=host, writes=x)
    run.free(host)


@expects("race")
def a_ring_of_two_buffers_with_three_in_flight(run: Script) -> None:
    x = run.tensor(S1)
    ring = [run.buffer(), run.buffer()]
    for turn in range(3):
        run.host(writes=ring[turn % 2])
        run.op(S1, reads=ring[turn % 2], writes=x)


@expects()
def a_ring_that_events_guard(run: Script) -> None:
    x = run.tensor(S1)
    ring = [run.buffer(), run.buffer()]
    for turn in range(6):
        if turn >= 2:
            run.add(rows.EventDone, event=turn % 2)
        run.host(writes=ring[turn % 2])
        run.op(S1, reads=ring[turn % 2], writes=x)
        run.record(turn % 2, S1)


# Memory that is used again.


@expects("latent")
def freed_while_another_stream_uses_it(run: Script) -> None:
    x = run.tensor()
    run.op(DEFAULT, writes=x)
    run.wait_stream(S1, DEFAULT)
    run.op(S1, reads=x)
    run.free(x)


@expects()
def freed_with_record_stream(run: Script) -> None:
    x = run.tensor()
    run.wait_stream(S1, DEFAULT)
    run.op(S1, reads=x)
    run.record_stream(x, S1)
    run.free(x)


@expects()
def recorded_before_its_use(run: Script) -> None:
    """What counts is what the stream has to do when the memory is given back."""
    x = run.tensor()
    run.record_stream(x, S1)
    run.op(S1, reads=x)
    run.free(x)


@expects("latent")
def record_stream_of_the_wrong_stream(run: Script) -> None:
    x = run.tensor()
    run.op(S1, reads=x)
    run.record_stream(x, S2)
    run.free(x)


@expects()
def its_stream_waits_before_the_free(run: Script) -> None:
    x = run.tensor()
    run.op(S1, reads=x)
    run.wait_stream(DEFAULT, S1)
    run.free(x)


@expects()
def the_host_waits_before_the_free(run: Script) -> None:
    x = run.tensor()
    run.op(S1, reads=x)
    run.synchronize(S1)
    run.free(x)


@expects("latent", "confirmed")
def used_again_for_another_tensor(run: Script) -> None:
    x = run.tensor(address=4096)
    run.op(S1, reads=x)
    run.free(x)
    y = run.tensor(address=4096)
    run.op(DEFAULT, writes=y)


@expects()
def used_again_after_a_late_wait(run: Script) -> None:
    x = run.tensor(address=4096)
    run.op(S1, reads=x)
    run.free(x)
    run.wait_stream(DEFAULT, S1)
    y = run.tensor(address=4096)
    run.op(DEFAULT, writes=y)


@expects("latent")
def other_memory_is_used(run: Script) -> None:
    x = run.tensor(address=4096)
    run.op(S1, reads=x)
    run.free(x)
    y = run.tensor(address=4096 + BYTES)
    run.op(DEFAULT, writes=y)


@expects()
def a_tensor_of_the_side_stream_alone(run: Script) -> None:
    x = run.tensor(S1, address=0)
    run.op(S1, writes=x)
    run.free(x)
    y = run.tensor(S1, address=0)
    run.op(S1, writes=y)


@expects("latent")
def freed_by_a_thread_that_did_not_wait(run: Script) -> None:
    x = run.tensor()
    run.op(S1, reads=x)
    run.synchronize(S1, t=1)
    run.free(x, t=0)


# Default streams.


@expects()
def a_blocking_stream_then_the_legacy_one(run: Script) -> None:
    run.add(rows.NewStream, stream=9, kind="blocking")
    x = run.tensor()
    run.op(9, writes=x)
    run.op(DEFAULT, reads=x)
    run.op(9, writes=x)


@expects("race")
def a_stream_of_the_pool_then_the_legacy_one(run: Script) -> None:
    x = run.tensor()
    run.op(S1, writes=x)
    run.op(DEFAULT, reads=x)


@expects("race")
def default_streams_of_two_threads(run: Script) -> None:
    for stream in (8, 9):
        run.add(rows.NewStream, stream=stream, kind="per-thread")
    x = run.tensor(8)
    run.op(8, writes=x, t=0)
    run.op(9, reads=x, t=1)


@expects("race")
def default_streams_of_two_devices(run: Script) -> None:
    run.add(rows.NewStream, stream=9, device=1, kind="legacy")
    x = run.tensor()
    run.op(DEFAULT, writes=x)
    run.op(9, reads=x)


@expects()
def synchronizing_the_legacy_stream_covers_blocking_ones(run: Script) -> None:
    run.add(rows.NewStream, stream=9, kind="blocking")
    host = run.buffer()
    run.op(9, writes=host)
    run.synchronize(DEFAULT)
    run.host(reads=host)


@expects("race")
def synchronizing_the_legacy_stream_leaves_others_out(run: Script) -> None:
    host = run.buffer()
    run.op(S1, writes=host)
    run.synchronize(DEFAULT)
    run.host(reads=host)


@expects("race")
def synchronizing_another_device(run: Script) -> None:
    run.add(rows.NewStream, stream=9, device=1, kind="legacy")
    host = run.buffer()
    run.op(9, writes=host)
    run.add(rows.DeviceDone, device=0)
    run.host(reads=host)


# Host threads.


@expects("race")
def a_mutex_around_launches_orders_no_streams(run: Script) -> None:
    x = run.tensor()
    run.op(S1, writes=x, t=1)
    run.hand_over(1, 2)
    run.op(S2, writes=x, t=2)


@expects()
def an_event_handed_over_with_it(run: Script) -> None:
    x = run.tensor()
    run.op(S1, writes=x, t=1)
    run.record(E, S1, t=1)
    run.hand_over(1, 2)
    run.wait(S2, E, t=2)
    run.op(S2, writes=x, t=2)


@expects()
def one_thread_waits_and_tells_the_other(run: Script) -> None:
    x = run.tensor()
    run.op(S1, writes=x, t=1)
    run.synchronize(S1, t=1)
    run.hand_over(1, 2)
    run.op(S2, reads=x, t=2)


@expects("race")
def one_thread_waits_and_the_other_does_not_know(run: Script) -> None:
    x = run.tensor()
    run.op(S1, writes=x, t=1)
    run.synchronize(S1, t=1)
    run.op(S2, reads=x, t=2)


@expects("event")
def record_and_wait_by_threads_that_nothing_orders(run: Script) -> None:
    """The wait was lucky this time: it came after the record."""
    x = run.tensor()
    run.op(S1, writes=x, t=1)
    run.record(E, S1, t=1)
    run.wait(S2, E, t=2)
    run.op(S2, reads=x, t=2)


@pytest.mark.parametrize("name", _CASES)
def test_the_hazards_of_a_program(name: str) -> None:
    program, expected = _CASES[name]
    run = Script()
    program(run)
    assert run.kinds() == expected


# What a hazard says.


def test_a_race_names_both_accesses() -> None:
    run = Script()
    x = run.tensor()
    run.op(S1, writes=x)
    run.op(S2, reads=x)
    (found,) = run.hazards()
    assert found.first is not None
    assert found.second is not None
    assert (found.first.actor, found.first.writes, found.first.at) == (S1, True, "prog.py:2")
    assert (found.second.actor, found.second.writes, found.second.at) == (S2, False, "prog.py:3")
    assert found.storage == x.storage


def test_what_is_reused_is_told_once_for_each_access() -> None:
    run = Script()
    x = run.tensor(address=0)
    run.op(S1, reads=x)
    run.free(x)
    y = run.tensor(address=0)
    for _ in range(3):
        run.op(DEFAULT, writes=y)
    assert run.kinds() == ["latent", "confirmed"]
    latent, confirmed = run.hazards()
    assert latent.first == confirmed.first
    assert confirmed.storage == x.storage


def test_a_part_of_a_block_that_is_used_again_leaves_the_rest() -> None:
    run = Script()
    x = run.tensor(address=0)
    run.op(S1, reads=x)
    run.free(x)
    for address in (32, 16):
        run.rows.append(rows.Alloc(storage=50 + address, stream=DEFAULT, address=address, size=16))
        run.op(DEFAULT, writes=Span(50 + address, 0, 16))
    assert run.kinds() == ["latent", "confirmed", "confirmed"]


def test_a_thousand_operations_in_order_leave_one_access() -> None:
    run = Script()
    x = run.tensor()
    for _ in range(1_000):
        run.op(S1, reads=x, writes=x)
    checker = Checker()
    checker.feed_all(run.rows)
    assert checker.hazards == []
    assert len(checker.storages[x.storage].accesses) <= 2


def blocking() -> Script:
    """Stream 9 is a blocking one: the default stream and it wait for each other."""
    run = Script()
    run.add(rows.NewStream, stream=9, kind="blocking")
    return run


def test_memory_of_the_default_stream_is_not_used_again_before_a_blocking_stream_is_done() -> None:
    run = blocking()
    x = run.tensor(DEFAULT)
    run.op(9, reads=x)
    run.free(x)
    assert run.kinds() == []


def test_memory_of_a_blocking_stream_is_not_used_again_before_the_default_stream_is_done() -> None:
    run = blocking()
    x = run.tensor(9)
    run.op(DEFAULT, reads=x)
    run.free(x)
    assert run.kinds() == []


def test_a_blocking_stream_that_is_done_has_waited_for_the_default_stream() -> None:
    run = blocking()
    host = run.buffer()
    run.op(DEFAULT, writes=host)
    run.synchronize(9)
    run.host(reads=host)
    assert run.kinds() == []


def test_the_default_stream_does_not_wait_for_what_a_blocking_stream_is_given_later() -> None:
    run = blocking()
    host = run.buffer()
    run.op(DEFAULT)
    run.op(9, writes=host)
    run.record(1, S1)
    run.host(reads=host)
    assert run.kinds() == ["race"]


def test_a_ring_may_wait_for_events_that_it_records_later() -> None:
    run = Script()
    for _ in range(2):
        run.wait(S1, 7)
        run.record(7, S1)
    assert run.kinds() == []


def test_an_empty_wait_that_another_thread_could_have_recorded_before_is_luck() -> None:
    run = Script()
    run.wait(S1, 7, t=1)
    run.record(7, S2, t=2)
    found = run.hazards()
    assert [(hazard.kind, hazard.waited, hazard.row, hazard.recorded) for hazard in found] == [
        ("event", "unordered", 4, 5)
    ]
    run = Script()
    run.wait(S1, 7, t=1)
    run.hand_over(1, 2)
    run.record(7, S2, t=2)
    assert run.kinds() == []


def test_whoever_used_it_has_waited_before_it_let_go() -> None:
    run = Script()
    x = run.tensor()
    for thread, stream in ((1, S1), (2, S2)):
        run.op(stream, reads=x, t=thread)
        run.synchronize(stream, t=thread)
    run.free(x, t=2)
    run.tensor()
    assert run.kinds() == []
    run = Script()
    x = run.tensor()
    run.op(S1, reads=x, t=1)
    run.op(S2, reads=x, t=2)
    run.synchronize(S2, t=2)
    run.free(x, t=2)
    run.tensor()
    assert run.kinds() == ["latent"], "thread 1 has not waited for its own use"
