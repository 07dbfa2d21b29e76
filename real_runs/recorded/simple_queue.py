"""``queue.SimpleQueue``, recorded: moves of items under a lock with their notes.

It knows when a real one has something to give, and nothing of the items.
"""

from __future__ import annotations

import _thread
import queue
import types
from collections import deque
from types import FrameType
from typing import Any

from ...simcore.trace import NOTHING, Op
from ..log import request
from ..thread_log import now
from .notes import Marks, Recording, getframe

RealSimpleQueue = queue.SimpleQueue


class SimpleQueue:
    """``queue.SimpleQueue``, recorded.

    The real one, holding a token an item, does the waiting; items are moved under a lock with the note, since two
    stamps around the real calls could come out in the wrong order.
    """

    def __new__(cls) -> Any:
        if Recording.recorder.places.made_by_library(getframe(1)):
            return RealSimpleQueue()  # pyright: ignore[reportUnknownVariableType]
        return super().__new__(cls)

    def __init__(self) -> None:
        self._recorder = Recording.recorder
        self._tokens: Any = RealSimpleQueue()
        self._items: deque[Any] = deque()
        self._moving = _thread.RLock()  # re-entrant, as the real put is: a finalizer may put
        self._index = self._recorder.register_made(self, "SimpleQueue", getframe(1))
        self._puts = Marks(self._recorder, Op.PUT, self._index)
        self._gets = Marks(self._recorder, Op.GET, self._index)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        mark = self._puts.at(getframe(1))
        with self._moving:
            self._recorder.here.put((mark, now()))
            self._items.append(item)
            self._tokens.put(None)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        frame = getframe(1)
        try:
            if not block or (timeout is not None and timeout < 0):
                self._tokens.get(block, timeout)
            else:
                self._take_token(timeout, frame)
        except queue.Empty:
            log, where = self._recorder.here.log, self._recorder.places.location(frame)
            log.add((log.index, Op.GET_FAILED, 0, self._index, where, NOTHING, now()))
            raise
        mark = self._gets.at(frame)
        with self._moving:
            item = self._items.popleft()
            self._recorder.here.put((mark, now()))
        return item

    def _take_token(self, timeout: float | None, frame: FrameType) -> None:
        try:
            self._tokens.get(False)
        except queue.Empty:
            recorder = self._recorder
            log, where = recorder.here.log, recorder.places.location(frame)
            request(recorder, log, self._index, "SimpleQueue.get", where, timeout is not None)
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
