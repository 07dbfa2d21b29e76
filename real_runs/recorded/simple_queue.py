"""``queue.SimpleQueue``, recorded: an item moves, and the move gets its time, while no other one does.

It knows how a real one waits, and nothing of the items.
"""

from __future__ import annotations

import queue
import types
from collections import deque
from types import FrameType
from typing import Any

from ...simcore.trace import NOTHING, Op
from ..log import request
from ..thread_log import now
from .clock import real_sleep
from .notes import Marks, Recording, getframe

RealSimpleQueue = queue.SimpleQueue


class SimpleQueue:
    """``queue.SimpleQueue``, recorded.

    The times of puts are in the order of the items, and so are those of gets, because a move and its time are one turn.
    Who calls ``put`` or ``get`` adds its frame to ``_line``, and it is the turn of the first: half the price of an ``RLock``.
    By the frame a call within a turn of its own thread (a finalizer may put at any moment) is told from one of another thread:
    it must not wait for the end of that turn, as the other must. Who has to wait leaves the line, as else all threads would
    hand the interpreter on at every turn.

    Who finds no item waits for a token in a real queue, and a put gives one if somebody waits by then. Tokens may be left
    over, so whoever gets one looks again.
    """

    __slots__ = (
        "__weakref__",
        "_append",
        "_gets",
        "_here",
        "_index",
        "_items",
        "_line",
        "_pop",
        "_puts",
        "_recorder",
        "_tokens",
        "_waiting",
    )

    def __new__(cls) -> Any:
        if Recording.recorder.places.made_by_library(getframe(1)):
            return RealSimpleQueue()  # pyright: ignore[reportUnknownVariableType]
        return super().__new__(cls)

    def __init__(self) -> None:
        self._recorder = Recording.recorder
        self._here = self._recorder.here
        self._items: deque[Any] = deque()
        self._append, self._pop = self._items.append, self._items.popleft
        # The line begins after four entries of nobody's. With fewer the list would be made smaller and larger at every turn.
        self._line: list[FrameType | None] = [None] * 4
        self._tokens: queue.SimpleQueue[None] = RealSimpleQueue()
        self._waiting: deque[None] = deque()
        """An entry for each getter that will look for an item once more before it waits for a token."""
        self._index = self._recorder.register_made(self, "SimpleQueue", getframe(1))
        self._puts = Marks(self._recorder, Op.PUT, self._index)
        self._gets = Marks(self._recorder, Op.GET, self._index)

    # put() and get() are written out as a lock's methods are, and for the same reason.

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        put = self._here.put
        frame = getframe(1)
        code, lasti, mark, _ = self._puts.last
        if frame.f_lasti != lasti or frame.f_code is not code:
            mark = self._puts.elsewhere(frame)
        line, append = self._line, self._append
        try:
            line.append(frame)
            if line[4] is frame or self._wait_for_turn(frame):
                time_ns = now()
                append(item)
                line.pop(4)
            else:
                time_ns = now()
                append(item)
        except BaseException:
            self._leave_turn(frame)
            raise
        put((mark, time_ns))
        if self._waiting:
            self._tokens.put(None)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        put = self._here.put
        frame = getframe(1)
        code, lasti, mark, _ = self._gets.last
        if frame.f_lasti != lasti or frame.f_code is not code:
            mark = self._gets.elsewhere(frame)
        if timeout is not None:
            _check(block, timeout)
        line, pop = self._line, self._pop
        try:
            line.append(frame)
            if line[4] is frame or self._wait_for_turn(frame):
                item = pop()
                time_ns = now()
                line.pop(4)
            else:
                item = pop()
                time_ns = now()
        except IndexError:
            self._leave_turn(frame)
            item, time_ns = None, 0
        except BaseException:
            self._leave_turn(frame)
            raise
        if not time_ns:
            item, time_ns = self._get_slowly(block, timeout, frame)
        put((mark, time_ns))
        return item

    def _wait_for_turn(self, frame: FrameType) -> bool:
        """False if the turn is an outer call's of this thread; its time and the inner one's may then be exchanged."""
        line = self._line
        while True:
            first = line[4]
            if first is frame:
                return True
            line.remove(frame)
            outer: FrameType | None = frame
            while outer is not None:
                if outer is first:
                    return False
                outer = outer.f_back
            real_sleep(0)  # the other thread was interrupted in its few instructions: all it needs is to run
            line.append(frame)

    def _leave_turn(self, frame: FrameType) -> None:
        if frame in self._line:
            self._line.remove(frame)

    def _get_slowly(self, block: bool, timeout: float | None, frame: FrameType) -> tuple[Any, int]:
        """The item and the time of its move."""
        recorder = self._recorder
        log, where = recorder.here.log, recorder.places.location(frame)
        try:
            if not block:
                raise queue.Empty
            request(recorder, log, self._index, "SimpleQueue.get", where, timeout is not None)
            return self._await_item(timeout, frame)
        except queue.Empty:
            log.add((log.index, Op.GET_FAILED, 0, self._index, where, NOTHING, now()))
            raise
        finally:
            log.waiting = False

    def _await_item(self, timeout: float | None, frame: FrameType) -> tuple[Any, int]:
        end_ns = 0 if timeout is None else now() + int(timeout * 1e9)
        self._waiting.append(None)
        try:
            while True:
                found = self._look(frame)
                if found:
                    return found
                self._tokens.get(True, None if timeout is None else max(0, end_ns - now()) / 1e9)
        finally:
            self._waiting.pop()
            if self._items and self._waiting:  # interrupted between token and item: both are for the next one
                self._tokens.put(None)

    def _look(self, frame: FrameType) -> tuple[Any, int] | None:
        try:
            self._line.append(frame)
            self._wait_for_turn(frame)
            return self._pop(), now()
        except IndexError:
            return None
        finally:
            self._leave_turn(frame)

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


def _check(block: bool, timeout: float) -> None:
    """Raise what the real one raises for a time limit that is none."""
    full: queue.SimpleQueue[None] = RealSimpleQueue()
    full.put(None)
    full.get(block, timeout)
