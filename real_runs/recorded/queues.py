"""The ``queue`` module's classes, recorded: every put and get in its true order, requests only from who waits.

It knows where the real queues wait and where they move an item, and nothing of the items.
"""

from __future__ import annotations

import queue
import sys
import types
from collections import deque
from collections.abc import Callable
from typing import Any

from ...simcore.trace import NOTHING, Op
from ..log import ThreadLog, now, request
from .condition import RealCondition
from .lock import RealRLock
from .notes import Recording, note

RealQueue = queue.Queue
RealLifoQueue = queue.LifoQueue
RealPriorityQueue = queue.PriorityQueue
RealSimpleQueue = queue.SimpleQueue


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
            where = recorder.location(sys._getframe(1))
            request(recorder, log, self._target, self._label, where, timeout is not None)
        log.waiting = timeout is None
        try:
            return super().wait(timeout)
        finally:
            log.waiting = False


class Queue(RealQueue):  # pyright: ignore[reportMissingTypeArgument]
    """``queue.Queue``, recorded. Puts and gets are noted under the queue's own mutex: their order is the true one."""

    _kind = "Queue"

    def __new__(cls, maxsize: int = 0, *args: Any, **kwargs: Any) -> Any:
        if cls in _REAL_QUEUES and Recording.recorder.made_by_library(sys._getframe(1)):
            return _REAL_QUEUES[cls](maxsize)
        return super().__new__(cls)

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._recorder = recorder = Recording.recorder
        self._index = recorder.register_made(self, self._kind, sys._getframe(1), capacity=max(maxsize, 0))
        self.not_empty = _Gate(self, "Queue.get")
        self.not_full = _Gate(self, "Queue.put")
        self.all_tasks_done = _Gate(self, "Queue.join")
        # On the instance, around whatever a subclass overrides: these two are called with the mutex held.
        this: Any = self
        this._put = self._noted_put(this._put)
        this._get = self._noted_get(this._get)

    def _noted_put(self, really: Callable[[Any], None]) -> Callable[[Any], None]:
        recorder, index = self._recorder, self._index

        def put(item: Any) -> None:
            really(item)
            recorder.here.log.requested = NOTHING
            note(recorder, Op.PUT, index, now())

        return put

    def _noted_get(self, really: Callable[[], Any]) -> Callable[[], Any]:
        recorder, index = self._recorder, self._index

        def get() -> Any:
            item = really()
            recorder.here.log.requested = NOTHING
            note(recorder, Op.GET, index, now())
            return item

        return get

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        try:
            super().put(item, block, timeout)  # pyright: ignore[reportUnknownMemberType]
        except queue.Full:
            self._recorder.here.log.requested = NOTHING
            note(self._recorder, Op.PUT_FAILED, self._index, now())
            raise

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return super().get(block, timeout)  # pyright: ignore[reportUnknownVariableType]
        except queue.Empty:
            self._recorder.here.log.requested = NOTHING
            note(self._recorder, Op.GET_FAILED, self._index, now())
            raise

    def task_done(self) -> None:
        time_ns = now()
        super().task_done()
        note(self._recorder, Op.TASK_DONE, self._index, time_ns)

    def join(self) -> None:
        super().join()
        self._recorder.here.log.requested = NOTHING
        note(self._recorder, Op.JOIN, self._index, now())

    def shutdown(self, immediate: bool = False) -> None:
        """Python 3.13 and later; before, the attribute error is the real queue's."""
        really = super().shutdown  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        note(self._recorder, Op.CLOSE, self._index, now())
        really(immediate)


if not hasattr(RealQueue, "shutdown"):
    del Queue.shutdown


class LifoQueue(Queue, RealLifoQueue):  # pyright: ignore[reportMissingTypeArgument]
    """``queue.LifoQueue``, recorded."""

    _kind = "LifoQueue"


class PriorityQueue(Queue, RealPriorityQueue):  # pyright: ignore[reportMissingTypeArgument]
    """``queue.PriorityQueue``, recorded."""

    _kind = "PriorityQueue"


_REAL_QUEUES: dict[Any, Any] = {Queue: RealQueue, LifoQueue: RealLifoQueue, PriorityQueue: RealPriorityQueue}


class SimpleQueue:
    """``queue.SimpleQueue``, recorded.

    The real one, holding a token an item, does the waiting; items are moved under a lock with the note, since two
    stamps around the real calls could come out in the wrong order.
    """

    def __new__(cls) -> Any:
        if Recording.recorder.made_by_library(sys._getframe(1)):
            return RealSimpleQueue()  # pyright: ignore[reportUnknownVariableType]
        return super().__new__(cls)

    def __init__(self) -> None:
        self._recorder = Recording.recorder
        self._tokens: Any = RealSimpleQueue()
        self._items: deque[Any] = deque()
        self._moving = RealRLock()  # re-entrant, as the real put is: a finalizer may put
        self._index = self._recorder.register_made(self, "SimpleQueue", sys._getframe(1))

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        with self._moving:
            note(self._recorder, Op.PUT, self._index, now())
            self._items.append(item)
            self._tokens.put(None)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.location(sys._getframe(1))
        tokens = self._tokens
        try:
            if not block or (timeout is not None and timeout < 0):
                tokens.get(block, timeout)
            else:
                self._wait(log, where, timeout)
        except queue.Empty:
            log.add((log.index, Op.GET_FAILED, 0, self._index, where, NOTHING, now()))
            raise
        with self._moving:
            item = self._items.popleft()
            log.add((log.index, Op.GET, 0, self._index, where, NOTHING, now()))
        return item

    def _wait(self, log: ThreadLog, where: int, timeout: float | None) -> None:
        try:
            self._tokens.get(False)
        except queue.Empty:
            request(self._recorder, log, self._index, "SimpleQueue.get", where, timeout is not None)
            try:
                self._tokens.get(True, timeout)
            finally:
                log.waiting = False

    def put_nowait(self, item: Any) -> None:
        self.put(item)

    def get_nowait(self) -> Any:
        return self.get(False)

    def empty(self) -> bool:
        return not self._items

    def qsize(self) -> int:
        return len(self._items)

    def __class_getitem__(cls, item: Any) -> Any:
        return types.GenericAlias(RealSimpleQueue, item)  # pyright: ignore[reportUnknownVariableType]
