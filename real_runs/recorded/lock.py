"""``Lock`` and ``RLock``, recorded, and what a condition asks of them.

A condition gives its lock up and takes it back through methods that write nothing: those notes are the condition's.
"""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import Any

from ...simcore.primitives.lock import warn_of_arguments
from ...simcore.trace import NOTHING
from ..log import allocate_lock, now, request
from .notes import ACQUIRE, ACQUIRE_FAILED, RELEASE, Recording

RealRLock = _thread.RLock
getframe = sys._getframe


class Lock:
    """``threading.Lock``, recorded."""

    __slots__ = (
        "__weakref__",
        "_acquire_real",
        "_code",
        "_given",
        "_here",
        "_index",
        "_lasti",
        "_real",
        "_recorder",
        "_release_real",
        "_releases",
        "_sites",
        "_taken",
    )
    _kind = "Lock"

    def __new__(cls) -> Any:
        """The standard library gets a real one for itself, the program a recorded one."""
        if cls is Lock and Recording.recorder.made_by_library(sys._getframe(1)):
            return allocate_lock()
        return super().__new__(cls)

    def __init_subclass__(cls) -> None:
        if Lock in cls.__bases__ and cls.__module__ != __name__:
            raise TypeError("type '_thread.lock' is not an acceptable base type")

    def __init__(self) -> None:
        self._recorder = Recording.recorder
        self._real: Any = self._make_real()
        self._acquire_real = self._real.acquire
        self._release_real = self._real.release
        self._index = self._recorder.register_made(self, self._kind, sys._getframe(1))
        self._forget_sites()

    def _forget_sites(self) -> None:
        """Where it is taken, by code and place in it; the last place is looked at first.

        Changed by the holder alone. ``_taken`` and ``_given`` are the rows of an acquire there and of the release at the
        end of a ``with``, whose place is the same line.
        """
        self._here = self._recorder.here
        self._code: CodeType | None = None
        self._lasti = -1
        self._taken = self._given = 0
        self._sites: dict[int, tuple[int, int]] = {}
        self._releases: dict[int, int] = {}

    def _at_site(self, frame: FrameType) -> None:
        """Set the rows for where the lock was just taken."""
        code, lasti = frame.f_code, frame.f_lasti
        # A code object holds its instructions, so an address and an offset are of one code object only; the recorder
        # keeps it alive.
        rows = self._sites.get(id(code) + lasti)
        if rows is None:
            recorder = self._recorder
            where = recorder.location(frame)
            rows = recorder.known_row(ACQUIRE, self._index, where), recorder.known_row(RELEASE, self._index, where)
            if recorder.hidden(code):  # then the place is further out, and may be another one next time
                self._code = None
                self._taken, self._given = rows
                return
            self._sites[id(code) + lasti] = rows
        self._code, self._lasti = code, lasti
        self._taken, self._given = rows

    def _release_row(self, frame: FrameType) -> int:
        recorder = self._recorder
        row = recorder.known_row(RELEASE, self._index, recorder.location(frame))
        if not recorder.hidden(frame.f_code):
            self._releases[id(frame.f_code) + frame.f_lasti] = row
        return row

    def _make_real(self) -> Any:
        return allocate_lock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking and timeout == -1 and self._acquire_real(False):
            time_ns = now()
            frame = getframe(1)
            if frame.f_lasti != self._lasti or frame.f_code is not self._code:
                self._at_site(frame)
            self._here.put((self._taken, time_ns))
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
        extra = NOTHING
        if got and (limited or not blocking):  # it could not have waited for ever
            how = "timed" if blocking else "try"
            extra = recorder.extra(("blocking", how), {"blocking": how})
        log.add((log.index, ACQUIRE if got else ACQUIRE_FAILED, int(got), self._index, where, extra, now()))
        return got

    def release(self) -> None:
        time_ns = now()
        self._release_real()
        frame = getframe(1)
        row = self._releases.get(id(frame.f_code) + frame.f_lasti)
        if row is None:
            row = self._release_row(frame)
        self._here.put((row, time_ns))

    def locked(self) -> bool:
        return self._real.locked()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def __enter__(self) -> bool:
        if self._acquire_real(False):
            time_ns = now()
            frame = getframe(1)
            if frame.f_lasti != self._lasti or frame.f_code is not self._code:
                self._at_site(frame)
            self._here.put((self._taken, time_ns))
            return True
        frame = getframe(1)
        self._acquire_slowly(True, -1, frame)
        self._at_site(frame)
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        given, time_ns = self._given, now()
        self._release_real()
        self._here.put((given, time_ns))

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

    __slots__ = ("_depth", "_owned")
    _kind = "RLock"

    def __new__(cls, *_arguments: object, **_named: object) -> Any:
        """Like the original it takes any arguments and has no use for them; see :meth:`Lock.__new__`."""
        if cls is RLock and Recording.recorder.made_by_library(sys._getframe(1)):
            return RealRLock()
        return object.__new__(cls)

    def __init__(self, *arguments: object, **named: object) -> None:
        warn_of_arguments(arguments, named)
        self._depth = 0
        self._recorder = Recording.recorder
        self._real = RealRLock()
        self._owned = self._real._is_owned
        self._acquire_real = self._real.acquire
        self._release_real = self._real.release
        self._index = self._recorder.register_made(self, self._kind, sys._getframe(1))
        self._forget_sites()

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
        time_ns = now()
        if self._leave():
            frame = getframe(1)
            row = self._releases.get(id(frame.f_code) + frame.f_lasti)
            if row is None:
                row = self._release_row(frame)
            self._here.put((row, time_ns))

    def _leave(self) -> bool:
        """Go up one level; was it the outermost?"""
        if not self._owned():
            self._release_real()  # raises what the real one raises
        self._depth -= 1
        outermost = self._depth == 0
        self._release_real()
        return outermost

    @property
    def locked(self) -> Callable[[], bool]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The real one's, where it has one (from CPython 3.14 on): programs may ask with ``hasattr``."""
        return self._real.locked

    def __enter__(self) -> bool:
        if self._acquire_real(False):
            depth = self._depth = self._depth + 1
            if depth == 1:
                time_ns = now()
                frame = getframe(1)
                if frame.f_lasti != self._lasti or frame.f_code is not self._code:
                    self._at_site(frame)
                self._here.put((self._taken, time_ns))
            return True
        frame = getframe(1)
        self._acquire_slowly(True, -1, frame)
        self._depth = 1
        self._at_site(frame)
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        given, time_ns = self._given, now()
        if self._depth != 1 or not self._owned():
            self._leave()
            return
        self._depth = 0
        self._release_real()
        self._here.put((given, time_ns))

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
