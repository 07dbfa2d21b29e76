"""Threads that meet, and looking from outside whether one waits. Threads meet at events, nobody sleeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from weft.real_runs.log import Recorder
from weft.real_runs.recorded.clock import real_sleep
from weft.real_runs.recorded.notes import Recording
from weft.real_runs.thread_log import FORM_BITS, ThreadLog
from weft.simcore.trace import Op


def in_threads(count: int, body: Callable[[int], object]) -> None:
    threads = [threading.Thread(target=body, args=(index,), name=f"test-{index}") for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def until_blocked(held: Callable[[], bool]) -> None:
    """Give way until another thread has come to where it waits (its state says so), for at most some seconds."""
    deadline = time.monotonic() + 120
    while not held():
        assert time.monotonic() < deadline
        real_sleep(0.0005)


def waiting_for(kind: str) -> bool:
    """Is a recorded thread blocked in a request? The log says so while the program runs."""
    recorder = Recording.recorder
    return any(last_event(recorder, log) in ((Op.REQUEST, kind), (Op.WAIT, kind)) for log in recorder.logs)


def last_event(recorder: Recorder, log: ThreadLog) -> tuple[Op, str] | None:
    """Operation and kind of object of what the thread logged last, if that is not in the file yet."""
    if not log.stamped:
        return None
    mark = log.stamped[-2]
    target = mark >> FORM_BITS
    operation = Op(recorder.forms[mark & ((1 << FORM_BITS) - 1)][1])
    return operation, recorder.tables.objects[target].kind if target >= 0 else ""
