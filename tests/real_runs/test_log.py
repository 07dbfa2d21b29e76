"""The log: kept marks and single rows come out alike, and frequent events keep their places."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from weft.real_runs.log import Recorder
from weft.real_runs.thread_log import FORM_BITS, now
from weft.simcore.trace import NOTHING, Header, ObjectInfo, Op, Trace, load

Recorded = Callable[[Callable[[], object]], Trace]


def lines_of(trace: Trace) -> list[tuple[str, int]]:
    """Operation and line, relative to the first, of the events on locks."""
    rows = [
        (event.operation.label, trace.tables.locations[event.location].line)
        for event in trace
        if event.object >= 0 and trace.tables.objects[event.object].kind in ("Lock", "RLock")
    ]
    first = rows[0][1]
    return [(operation, line - first) for operation, line in rows]


def test_kept_marks_and_single_rows_come_out_in_order_of_time(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "log.weft", Header("test", "real"))
    log = recorder.main
    place = recorder.places.add("prog.py", 3, "main")
    target = recorder.register(ObjectInfo("Lock", "lock", place))
    taken = target << FORM_BITS | recorder.form(Op.ACQUIRE, place)
    extra = recorder.extra("why", {"why": "test"})
    given = target << FORM_BITS | recorder.form(Op.RELEASE, place, outcome=2, extra=extra)
    start = now()
    log.put((taken, start))
    log.add((log.index, Op.REQUEST, 1, target, place, NOTHING, start + 1))
    log.put((given, start + 2))
    assert recorder.pending() == 3
    recorder.flush()
    later = target << FORM_BITS | recorder.form(Op.ACQUIRE, NOTHING)
    log.put((later, start + 3))
    recorder.close()
    assert recorder.pending() == 4
    trace = load(tmp_path / "log.weft")
    found = [(event.operation, event.outcome, event.location, event.extra) for event in trace]
    assert found == [
        (Op.ACQUIRE, 0, place, None),
        (Op.REQUEST, 1, place, None),
        (Op.RELEASE, 2, place, {"why": "test"}),
        (Op.ACQUIRE, 0, NOTHING, None),
    ]
    assert [event.time_ns for event in trace] == [start - recorder.origin_ns + number for number in range(4)]


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_a_lock_taken_in_turn_at_two_places_keeps_both(recorded: Recorded, kind: str) -> None:
    def body() -> None:
        lock = getattr(threading, kind)()
        for _ in range(3):
            with lock:
                pass
            lock.acquire()
            lock.release()

    found = lines_of(recorded(body))
    assert found == [("acquire", 0), ("release", 0), ("acquire", 2), ("release", 3)] * 3


def test_a_lock_taken_through_the_library_is_placed_where_the_user_called_it(recorded: Recorded) -> None:
    """The library's own line is the same each time; the user's is not."""

    def body() -> None:
        lock = threading.Lock()
        with contextlib.ExitStack() as stack:
            stack.enter_context(lock)
        with contextlib.ExitStack() as stack:
            stack.enter_context(lock)

    found = lines_of(recorded(body))
    assert [line for operation, line in found if operation == "acquire"] == [0, 2]


def test_a_failing_release_is_no_event(recorded: Recorded) -> None:
    def body() -> None:
        lock = threading.Lock()
        with pytest.raises(RuntimeError):
            lock.release()
        again = threading.RLock()
        with pytest.raises(RuntimeError):
            again.release()
        with pytest.raises(RuntimeError):
            again.__exit__(None, None, None)
        with again:
            pass

    assert [operation for operation, _ in lines_of(recorded(body))] == ["acquire", "release"]


def test_many_places_and_threads_lose_nothing(recorded: Recorded) -> None:
    def body() -> None:
        lock = threading.Lock()

        def worker() -> None:
            for _ in range(500):
                with lock:
                    pass
                with lock:
                    pass

        threads = [threading.Thread(target=worker) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    trace = recorded(body)
    operations = [operation for operation, _ in lines_of(trace) if operation != "request"]
    assert operations == ["acquire", "release"] * 4000


def test_events_that_no_code_of_the_users_called_have_no_place(tmp_path: Path) -> None:
    """In every recording anew: what one recorder knows of them is nothing to the next."""
    for operations in ([Op.SET], [Op.CLEAR, Op.SET]):
        recorder = Recorder(tmp_path / "log.weft", Header("test", "real"))
        for operation in operations:
            form = recorder.form_at(recorder.places.at(None), operation)
            recorder.here.put((NOTHING << FORM_BITS | form, now()))
        recorder.close()
        assert [(event.operation, event.location) for event in load(tmp_path / "log.weft")] == [
            (operation, NOTHING) for operation in operations
        ]


def test_forms_are_numbered_once_whoever_asks(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "log.weft", Header("test", "real"))
    asked = [(operation, location, outcome) for operation in Op for location in range(3) for outcome in range(3)]
    found: list[list[int]] = []

    def body() -> None:
        found.append([recorder.form(*row) for row in asked])

    threads = [threading.Thread(target=body) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for numbers in found:
        rows = [recorder.forms[number] for number in numbers]
        assert [(row[1], row[4], row[2]) for row in rows] == asked
    recorder.close()
