"""``Condition``, recorded, with waiters of its own: only so is it known whom a notify woke.

It knows the recorded locks, and works on any other object that ``threading.Condition`` takes for a lock.
"""

from __future__ import annotations

import _thread
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ...simcore.trace import NOTHING, Op
from ..log import request
from ..thread_log import ThreadLog, now
from .lock import RecordedLock, RLock
from .notes import Marks, Recording, getframe

RealCondition = threading.Condition


class InnerCondition(RealCondition):
    """The condition inside a semaphore or an event: entered by its lock's own methods, and quick when nobody waits.

    ``with`` finds these methods in the slots; whoever looks for them on the class (``ExitStack``) does not, so it is
    nothing to give to a program.
    """

    __slots__ = ("__enter__", "__exit__")
    _waiters: deque[Any]

    def __init__(self) -> None:
        lock: Any = _thread.allocate_lock()
        super().__init__(lock)
        self.__enter__ = lock.__enter__
        self.__exit__ = lock.__exit__

    def notify(self, n: int = 1) -> None:
        if self._waiters:
            super().notify(n)


class _Waiter:
    """One thread in ``wait()``: a locked lock that notify opens."""

    __slots__ = ("gate", "thread")

    def __init__(self, thread: int) -> None:
        self.gate = _thread.allocate_lock()
        self.gate.acquire()
        self.thread = thread


class Condition(RealCondition):
    """``threading.Condition``, recorded. ``wait`` gives the lock up and takes it back: wait, wake, acquire."""

    _waiters: deque[_Waiter]
    _lock: Any
    _is_owned: Callable[[], bool]

    def __new__(cls, lock: Any = None) -> Any:
        if cls is Condition and Recording.recorder.places.made_by_library(getframe(1)):
            return RealCondition(lock)
        return super().__new__(cls)

    def __init__(self, lock: Any = None) -> None:
        self._recorder = Recording.recorder
        if lock is None:
            lock = object.__new__(RLock)  # RLock() is a real one here: this module is none of the user's
            lock.__init__()
        super().__init__(lock)
        part_of = lock._index if isinstance(lock, RecordedLock) else NOTHING
        self._index = self._recorder.register_made(self, "Condition", getframe(1), part_of=part_of)
        self._here = self._recorder.here
        self._lock_is_recorded = isinstance(lock, RecordedLock)
        self._vain_notifies = Marks(self._recorder, Op.NOTIFY, self._index)

    def __enter__(self) -> bool:
        return self._lock.__enter__(2) if self._lock_is_recorded else self._lock.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return self._lock.__exit__(kind, error, traceback)

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.places.location(getframe(1))
        waiter = _Waiter(log.index)
        self._waiters.append(waiter)
        log.add((log.index, Op.WAIT, 0, self._index, where, NOTHING, now()))
        log.waiting = timeout is None
        saved: Any = self._release_save()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType]
        notified = False
        try:
            if timeout is None:
                notified = waiter.gate.acquire()
            else:
                notified = waiter.gate.acquire(True, timeout) if timeout > 0 else waiter.gate.acquire(False)
        finally:
            log.waiting = False
            woken = Op.WAKE if notified else Op.TIMEOUT
            log.add((log.index, woken, int(notified), self._index, where, NOTHING, now()))
            self._take_back(saved, log, where)
            if not notified and waiter in self._waiters:
                self._waiters.remove(waiter)
        return notified

    def _take_back(self, saved: Any, log: ThreadLog, where: int) -> None:
        lock = self._lock
        if not isinstance(lock, RecordedLock):
            self._acquire_restore(saved)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            return
        if not lock._retake(saved, False):
            request(self._recorder, log, lock._index, "acquire", where, False)
            try:
                lock._retake(saved, True)
            finally:
                log.waiting = False
        log.add((log.index, Op.ACQUIRE, 1, lock._index, where, NOTHING, now()))

    def notify(self, n: int = 1) -> None:
        if not self._is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        frame = getframe(1)
        waiters = self._waiters
        time_ns = now()
        if not waiters:
            code, lasti, mark, _ = self._vain_notifies.last
            if frame.f_lasti != lasti or frame.f_code is not code:
                mark = self._vain_notifies.elsewhere(frame)
            put = self._here.put
            put((mark, time_ns))
            return
        recorder = self._recorder
        chosen: list[int] = []
        while waiters and len(chosen) < n:
            waiter = waiters.popleft()
            chosen.append(waiter.thread)
            waiter.gate.release()
        extra = recorder.extra(("woken", *chosen), {"woken": chosen}) if chosen else NOTHING
        log, where = recorder.here.log, recorder.places.location(frame)
        log.add((log.index, Op.NOTIFY, len(chosen), self._index, where, extra, time_ns))

    def notify_all(self) -> None:
        self.notify(len(self._waiters))
