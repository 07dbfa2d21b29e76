"""Small real programs and what every trace of a real run must satisfy."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from weft.real_runs.log import Recorder
from weft.real_runs.recorded.takeover import recording
from weft.simcore.trace import Event, Header, Op, Trace, load

LOCKS = ("Lock", "RLock")
QUEUES = ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue")


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[[Callable[[], object]], Trace]:
    """Runs a function with the recording primitives, in this process, and gives its trace in order of time."""

    def run(function: Callable[[], object]) -> Trace:
        path = tmp_path / "run.weft"
        recorder = Recorder(path, Header("test", "real"))
        with recording(recorder):
            function()
        recorder.close()
        return load(path)

    return run


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """Writes a program to a file and gives its path."""

    def write(source: str) -> str:
        path = tmp_path / "program.py"
        path.write_text(source, encoding="utf-8")
        return str(path)

    return write


def labels(trace: Trace, kind: str) -> list[str]:
    """The operations on objects of a kind, in order."""
    return [event.operation.label for event in trace if kind_of(trace, event) == kind]


def kind_of(trace: Trace, event: Event) -> str:
    return trace.tables.objects[event.object].kind if event.object >= 0 else ""


def assert_true_order(trace: Trace) -> None:
    """Every object's operations are in an order in which they could have taken effect, and requests are honest."""
    owners: dict[int, int] = {}
    sizes: Counter[int] = Counter()
    permits: Counter[int] = Counter()
    seen: dict[int, list[Op]] = {}
    notified: Counter[int] = Counter()
    requested: dict[int, Event] = {}
    last_ns = -1
    for event in trace:
        assert event.time_ns is not None
        assert event.time_ns >= last_ns
        last_ns = event.time_ns
        before = requested.pop(event.thread, None)
        if before is not None:
            assert event.object == before.object, "a request is followed by what was requested"
            assert event.operation is not Op.REQUEST
        if event.operation is Op.REQUEST:
            requested[event.thread] = event
            continue
        kind = kind_of(trace, event)
        row = trace.tables.objects[event.object] if event.object >= 0 else None
        earlier = seen.setdefault(event.object, [])
        if kind in LOCKS and event.operation is Op.ACQUIRE:
            assert event.object not in owners, f"{trace.object_name(event.object)} was free"
            owners[event.object] = event.thread
        elif kind in LOCKS and event.operation is Op.RELEASE:
            assert owners.pop(event.object) == event.thread
        elif kind == "Condition" and event.operation is Op.WAIT:
            assert row is not None
            assert owners.pop(row.part_of) == event.thread
        elif kind == "Condition" and event.operation is Op.NOTIFY:
            notified[event.object] += event.outcome
        elif kind == "Condition" and event.operation is Op.WAKE:
            notified[event.object] -= 1
            assert notified[event.object] >= 0, "somebody was notified"
        elif kind in QUEUES and event.operation in (Op.PUT, Op.GET):
            assert row is not None
            sizes[event.object] += 1 if event.operation is Op.PUT else -1
            assert sizes[event.object] >= 0
            assert not row.capacity or sizes[event.object] <= row.capacity
        elif kind.endswith("Semaphore") and event.operation in (Op.ACQUIRE, Op.RELEASE):
            assert row is not None
            permits[event.object] += 1 if event.operation is Op.RELEASE else -1
            assert row.capacity + permits[event.object] >= 0
        elif kind == "Event" and event.operation is Op.WAIT:
            assert Op.SET in earlier
        elif kind == "Future" and event.operation in (Op.RUN, Op.SET, Op.RESULT):
            needed = {Op.RUN: Op.SUBMIT, Op.SET: Op.RUN, Op.RESULT: Op.SET}[event.operation]
            assert needed in earlier
        elif kind == "Thread" and event.operation in (Op.BEGIN, Op.END, Op.JOIN) and event.object != 0:
            needed = {Op.BEGIN: Op.START, Op.END: Op.BEGIN, Op.JOIN: Op.END}[event.operation]
            assert needed in earlier
        earlier.append(event.operation)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("test-")]
