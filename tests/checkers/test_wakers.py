"""Who could have ended a wait: the object's own history, that of its twins, and other executions."""

from __future__ import annotations

import pytest

from weft.checkers.holding import read
from weft.checkers.wakers import sentence, wakers, waking
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder

MAIN, PRODUCER, CONSUMER = range(3)
JOBS, TWIN, OTHER, READY = range(4)


def trace_of(*steps: tuple[int, Op, int]) -> Trace:
    """``jobs`` and its twin come from one line, another queue from a different one; the line of a step is its number."""
    builder = TraceBuilder(Header("hand.py", "explored"))
    tables = builder.tables
    tables.threads += [ThreadInfo("main"), ThreadInfo("producer", 0), ThreadInfo("consumer", 0)]
    made, elsewhere = tables.location("hand.py", 100, "make"), tables.location("hand.py", 200, "make")
    tables.objects += [
        ObjectInfo("Queue", "jobs", made),
        ObjectInfo("Queue", "twin", made),
        ObjectInfo("Queue", "other", elsewhere),
        ObjectInfo("Event", "ready", elsewhere),
    ]
    for line, (thread, operation, target) in enumerate(steps, 1):
        extra = {"operation": "Queue.get", "detail": "empty"} if operation is Op.REQUEST else None
        builder.add(thread, operation, target, tables.location("hand.py", line, "f"), extra=extra)
    return builder.build()


def told(trace: Trace, *others: Trace) -> str:
    situation = read(trace)
    return sentence(situation, situation.blocked[CONSUMER], others)


BLOCKED = (CONSUMER, Op.REQUEST, JOBS)


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([], "Nobody ever puts anything into it."),
        ([(PRODUCER, Op.PUT, JOBS)], "producer last put into it at hand.py:1 and goes on."),
        (
            [(PRODUCER, Op.PUT, JOBS), (PRODUCER, Op.PUT, JOBS), (PRODUCER, Op.END, JOBS)],
            "producer last put into it at hand.py:2 and has ended.",
        ),
        (
            [(PRODUCER, Op.PUT, JOBS), (PRODUCER, Op.REQUEST, OTHER)],
            "producer last put into it at hand.py:1 and waits itself (Queue.get other).",
        ),
        (
            [(PRODUCER, Op.PUT, TWIN)],
            "Nobody ever puts anything into it; producer put into another one made there at hand.py:1.",
        ),
        ([(PRODUCER, Op.PUT, OTHER)], "Nobody ever puts anything into it."),
        ([(CONSUMER, Op.PUT, JOBS)], "Only consumer itself put into it, before."),
    ],
)
def test_the_sentence_of_a_report(steps: list[tuple[int, Op, int]], text: str) -> None:
    assert told(trace_of(*steps, BLOCKED)) == text


def test_the_latest_comes_first_and_the_own_object_before_its_twins() -> None:
    trace = trace_of((PRODUCER, Op.PUT, JOBS), (MAIN, Op.PUT, JOBS), (PRODUCER, Op.PUT, TWIN), BLOCKED)
    found = wakers(trace, JOBS, "Queue.get", but=CONSUMER)
    assert [(waker.name, waker.at, waker.same) for waker in found] == [
        ("main", "hand.py:2", True),
        ("producer", "hand.py:1", True),
    ]


def test_another_execution_may_know_more() -> None:
    """In another schedule the producer came to its put; here it failed before."""
    other = trace_of((PRODUCER, Op.PUT, JOBS))
    trace = trace_of(BLOCKED)
    (waker,) = wakers(trace, JOBS, "Queue.get", [other], but=CONSUMER)
    assert (waker.name, waker.at, waker.elsewhere) == ("producer", "hand.py:1", True)
    assert told(trace, other) == (
        "Here nobody puts anything into it; in another schedule producer put into it at hand.py:1."
    )


@pytest.mark.parametrize(
    ("kind", "operation", "ended_by"),
    [
        ("Queue", "Queue.put", Op.GET),
        ("Queue", "Queue.join", Op.TASK_DONE),
        ("SimpleQueue", "SimpleQueue.get", Op.PUT),
        ("Condition", "Condition.wait", Op.NOTIFY),
        ("Event", "Event.wait", Op.SET),
        ("Barrier", "Barrier.wait", Op.ARRIVE),
        ("Semaphore", "Semaphore.acquire", Op.RELEASE),
        ("Future", "Future.result", Op.SET),
        ("Thread", "join", Op.END),
    ],
)
def test_what_ends_a_wait(kind: str, operation: str, ended_by: Op) -> None:
    assert ended_by in waking(kind, operation).operations
