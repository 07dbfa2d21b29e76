"""All trace checkers on one trace: each may be asked about any trace, and a good run of any world is clean."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.checkers.all_checkers import TRACE_CHECKERS
from weft.checkers.finding import Finding
from weft.simcore.profile import IDEAL
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.trace import Header, Location, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder, load

KINDS = ("Lock", "RLock", "Semaphore", "Condition", "Event", "Queue", "Barrier", "Future", "Thread", "Variable")


def findings_of(trace: Trace) -> list[Finding]:
    return [finding for checker in TRACE_CHECKERS for finding in checker(trace)]


def test_a_good_run_in_virtual_time_is_clean() -> None:
    def program() -> None:
        lock, changed, items = threading.Lock(), threading.Condition(), list[int]()

        def put() -> None:
            for number in range(5):
                with lock:
                    pass
                with changed:
                    items.append(number)
                    changed.notify()

        def get() -> None:
            for _ in range(5):
                with changed:
                    while not items:
                        changed.wait()
                    items.pop()

        made = [threading.Thread(target=body) for body in (put, get)]
        for thread in made:
            thread.start()
        for thread in made:
            thread.join()

    with takeover():
        result = TimedWorld(cores=2, profile=IDEAL, measure=False, scheduler_events=True).run(program)
    assert result.trace is not None
    assert findings_of(result.trace) == []


def test_a_deadlock_in_virtual_time_is_found_in_its_trace() -> None:
    def program() -> None:
        one, two, met = threading.Lock(), threading.Lock(), threading.Barrier(2)

        def take(first: threading.Lock, second: threading.Lock) -> None:
            with first:
                met.wait()
                with second:
                    pass

        for pair in ((one, two), (two, one)):
            threading.Thread(target=take, args=pair).start()

    with takeover():
        result = TimedWorld(cores=2, profile=IDEAL, measure=False, scheduler_events=True).run(program)
    assert result.trace is not None
    assert "D001" in {finding.rule for finding in findings_of(result.trace)}


def test_a_time_out_that_did_not_pass_is_no_deadlock() -> None:
    def program() -> None:
        lock = threading.Lock()
        lock.acquire()
        threading.Thread(target=lambda: lock.acquire(timeout=100), name="patient", daemon=True).start()
        threading.Event().wait(1)

    with takeover():
        result = TimedWorld(cores=2, profile=IDEAL, measure=False, scheduler_events=True).run(program)
    assert result.trace is not None
    assert findings_of(result.trace) == []


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_checker_fails_on_any_sequence_of_events(data: st.DataObject) -> None:
    """Recorded and imported traces are not ours to vouch for: whatever they hold, a checker says what it can."""
    builder = TraceBuilder(Header("any.py", "real"))
    threads = data.draw(st.integers(1, 3))
    builder.tables.threads += [ThreadInfo(f"t{number}", number - 1) for number in range(threads)]
    builder.tables.objects += [
        ObjectInfo(kind, kind.lower(), part_of=0 if kind == "Condition" else -1, thread=0 if kind == "Thread" else -1)
        for kind in KINDS
    ]
    place = builder.tables.location("/nowhere/any.py", 3, "f")
    operations = [op for op in Op if op is not Op.FAIL]
    for time_ns in range(data.draw(st.integers(0, 25))):
        builder.add(
            data.draw(st.integers(0, threads - 1)),
            data.draw(st.sampled_from(operations)),
            data.draw(st.integers(-1, len(KINDS) - 1)),
            data.draw(st.sampled_from([-1, place])),
            time_ns,
            data.draw(st.integers(0, 2)),
        )
    for checker in TRACE_CHECKERS:
        checker(builder.build())


def test_a_saved_trace_gives_the_same_findings(tmp_path: Path) -> None:
    builder = TraceBuilder(Header("hand.py", "explored"))
    builder.tables.threads += [ThreadInfo("one"), ThreadInfo("two", 0)]
    builder.tables.objects += [ObjectInfo("Lock", "a"), ObjectInfo("Lock", "b")]
    builder.tables.locations.append(Location("hand.py", 1, "f"))
    for thread, operation, target in ((0, Op.ACQUIRE, 0), (1, Op.ACQUIRE, 1), (0, Op.REQUEST, 1), (1, Op.REQUEST, 0)):
        builder.add(thread, operation, target, 0, extra={"operation": "acquire"} if operation is Op.REQUEST else None)
    builder.build().save(tmp_path / "trace.weft")
    before = findings_of(builder.build())
    assert before
    assert findings_of(load(tmp_path / "trace.weft")) == before


@pytest.mark.parametrize("checker", TRACE_CHECKERS)
def test_an_empty_trace_holds_nothing(checker: object) -> None:
    assert callable(checker)
    assert checker(TraceBuilder(Header("empty.py", "real")).build()) == []
