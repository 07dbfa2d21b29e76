"""The ``queue`` module's classes, recorded: every put and get in its true order, requests only from who waits.

It knows where the real queues wait and where they move an item, and nothing of the items.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from ...simcore.trace import NOTHING, Op
from ..log import request
from ..thread_log import now
from .notes import Marks, Recording, getframe, note

RealQueue = queue.Queue
RealLifoQueue = queue.LifoQueue
RealPriorityQueue = queue.PriorityQueue
RealCondition = threading.Condition
ShutDown: type[Exception] = getattr(queue, "ShutDown", queue.Full)
"""Python 3.13 and later."""


class _Gate(RealCondition):
    """One of a queue's conditions: whoever waits here has to wait for the queue."""

    def __init__(self, owner: Queue, label: str) -> None:
        super().__init__(owner.mutex)
        self._recorder = owner._recorder
        self._target = owner._index
        self._label = label

    def wait(self, timeout: float | None = None) -> bool:
        recorder = self._recorder
        log = recorder.here.log
        if log.requested != self._target:
            log.requested = self._target
            where = recorder.places.location(getframe(1))
            request(recorder, log, self._target, self._label, where, timeout is not None)
        log.waiting = timeout is None
        try:
            return super().wait(timeout)
        finally:
            log.waiting = False


def _wake_one(waiting: Any) -> None:
    """``waiting.notify()`` by the owner of its lock; that nobody waits is by far the most frequent."""
    if waiting._waiters:
        waiting.notify()


class Queue(RealQueue[Any]):
    """``queue.Queue``, recorded. Puts and gets are noted under the queue's own mutex: their order is the true one.

    A put or get that need not wait is done here, with what the real one does in that case; any other is left to it.
    """

    _kind = "Queue"

    def __new__(cls, maxsize: int = 0, *args: Any, **kwargs: Any) -> Any:
        if cls in _REAL_QUEUES and Recording.recorder.places.made_by_library(getframe(1)):
            return _REAL_QUEUES[cls](maxsize)
        return super().__new__(cls)

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._recorder = recorder = Recording.recorder
        self._index = recorder.register_made(self, self._kind, getframe(1), capacity=max(maxsize, 0))
        self._puts = Marks(recorder, Op.PUT, self._index)
        self._gets = Marks(recorder, Op.GET, self._index)
        self._open = True
        self.not_empty = _Gate(self, "Queue.get")
        self.not_full = _Gate(self, "Queue.put")
        self.all_tasks_done = _Gate(self, "Queue.join")
        # On the instance, around whatever a subclass overrides: these two are called with the mutex held.
        this: Any = self
        self._put_really: Callable[[Any], None] = this._put
        self._get_really: Callable[[], Any] = this._get
        this._put = self._put_hook = self._noted_put
        this._get = self._get_hook = self._noted_get

    def _noted_put(self, item: Any) -> None:
        self._put_really(item)
        self._recorder.here.put((self._puts.at(getframe(1)), now()))

    def _noted_get(self) -> Any:
        item = self._get_really()
        self._recorder.here.put((self._gets.at(getframe(1)), now()))
        return item

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if timeout is None:
            with self.mutex:
                if self._open and (self.maxsize <= 0 or self._qsize() < self.maxsize):
                    if self._put is self._put_hook:
                        self._put_really(item)
                        self._recorder.here.put((self._puts.at(getframe(1)), now()))
                    else:  # the program has put its own in the place of ours
                        self._put(item)
                    self.unfinished_tasks += 1
                    _wake_one(self.not_empty)
                    return
        try:
            super().put(item, block, timeout)
        except (queue.Full, ShutDown):
            note(self._recorder, Op.PUT_FAILED, self._index, now())
            raise
        finally:
            self._recorder.here.log.requested = NOTHING

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if timeout is None:
            with self.mutex:
                if self._open and self._qsize():
                    if self._get is self._get_hook:
                        item = self._get_really()
                        self._recorder.here.put((self._gets.at(getframe(1)), now()))
                    else:
                        item = self._get()
                    _wake_one(self.not_full)
                    return item
        try:
            return super().get(block, timeout)
        except (queue.Empty, ShutDown):
            note(self._recorder, Op.GET_FAILED, self._index, now())
            raise
        finally:
            self._recorder.here.log.requested = NOTHING

    def task_done(self) -> None:
        time_ns = now()
        super().task_done()
        note(self._recorder, Op.TASK_DONE, self._index, time_ns)

    def join(self) -> None:
        try:
            super().join()
        finally:
            self._recorder.here.log.requested = NOTHING
        note(self._recorder, Op.JOIN, self._index, now())

    def shutdown(self, immediate: bool = False) -> None:
        """Python 3.13 and later; before, the attribute error is the real queue's."""
        really = super().shutdown  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        note(self._recorder, Op.CLOSE, self._index, now())
        self._open = False
        really(immediate)


if not hasattr(RealQueue, "shutdown"):
    del Queue.shutdown


class LifoQueue(Queue, RealLifoQueue[Any]):
    """``queue.LifoQueue``, recorded."""

    _kind = "LifoQueue"


class PriorityQueue(Queue, RealPriorityQueue[Any]):
    """``queue.PriorityQueue``, recorded."""

    _kind = "PriorityQueue"


_REAL_QUEUES: dict[Any, Any] = {Queue: RealQueue, LifoQueue: RealLifoQueue, PriorityQueue: RealPriorityQueue}
