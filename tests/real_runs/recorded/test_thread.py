"""Recorded threads: begun, failed, ended and joined as real ones are."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from weft.simcore.trace import Op, Trace

from ..conftest import assert_true_order, labels

Recorded = Callable[[Callable[[], object]], Trace]


def test_thread_failures_are_noted_where_they_were_raised(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def fails() -> None:
        raise LookupError("gone")

    def body() -> None:
        thread = threading.Thread(target=fails, name="test-fails")
        thread.start()
        thread.join()

    trace = recorded(body)
    failure = next(event for event in trace if event.operation is Op.FAIL)
    assert failure.extra["type"] == "LookupError"
    assert failure.extra["message"] == "gone"
    assert trace.at(failure.location) == f"test_thread.py:{fails.__code__.co_firstlineno + 1}"
    assert trace.thread_name(failure.thread) == "test-fails"


def test_thread_misuse_raises_what_threading_raises(recorded: Recorded) -> None:
    def body() -> None:
        thread = threading.Thread(target=int)
        with pytest.raises(RuntimeError, match="cannot join thread before it is started"):
            thread.join()
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            thread.start()
        with pytest.raises(RuntimeError, match="cannot join current thread"):
            threading.current_thread().join()

    trace = recorded(body)
    assert [label for label in labels(trace, "Thread") if label != "request"] == ["start", "begin", "end", "join"]


def test_subclass_and_timer_threads(recorded: Recorded) -> None:
    def body() -> None:
        class Worker(threading.Thread):
            def run(self) -> None:
                self.ran = True

        worker = Worker(name="test-worker")
        worker.start()
        worker.join()
        assert worker.ran
        timer = threading.Timer(60, int)
        timer.start()
        timer.cancel()
        timer.join()

    trace = recorded(body)
    assert "cancel" in labels(trace, "Thread")
    assert_true_order(trace)
