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
        self._here = self._recorder.here
        tokens: queue.SimpleQueue[None] = RealSimpleQueue()
        self._give, self._take = tokens.put, tokens.get
        self._items: deque[Any] = deque()
        self._moving = _thread.RLock()  # re-entrant, as the real put is: a finalizer may put
        self._index = self._recorder.register_made(self, "SimpleQueue", getframe(1))
        self._puts = Marks(self._recorder, Op.PUT, self._index)
        self._gets = Marks(self._recorder, Op.GET, self._index)

    # put() and get() are written out as a lock's methods are, and for the same reason.

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        frame = getframe(1)
        code, lasti, mark, _ = self._puts.last
        if frame.f_lasti != lasti or frame.f_code is not code:
            mark = self._puts.elsewhere(frame)
        put = self._here.put
        with self._moving:
            put((mark, now()))
            self._items.append(item)
            self._give(None)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        frame = getframe(1)
        if timeout is not None:
            self._take_within(block, timeout, frame)
        else:
            try:
                self._take(False)
            except queue.Empty:
                if not block:
                    self._note_failure(frame)
                    raise
                self._await_token(None, frame)
        code, lasti, mark, _ = self._gets.last
        if frame.f_lasti != lasti or frame.f_code is not code:
            mark = self._gets.elsewhere(frame)
        put = self._here.put
        with self._moving:
            item = self._items.popleft()
            put((mark, now()))
        return item

    def _take_within(self, block: bool, timeout: float, frame: FrameType) -> None:
        try:
            if not block or timeout < 0:
                self._take(block, timeout)  # raises what the real one raises
                return
            try:
                self._take(False)
            except queue.Empty:
                self._await_token(timeout, frame)
        except queue.Empty:
            self._note_failure(frame)
            raise

    def _await_token(self, timeout: float | None, frame: FrameType) -> None:
        recorder = self._recorder
        log, where = recorder.here.log, recorder.places.location(frame)
        request(recorder, log, self._index, "SimpleQueue.get", where, timeout is not None)
        try:
            self._take(True, timeout)
        finally:
            log.waiting = False

    def _note_failure(self, frame: FrameType) -> None:
        log, where = self._recorder.here.log, self._recorder.places.location(frame)
        log.add((log.index, Op.GET_FAILED, 0, self._index, where, NOTHING, now()))

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
