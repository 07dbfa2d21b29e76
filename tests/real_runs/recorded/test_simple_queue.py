"""The recorded SimpleQueue: first in, first out, in the order of its notes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import pytest

from weft.simcore.trace import Trace

from ..conftest import assert_true_order, labels
from .conftest import until_blocked, waiting_for

Recorded = Callable[[Callable[[], object]], Trace]


def test_simple_queue_keeps_order(recorded: Recorded) -> None:
    def body() -> None:
        line: queue.SimpleQueue[int] = queue.SimpleQueue()
        taken: list[int] = []
        consumer = threading.Thread(target=lambda: taken.extend(line.get() for _ in range(3)), name="test-consumer")
        consumer.start()
        until_blocked(lambda: waiting_for("SimpleQueue"))
        for item in range(3):
            line.put(item)
        consumer.join()
        assert taken == [0, 1, 2]
        assert line.empty()
        with pytest.raises(queue.Empty):
            line.get(timeout=0.001)

    trace = recorded(body)
    assert labels(trace, "SimpleQueue").count("put") == 3
    assert_true_order(trace)
