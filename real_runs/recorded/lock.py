"""``Lock`` and ``RLock``, recorded, and what a condition asks of them.

A condition gives its lock up and takes it back through methods that write nothing: those notes are the condition's.
"""

from __future__ import annotations

import _thread
import sys
from types import TracebackType
from typing import Any

from ...simcore.trace import NOTHING
from ..log import allocate_lock, now, request
from .notes import ACQUIRE, ACQUIRE_FAILED, RELEASE, Recording

RealRLock = _thread.RLock


class Lock:
    """``threading.Lock``, recorded."""

    __slots__ = ("__weakref__", "_acquire_real", "_index", "_real", "_recorder")
    _kind = "Lock"

    def __init__(self) -> None:
        self._recorder = Recording.recorder
        self._real: Any = self._make_real()
        self._acquire_real = self._real.acquire
        self._index = self._recorder.register_made(self, self._kind, sys._getframe(1))

    def _make_real(self) -> Any:
        return allocate_lock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking and timeout == -1 and self._acquire_real(False):
            time_ns = now()
            recorder = self._recorder
            log = recorder.here.log
            where = recorder.location(sys._getframe(1))
            log.add((log.index, ACQUIRE, 0, self._index, where, NOTHING, time_ns))
            return True
        return self._acquire_slowly(blocking, timeout, sys._getframe(1))

    def _acquire_slowly(self, blocking: bool, timeout: float, frame: Any) -> bool:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.location(frame)
        acquire = self._acquire_real
        limited = timeout != -1
        # A call with arguments the real lock refuses must reach it unchanged; any other may try before it waits.
        valid = blocking and (not limited or 0 <= timeout <= _thread.TIMEOUT_MAX)
        if not valid:
            got = acquire(blocking, timeout)
        else:
            got = acquire(False)
            if not got:
                request(recorder, log, self._index, "acquire", where, limited)
                try:
                    got = acquire(True, timeout)
                finally:
                    log.waiting = False
        log.add((log.index, ACQUIRE if got else ACQUIRE_FAILED, int(got), self._index, where, NOTHING, now()))
        return got

    def release(self) -> None:
        time_ns = now()
        self._real.release()
        recorder = self._recorder
        log = recorder.here.log
        log.add((log.index, RELEASE, 0, self._index, recorder.location(sys._getframe(1)), NOTHING, time_ns))

    def locked(self) -> bool:
        return self._real.locked()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def __enter__(self) -> bool:
        if self._acquire_real(False):
            time_ns = now()
            recorder = self._recorder
            log = recorder.here.log
            where = recorder.location(sys._getframe(1))
            log.add((log.index, ACQUIRE, 0, self._index, where, NOTHING, time_ns))
            return True
        return self._acquire_slowly(True, -1, sys._getframe(1))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        time_ns = now()
        self._real.release()
        recorder = self._recorder
        log = recorder.here.log
        log.add((log.index, RELEASE, 0, self._index, recorder.location(sys._getframe(1)), NOTHING, time_ns))

    def __repr__(self) -> str:
        return repr(self._real)

    def _at_fork_reinit(self) -> None:
        self._real._at_fork_reinit()

    # What Condition asks of its lock; a wait gives it up and takes it back without notes of its own.

    def _is_owned(self) -> bool:
        return self._real.locked()

    def _release_save(self) -> int:
        self._real.release()
        return 1

    def _acquire_restore(self, depth: int) -> None:
        self._retake(depth, True)

    def _retake(self, depth: int, blocking: bool) -> bool:
        return self._acquire_real(blocking)


class RLock(Lock):
    """``threading.RLock``, recorded. Only the outermost acquire and release are events.

    Invariant: ``_depth`` is changed by the owner alone (test_recorded.py: test_only_the_outermost_level_is_an_event).
    """

    __slots__ = ("_depth",)
    _kind = "RLock"

    def __init__(self) -> None:
        self._depth = 0
        self._recorder = Recording.recorder
        self._real = RealRLock()
        self._acquire_real = self._real.acquire
        self._index = self._recorder.register_made(self, self._kind, sys._getframe(1))

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if self._real._is_owned():
            self._acquire_real(blocking, timeout)
            self._depth += 1
            return True
        got = self._acquire_slowly(blocking, timeout, sys._getframe(1))
        if got:
            self._depth = 1
        return got

    def release(self) -> None:
        self._leave(sys._getframe(1))

    def _leave(self, frame: Any) -> None:
        time_ns = now()
        if not self._real._is_owned():
            self._real.release()  # raises what the real one raises
        self._depth -= 1
        outermost = self._depth == 0
        self._real.release()
        if outermost:
            recorder = self._recorder
            log = recorder.here.log
            log.add((log.index, RELEASE, 0, self._index, recorder.location(frame), NOTHING, time_ns))

    def locked(self) -> bool:
        return self._real.locked()

    def __enter__(self) -> bool:
        if self._real._is_owned():
            self._acquire_real()
            self._depth += 1
            return True
        got = self._acquire_slowly(True, -1, sys._getframe(1))
        self._depth = 1
        return got

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave(sys._getframe(1))

    def __getattr__(self, name: str) -> Any:
        # What only some versions have (_recursion_count): the real lock knows whether it exists.
        return getattr(object.__getattribute__(self, "_real"), name)

    def _is_owned(self) -> bool:
        return self._real._is_owned()

    def _release_save(self) -> int:
        depth = self._depth
        self._depth = 0
        self._real._release_save()
        return depth

    def _retake(self, depth: int, blocking: bool) -> bool:
        if not self._acquire_real(blocking):
            return False
        for _ in range(depth - 1):
            self._acquire_real()
        self._depth = depth
        return True


def make_lock() -> Any:
    """``threading.Lock()``: the standard library gets a real one for itself, the program a recorded one."""
    if Recording.recorder.made_by_library(sys._getframe(1)):
        return allocate_lock()
    return Lock()


def make_rlock() -> Any:
    """``threading.RLock()``; see :func:`make_lock`."""
    if Recording.recorder.made_by_library(sys._getframe(1)):
        return RealRLock()
    return RLock()
