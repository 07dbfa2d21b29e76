"""torch's own CUDA Stream Sanitizer beside ours: what its tests expect, and where the two differ.

The first part has the expectations of torch's ``test/test_cuda_sanitizer.py``, class ``TestEventHandler``, under torch's
names; both checkers have to meet them, torch's so that they are known to be torch's. The second part is the table of
cases in which the answers are compared with the truth. The third draws programs in which both have to say the same.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from msgspec.structs import replace

from weft.checkers.gpu.hazards import hazards_of
from weft.simcore.gpu import rows

pytest.importorskip("torch", reason="torch is in the test extra for Python 3.11 only")

from .sanitizer import Case, Polled, Program, Sanitizer, ours, table, theirs
from .script import BYTES, DEFAULT, S1, S2, S3, Script

E, E2, E3 = 1, 2, 3
MANY = range(1, 11)
"""Streams where torch's tests take ten. Those beyond the script's own are met for the first time when they are used."""

# What torch's tests expect.

_EXPECTED: dict[str, tuple[Program, int]] = {}


def expects(errors: int) -> Callable[[Program], Program]:
    """Of the script's last action; everything before it is all right."""

    def put(program: Program) -> Program:
        _EXPECTED[program.__name__] = (program, errors)
        return program

    return put


@expects(0)
def empty_kernel_launch(run: Script) -> None:
    run.op(S1)


@expects(0)
def simple_passing(run: Script) -> None:
    x = run.tensor()
    for stream in (S1, S2):
        run.op(stream, reads=x)


@expects(1)
def simple_error(run: Script) -> None:
    x = run.tensor()
    run.op(S1, reads=x)
    run.op(S2, writes=x)


@expects(0)
def simple_sync(run: Script) -> None:
    x = run.tensor()
    run.op(S1, reads=x)
    run.record(E, S1)
    run.wait(S2, E)
    run.op(S2, writes=x)


@expects(1)
def reads_check_last_write(run: Script) -> None:
    """Another reader that is ordered after the writer helps nobody else."""
    x = run.tensor()
    run.op(S1, writes=x)
    run.record(E, S1)
    run.wait(S2, E)
    run.op(S2, reads=x)
    run.op(S3, reads=x)


@expects(1)
def branch_sync(run: Script) -> None:
    """Two streams that wait for a third may both read, and are in no order with each other."""
    x = run.tensor()
    run.op(S1, writes=x)
    run.record(E, S1)
    for stream in (S2, S3):
        run.wait(stream, E)
    for stream in (S2, S3):
        run.op(stream, reads=x)
    run.op(S2, writes=x)


@expects(0)
def chain_sync(run: Script) -> None:
    x = run.tensor()
    run.op(MANY[0], reads=x)
    for stream in MANY:
        run.record(stream, stream)
        run.wait(stream + 1, stream)
    run.op(MANY[-1] + 1, writes=x)


@expects(1)
def expired_record(run: Script) -> None:
    x = run.tensor()
    run.op(S1, reads=x)
    run.record(E, S1)
    run.op(S1, reads=x)
    run.wait(S2, E)
    run.op(S2, writes=x)


@expects(1)
def all_reads_checked_failing(run: Script) -> None:
    """The last of ten readers has an event, too, but it was recorded on the stream of the ninth."""
    x = run.tensor()
    *waited, left_out = MANY
    for stream in waited:
        run.op(stream, reads=x)
        run.record(stream, stream)
    for stream in waited:
        run.wait(DEFAULT, stream)
    run.op(left_out, reads=x)
    run.record(left_out, waited[-1])
    run.op(DEFAULT, writes=x)


@expects(0)
def all_reads_checked_passing(run: Script) -> None:
    x = run.tensor()
    for stream in MANY:
        run.op(stream, reads=x)
        run.record(stream, stream)
    for stream in MANY:
        run.wait(DEFAULT, stream)
    run.op(DEFAULT, writes=x)


@expects(10)
def multiple_errors(run: Script) -> None:
    """One for each tensor of the operation."""
    many = [run.tensor() for _ in range(10)]
    run.op(S1, writes=many)
    run.op(S2, writes=many)


@expects(0)
def correct_state_merging(run: Script) -> None:
    """A wait adds to what a stream knows: an older record of S1 takes nothing from what S1 did since."""
    x, y = run.tensor(), run.tensor()
    run.op(S1, writes=x)
    run.op(S2, writes=y)
    run.record(E, S1)
    run.record(E2, S2)
    run.op(S1, writes=x)
    run.op(S2, writes=y)
    run.wait(S2, E)
    run.wait(S1, E2)
    run.record(E3, S2)
    run.wait(S1, E3)
    run.op(S1, writes=[x, y])


@expects(1)
def record_override(run: Script) -> None:
    x, y = run.tensor(), run.tensor()
    run.op(S1, reads=x)
    run.op(S2, reads=y)
    run.record(E, S1)
    run.record(E, S2)
    run.wait(S3, E)
    run.op(S3, writes=x)


@expects(0)
def multiple_wait(run: Script) -> None:
    x = run.tensor()
    run.op(S1, writes=x)
    run.record(E, S1)
    for stream in (S2, S3):
        run.wait(stream, E)
    for stream in (S2, S3):
        run.op(stream, reads=x)


@expects(0)
def device_synchronize(run: Script) -> None:
    many = [run.tensor() for _ in MANY]
    for stream, x in zip(MANY, many, strict=True):
        run.op(stream, writes=x)
    run.add(rows.DeviceDone)
    run.op(DEFAULT, writes=many)


@expects(1)
def device_synchronization_expired(run: Script) -> None:
    """It covers what was launched before it."""
    x = run.tensor()
    run.op(S1, writes=x)
    run.add(rows.DeviceDone)
    run.op(S1, writes=x)
    run.op(S2, writes=x)


@expects(0)
def new_stream_is_synchronized(run: Script) -> None:
    x = run.tensor()
    run.op(S1, writes=x)
    run.add(rows.DeviceDone)
    run.add(rows.NewStream, stream=9)
    run.op(9, writes=x)


@expects(1)
def stream_synchronize(run: Script) -> None:
    """All streams may use what the synchronized one did, and nothing that another did."""
    x, y = run.tensor(), run.tensor()
    run.op(S1, writes=x)
    run.op(S2, writes=y)
    run.synchronize(S1)
    for stream in (S3, 4):
        run.op(stream, reads=x)
    run.op(5, reads=y)


@expects(1)
def event_synchronize(run: Script) -> None:
    """It covers what was launched before the record."""
    x, y = run.tensor(), run.tensor()
    run.op(S1, writes=x)
    run.record(E, S1)
    run.op(S1, writes=y)
    run.add(rows.EventDone, event=E)
    run.op(S2, writes=x)
    run.op(S2, writes=y)


@pytest.mark.parametrize("answer", [theirs, ours])
@pytest.mark.parametrize("name", _EXPECTED)
def test_what_torch_expects(name: str, answer: Callable[[list[rows.AnyRow]], int]) -> None:
    program, errors = _EXPECTED[name]
    run = Script()
    program(run)
    assert (answer(run.rows[:-1]), answer(run.rows)) == (0, errors)


@pytest.mark.parametrize(("deleted", "created"), [(True, True), (True, False), (False, True)])
def test_deleted_record(deleted: bool, created: bool) -> None:
    """A deleted event takes its record along, even if torch was told of only half of it. The next event may get its
    handle; to weft it is another event."""
    run = Script()
    x = run.tensor()
    run.op(S1, reads=x)
    run.record(E, S1)
    run.wait(S2, E2)
    run.op(S2, writes=x)
    assert ours(run.rows) == 1

    sanitizer = Sanitizer()
    *before, wait, write = run.rows
    assert isinstance(wait, rows.WaitEvent)
    assert sum(map(sanitizer.feed, before)) == 0
    if deleted:
        sanitizer.handler._handle_event_deletion(E)
    if created:
        sanitizer.handler._handle_event_creation(E)
    sanitizer.feed(replace(wait, event=E))
    assert sanitizer.feed(write) == 1


# Side by side.

CASES: list[Case] = []


def answers(*, theirs: int, ours: int, race: bool, why: str = "") -> Callable[[Program], Program]:
    """Put a program into the table; the first line of its docstring is its title there."""

    def put(program: Program) -> Program:
        title = (program.__doc__ or "").split("\n", 1)[0].removesuffix(".")
        CASES.append(Case(title, program, theirs, ours, race, why))
        return program

    return put


@answers(theirs=1, ours=1, race=True)
def no_order(run: Script) -> None:
    """Written on one stream, read on another."""
    x = run.tensor()
    run.op(S1, writes=x)
    run.op(S2, reads=x)


@answers(theirs=0, ours=0, race=False)
def event_synchronized(run: Script) -> None:
    """The same with an event in between that the host waits for."""
    x = run.tensor()
    run.op(S1, writes=x)
    run.record(E, S1)
    run.add(rows.EventDone, event=E)
    run.op(S2, reads=x)


@answers(theirs=1, ours=1, race=True)
def never_recorded(run: Script) -> None:
    """The other stream waits for an event that nobody recorded."""
    x = run.tensor()
    run.op(S1, writes=x)
    run.wait(S2, E)
    run.op(S2, reads=x)


@answers(theirs=1, ours=1, race=True)
def recorded_again_before_the_wait(run: Script) -> None:
    """It waits for an event that was recorded again elsewhere before the wait."""
    x = run.tensor()
    run.op(S1, writes=x)
    run.record(E, S1)
    run.record(E, S3)
    run.wait(S2, E)
    run.op(S2, reads=x)


@answers(theirs=0, ours=0, race=False)
def recorded_again_after_the_wait(run: Script) -> None:
    """The same, recorded again after the wait."""
    x = run.tensor()
    run.op(S1, writes=x)
    run.record(E, S1)
    run.wait(S2, E)
    run.record(E, S3)
    run.op(S2, reads=x)


@answers(theirs=1, ours=2, race=True, why="a write is held against the reads since the last write alone")
def a_write_after_a_write_and_a_read(run: Script) -> None:
    """Written and read on one stream, written on another."""
    x = run.tensor()
    run.op(S1, writes=x)
    run.op(S1, reads=x)
    run.op(S2, writes=x)


@answers(theirs=0, ours=1, race=True, why="a tensor is its first byte")
def views_that_overlap(run: Script) -> None:
    """`x[:-1]` written on one stream, `x[1:]` on another."""
    x = run.tensor()
    run.op(S1, writes=replace(x, high=BYTES - 4))
    run.op(S2, writes=replace(x, low=4))


@answers(theirs=0, ours=0, race=False)
def views_apart(run: Script) -> None:
    """The two halves of `x` written on two streams."""
    x = run.tensor()
    run.op(S1, writes=replace(x, high=BYTES // 2))
    run.op(S2, writes=replace(x, low=BYTES // 2))


@answers(theirs=0, ours=1, race=True, why="freed memory has no past")
def freed_and_given_out_again(run: Script) -> None:
    """Freed while a side stream reads it; the memory's next tensor is written."""
    x = run.tensor(address=4096)
    run.op(DEFAULT, writes=x)
    run.wait_stream(S1, DEFAULT)
    run.op(S1, reads=x)
    run.free(x)
    y = run.tensor(address=4096)
    run.op(DEFAULT, writes=y)


@answers(theirs=1, ours=0, race=False, why="freed memory has no past, but only where it begins")
def a_view_of_what_lived_there_before(run: Script) -> None:
    """`x[1:]` read on a side stream, with `record_stream`; then `y[1:]` of the memory's next tensor is written."""
    x = run.tensor(address=4096)
    run.op(DEFAULT, writes=x)
    run.wait_stream(S1, DEFAULT)
    run.op(S1, reads=replace(x, low=4))
    run.record_stream(x, S1)
    run.free(x)
    y = run.tensor(address=4096)
    run.op(DEFAULT, writes=replace(y, low=4))


@answers(theirs=0, ours=1, race=True, why="the host is one thread")
def one_thread_waits_and_another_launches(run: Script) -> None:
    """A host thread waits for the event, and another, which does not wait for that thread, launches the read."""
    x = run.tensor()
    run.op(S1, writes=x, t=1)
    run.record(E, S1, t=1)
    run.add(rows.EventDone, event=E, t=1)
    run.op(S2, reads=x, t=2)


@answers(theirs=0, ours=0, race=False)
def one_thread_waits_and_tells_the_other(run: Script) -> None:
    """The same with a queue between the two threads."""
    x = run.tensor()
    run.op(S1, writes=x, t=1)
    run.record(E, S1, t=1)
    run.add(rows.EventDone, event=E, t=1)
    run.hand_over(1, 2)
    run.op(S2, reads=x, t=2)


@answers(theirs=0, ours=1, race=True, why="the host is one thread")
def a_new_stream_of_another_thread(run: Script) -> None:
    """A host thread synchronizes the device, and another makes a new stream and launches the read there."""
    x = run.tensor()
    run.op(S1, writes=x, t=1)
    run.add(rows.DeviceDone, t=1)
    run.add(rows.NewStream, stream=9, t=2)
    run.op(9, reads=x, t=2)


@answers(theirs=0, ours=1, race=True, why="a stream is its handle: 0 on each device")
def default_streams_of_two_devices(run: Script) -> None:
    """Written on the default stream of `cuda:0`, read on that of `cuda:1`."""
    run.add(rows.NewStream, stream=9, device=1, kind="legacy")
    x = run.tensor()
    run.op(DEFAULT, writes=x)
    run.op(9, reads=x)


@answers(theirs=0, ours=1, race=True, why="a stream is its handle: 2 in each thread")
def default_streams_of_two_threads(run: Script) -> None:
    """Written on one thread's own default stream, read on another's."""
    for stream, thread in ((8, 1), (9, 2)):
        run.add(rows.NewStream, stream=stream, kind="per-thread", t=thread)
    x = run.tensor()
    run.op(8, writes=x, t=1)
    run.hand_over(1, 2)
    run.op(9, reads=x, t=2)


@answers(theirs=0, ours=1, race=True, why="a device synchronization is of all devices")
def another_device_synchronized(run: Script) -> None:
    """Written on a stream of `cuda:0`, `synchronize("cuda:1")`, read on another stream."""
    run.add(rows.NewStream, stream=9, device=1, kind="legacy")
    x = run.tensor()
    run.op(S1, writes=x)
    run.add(rows.DeviceDone, device=1)
    run.op(S2, reads=x)


@answers(theirs=1, ours=0, race=False, why="the default stream is like any other")
def blocking_stream_then_default(run: Script) -> None:
    """Written on a blocking stream of another library, read on the default stream."""
    run.add(rows.NewStream, stream=9, kind="blocking")
    x = run.tensor()
    run.op(9, writes=x)
    run.op(DEFAULT, reads=x)


@answers(theirs=1, ours=0, race=False, why="the default stream is like any other")
def default_stream_synchronized(run: Script) -> None:
    """Written on a blocking stream, the default stream synchronized, read on a third."""
    run.add(rows.NewStream, stream=9, kind="blocking")
    x = run.tensor()
    run.op(9, writes=x)
    run.synchronize(DEFAULT)
    run.op(S1, reads=x)


@answers(theirs=1, ours=0, race=False, why="a query is nothing")
def event_polled(run: Script) -> None:
    """The host asks `event.query()` until it says yes, and launches the read."""
    x = run.tensor()
    run.op(S1, writes=x)
    run.record(E, S1)
    run.add(Polled, event=E)
    run.op(S2, reads=x)


@answers(theirs=0, ours=1, race=True, why="host memory is nothing")
def pinned_buffer_read_too_early(run: Script) -> None:
    """Copied into pinned memory, `non_blocking`, and read by the host."""
    x, buffer = run.tensor(), run.buffer()
    run.op(DEFAULT, reads=x, writes=buffer)
    run.host(reads=buffer)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.program.__name__)
def test_side_by_side(case: Case) -> None:
    given = case.rows()
    assert (theirs(given), ours(given)) == (case.theirs, case.ours)
    assert bool(case.ours) == case.race, "weft is right in all of them"
    assert bool(case.why) == (case.theirs != case.ours)


def test_of_what_only_could_have_gone_wrong_torch_says_nothing() -> None:
    """Neither has a pair here. weft has a warning: the wait came after the record by luck, the memory goes back early."""
    run = Script()
    x = run.tensor()
    run.op(S1, writes=x, t=1)
    run.record(E, S1, t=1)
    run.wait(S2, E, t=2)
    run.op(S2, reads=x, t=2)
    run.free(x, t=2)
    assert (theirs(run.rows), ours(run.rows)) == (0, 0)
    assert [hazard.kind for hazard in hazards_of(run.rows)] == ["event", "reuse", "reuse"]


def test_the_table_of_the_page_is_what_both_say() -> None:
    lines = table(CASES).splitlines()
    assert len(lines) == len(CASES) + 2
    assert lines[2] == "| Written on one stream, read on another | race | race | race |  |"
    wrong = [line for line in lines if "**" in line]
    assert len(wrong) == sum(bool(case.theirs) != case.race for case in CASES)


# Programs that nobody chose.


def drawn(chance: Random) -> list[rows.AnyRow]:
    """One host thread, streams of the pool, tensors that are used whole and stay."""
    run = Script()
    tensors = [run.tensor() for _ in range(3)]
    for _ in range(chance.randint(5, 40)):
        stream, other = chance.sample(range(1, 6), 2)
        match chance.choices(range(7), weights=[6, 1, 3, 8, 1, 1, 0.3])[0]:
            case 0:
                used = chance.sample(tensors, chance.randint(1, 2))
                writes = chance.random() < 0.4
                run.op(stream, reads=used[writes:], writes=used[:writes])
            case 1:
                run.record(chance.randrange(4), stream)
            case 2:
                run.wait(stream, chance.randrange(4))
            case 3:
                run.wait_stream(stream, other)
            case 4:
                run.add(rows.EventDone, event=chance.randrange(4))
            case 5:
                run.synchronize(stream)
            case _:
                run.add(rows.DeviceDone)
    return run.rows


def first_races(given: list[rows.AnyRow]) -> tuple[int | None, int | None]:
    """The row of the first race, by torch and by weft."""
    sanitizer = Sanitizer()
    by_torch = next((number for number, row in enumerate(given) if sanitizer.feed(row)), None)
    by_weft = next((hazard.row for hazard in hazards_of(given) if hazard.kind == "race"), None)
    return by_torch, by_weft


@pytest.mark.parametrize("seed", range(100))
def test_the_first_race_of_a_plain_program_is_the_same(seed: int) -> None:
    """After the first, torch forgets accesses that were in no order; but there it has ended the program."""
    by_torch, by_weft = first_races(drawn(Random(seed)))
    assert by_torch == by_weft


def test_plain_programs_are_of_both_kinds() -> None:
    racing = [first_races(drawn(Random(seed)))[1] is not None for seed in range(100)]
    assert 20 < sum(racing) < 80
