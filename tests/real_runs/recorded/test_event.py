"""Recorded events: set, seen and cleared, each where the program does it; looking is no event."""

from __future__ import annotations

import threading
from collections.abc import Callable

from weft.simcore.trace import Trace

from ..conftest import assert_true_order, kind_of, labels
from .conftest import until_blocked, waiting_for

Recorded = Callable[[Callable[[], object]], Trace]


def test_operations_are_placed_where_the_program_calls_them(recorded: Recorded) -> None:
    def body() -> None:
        event = threading.Event()
        for _ in range(2):
            event.set()
            assert event.is_set()
            assert event.wait()
            event.clear()

    trace = recorded(body)
    first = body.__code__.co_firstlineno
    found = [
        (event.operation.label, trace.tables.locations[event.location].line - first, event.outcome)
        for event in trace
        if kind_of(trace, event) == "Event"
    ]
    assert found == [("set", 3, 0), ("wait", 5, 1), ("clear", 6, 0)] * 2


def test_who_waits_asks_first_and_is_woken_by_set(recorded: Recorded) -> None:
    def body() -> None:
        event = threading.Event()
        thread = threading.Thread(target=event.wait, name="test-waiter")
        thread.start()
        until_blocked(lambda: waiting_for("Event"))
        event.set()
        thread.join()

    trace = recorded(body)
    assert labels(trace, "Event") == ["request", "set", "wait"]
    assert_true_order(trace)


def test_an_event_looks_like_the_real_one(recorded: Recorded) -> None:
    shown: list[str] = []
    recorded(lambda: shown.append(repr(threading.Event())))
    assert shown[0].startswith("<threading.Event at ")
    assert shown[0].endswith(": unset>")
