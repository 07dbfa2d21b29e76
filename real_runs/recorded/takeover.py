"""Puts the recording versions in the place of the standard library's, for a while.

It knows where each name lives and nothing of what it does.
"""

from __future__ import annotations

import _thread
import concurrent.futures
import concurrent.futures._base
import concurrent.futures.thread
import queue
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ...simcore import device_wait as _device_wait
from ...simcore import work as _work
from ..log import Recorder
from .barrier import Barrier
from .clock import io, sleep, work
from .condition import Condition
from .event import Event
from .futures import Future, ThreadPoolExecutor, as_completed, wait
from .lock import Lock, RLock
from .notes import Recording
from .queues import LifoQueue, PriorityQueue, Queue
from .semaphore import BoundedSemaphore, Semaphore
from .simple_queue import SimpleQueue
from .thread import cancel, join, start


def _replacements() -> list[tuple[Any, str, Any]]:
    table: list[tuple[Any, str, Any]] = [
        (_thread, "allocate_lock", Lock),
        (_thread, "RLock", RLock),
        (threading, "Lock", Lock),
        (threading, "RLock", RLock),
        (threading, "_CRLock", RLock),
        (threading, "Condition", Condition),
        (threading, "Semaphore", Semaphore),
        (threading, "BoundedSemaphore", BoundedSemaphore),
        (threading, "Event", Event),
        (threading, "Barrier", Barrier),
        (threading.Thread, "start", start),
        (threading.Thread, "join", join),
        (threading.Timer, "cancel", cancel),
        (queue, "Queue", Queue),
        (queue, "LifoQueue", LifoQueue),
        (queue, "PriorityQueue", PriorityQueue),
        (queue, "SimpleQueue", SimpleQueue),
        (time, "sleep", sleep),
        (_work, "work", work),
        (_device_wait, "io", io),
    ]
    for package in (concurrent.futures, concurrent.futures._base):
        table += [(package, "Future", Future), (package, "wait", wait), (package, "as_completed", as_completed)]
    for package in (concurrent.futures, concurrent.futures.thread):
        table.append((package, "ThreadPoolExecutor", ThreadPoolExecutor))
    face = sys.modules.get("weft")
    if face is not None:
        table += [(face, "work", work), (face, "io", io)]
    return table


@contextmanager
def recording(recorder: Recorder) -> Generator[None]:
    """While it lasts, the standard library's threading family records into ``recorder``.

    Objects made before it, and names imported before it, keep the real thing.
    """
    replaced = [(holder, name, getattr(holder, name), value) for holder, name, value in _replacements()]
    Recording.recorder = recorder
    for holder, name, _, value in replaced:
        setattr(holder, name, value)
    try:
        yield
    finally:
        for holder, name, original, _ in reversed(replaced):
            setattr(holder, name, original)
