"""The log's two ways in: rows, and numbers of known rows with a time; and that frequent events keep their places."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from weft.real_runs.log import Recorder, now
from weft.simcore.trace import NOTHING, Header, Op, Trace, load

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


def test_both_ways_in_come_out_in_order_of_time(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "log.weft", Header("test", "real"))
    log = recorder.main
    place = recorder.add_location("prog.py", 3, "main")
    target = recorder.register("Lock", "lock", place)
    taken = recorder.known_row(Op.ACQUIRE, target, place)
    extra = recorder.extra("why", {"why": "test"})
    given = recorder.known_row(Op.RELEASE, target, place, outcome=2, extra=extra)
    start = now()
    log.put((taken, start))
    log.add((log.index, Op.REQUEST, 1, target, place, NOTHING, start + 1))
    log.put((given, start + 2))
    assert recorder.pending() == 3
    recorder.flush()
    later = recorder.known_row(Op.ACQUIRE, target, NOTHING)
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
