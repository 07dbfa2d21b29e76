"""``Lock`` and ``RLock``, recorded, and what a condition asks of them.

A condition gives its lock up and takes it back through methods that write nothing: those notes are the condition's.

Taking a free lock and giving it back are the most frequent events there are, so these methods are written out, each
with its own copy of the same lines, and use local names: a call of ours costs as much as a look-up of the mark.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from ...simcore.primitives.lock import warn_of_arguments
from ...simcore.trace import NOTHING, Op
from ..log import request
from ..thread_log import now
from .notes import UNKNOWN, Known, Marks, Recording, getframe

RealRLock = _thread.RLock
allocate_lock = _thread.allocate_lock
Held = tuple[int, Known]
"""How many times, and where, the owner had taken a lock."""
_AT_ONCE = (False,)
"""The arguments that take a lock only if it is free; a tuple that is there already is faster passed than made."""


class RecordedLock:
    """What both kinds have in common: the real one, and where it was taken and given back."""

    __slots__ = (
        "__weakref__",
        "_acquire_real",
        "_acquires",
        "_here",
        "_index",
        "_is_owned",
        "_real",
        "_recorder",
        "_release_real",
        "_releases",
    )
    _kind = "Lock"

    def _record(self, real: Any, is_owned: Callable[[], bool], frame: FrameType) -> None:
        self._recorder = Recording.recorder
        self._here = self._recorder.here
        self._real = real
        self._acquire_real: Callable[..., bool] = real.acquire
        self._release_real: Callable[[], None] = real.release
        self._is_owned = is_owned
        self._index = self._recorder.register_made(self, self._kind, frame)
        self._acquires = Marks(self._recorder, Op.ACQUIRE, self._index, outcome=1, end=Op.RELEASE)
        self._releases = Marks(self._recorder, Op.RELEASE, self._index)

    def _acquire_slowly(self, blocking: bool, timeout: float, frame: FrameType) -> bool:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.places.location(frame)
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
        time_ns = now()
        extra = NOTHING
        if got:
            self._acquires.elsewhere(frame)
            if limited or not blocking:  # it could not have waited for ever
                how = "timed" if blocking else "try"
                extra = recorder.extra(("blocking", how), {"blocking": how})
        operation = Op.ACQUIRE if got else Op.ACQUIRE_FAILED
        log.add((log.index, operation, int(got), self._index, where, extra, time_ns))
        return got

    def __repr__(self) -> str:
        return repr(self._real)

    def _at_fork_reinit(self) -> None:
        self._real._at_fork_reinit()

    # For conditions, which give their lock up and take it back without notes of its own.

    def _release_save(self) -> Held:
        held = (1, self._acquires.last)
        self._release_real()
        return held

    def _retake(self, held: Held, blocking: bool) -> bool:
        if not self._acquire_real(blocking):
            return False
        _, self._acquires.last = held
        return True

    def _acquire_restore(self, held: Held) -> None:
        self._retake(held, True)


class Lock(RecordedLock):
    """``threading.Lock``, recorded."""

    __slots__ = ()

    def __new__(cls) -> Any:
        """The standard library gets a real one for itself, the program a recorded one."""
        if cls is Lock and Recording.recorder.places.made_by_library(getframe(1)):
            return allocate_lock()
        return super().__new__(cls)

    def __init_subclass__(cls) -> None:
        raise TypeError("type '_thread.lock' is not an acceptable base type")

    def __init__(self) -> None:
        real = allocate_lock()
        self._record(real, real.locked, getframe(1))

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking and timeout == -1:
            acquire = self._acquire_real
            if acquire(*_AT_ONCE):
                time_ns = now()
                frame = getframe(1)
                code, lasti, mark, _ = self._acquires.last
                if frame.f_lasti != lasti or frame.f_code is not code:
                    mark = self._acquires.elsewhere(frame)
                put = self._here.put
                put((mark, time_ns))
                return True
        return self._acquire_slowly(blocking, timeout, getframe(1))

    def release(self) -> None:
        frame = getframe(1)
        code, lasti, mark, _ = self._releases.last
        if frame.f_lasti != lasti or frame.f_code is not code:
            mark = self._releases.elsewhere(frame)
        release = self._release_real
        time_ns = now()
        release()
        put = self._here.put
        put((mark, time_ns))

    def locked(self) -> bool:
        return self._real.locked()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def __enter__(self, calls: int = 1) -> bool:
        """``calls``: so many calls out is who takes it; a condition, whose ``with`` takes its lock, is none of them."""
        acquire = self._acquire_real
        if acquire(*_AT_ONCE):
            time_ns = now()
            frame = getframe(calls)
            marks = self._acquires
            try:
                known = marks.by_offset[frame.f_lasti]
            except KeyError:
                known = UNKNOWN
            if known[0] is frame.f_code:
                marks.last = known
                mark = known[2]
            else:
                mark = marks.elsewhere(frame)
            put = self._here.put
            put((mark, time_ns))
            return True
        return self._acquire_slowly(True, -1, getframe(calls))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _, _, _, mark = self._acquires.last
        release = self._release_real
        time_ns = now()
        release()
        put = self._here.put
        put((mark, time_ns))


class RLock(RecordedLock):
    """``threading.RLock``, recorded. Only the outermost acquire and release are events.

    Invariants: ``_depth`` is changed by the owner alone (recorded/test_lock.py: test_only_the_outermost_level_is_an_event,
    test_a_reentrant_lock_is_given_back_by_its_owner_only), and ``_put`` is the owner's way into its log whenever ``_depth``
    is not 0: the real lock knows faster whose it is than a look-up of the thread's own way would tell
    (recorded/test_lock.py: test_each_owner_of_a_reentrant_lock_logs_its_own_events).
    """

    __slots__ = ("_depth", "_put")
    _kind = "RLock"

    def __new__(cls, *_arguments: object, **_named: object) -> Any:
        """Like the original it takes any arguments and has no use for them; see :meth:`Lock.__new__`."""
        if cls is RLock and Recording.recorder.places.made_by_library(getframe(1)):
            return RealRLock()
        return object.__new__(cls)

    def __init__(self, *arguments: object, **named: object) -> None:
        warn_of_arguments(arguments, named)
        self._depth = 0
        self._put: Callable[[tuple[int, ...]], None]
        real: Any = RealRLock()
        self._record(real, real._is_owned, getframe(1))

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking and timeout == -1:
            acquire = self._acquire_real
            if acquire(*_AT_ONCE):
                depth = self._depth
                if depth:
                    self._depth = depth + 1
                    return True
                time_ns = now()
                put = self._put = self._here.put
                self._depth = 1
                frame = getframe(1)
                code, lasti, mark, _ = self._acquires.last
                if frame.f_lasti != lasti or frame.f_code is not code:
                    mark = self._acquires.elsewhere(frame)
                put((mark, time_ns))
                return True
        return self._acquire_slowly(blocking, timeout, getframe(1))

    def _acquire_slowly(self, blocking: bool, timeout: float, frame: FrameType) -> bool:
        if self._is_owned():
            self._acquire_real(blocking, timeout)  # raises what the real one raises
            self._depth += 1
            return True
        got = super()._acquire_slowly(blocking, timeout, frame)
        if got:
            self._put = self._here.put
            self._depth = 1
        return got

    def release(self) -> None:
        is_owned = self._is_owned
        if self._depth != 1 or not is_owned():
            self._leave()
            return
        frame = getframe(1)
        code, lasti, mark, _ = self._releases.last
        if frame.f_lasti != lasti or frame.f_code is not code:
            mark = self._releases.elsewhere(frame)
        release = self._release_real
        put = self._put
        time_ns = now()
        self._depth = 0
        release()
        put((mark, time_ns))

    def _leave(self) -> None:
        """Go up one level that is no event: an inner one, or somebody else's."""
        if self._is_owned() and self._depth:
            self._depth -= 1
        self._release_real()  # raises what the real one raises

    def __enter__(self, calls: int = 1) -> bool:
        """``calls``: so many calls out is who takes it; a condition, whose ``with`` takes its lock, is none of them."""
        acquire = self._acquire_real
        if acquire(*_AT_ONCE):
            depth = self._depth
            if depth:
                self._depth = depth + 1
                return True
            time_ns = now()
            put = self._put = self._here.put
            self._depth = 1
            frame = getframe(calls)
            marks = self._acquires
            try:
                known = marks.by_offset[frame.f_lasti]
            except KeyError:
                known = UNKNOWN
            if known[0] is frame.f_code:
                marks.last = known
                mark = known[2]
            else:
                mark = marks.elsewhere(frame)
            put((mark, time_ns))
            return True
        return self._acquire_slowly(True, -1, getframe(calls))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        is_owned = self._is_owned
        if self._depth != 1 or not is_owned():
            self._leave()
            return
        _, _, _, mark = self._acquires.last
        release = self._release_real
        put = self._put
        time_ns = now()
        self._depth = 0
        release()
        put((mark, time_ns))

    def _release_save(self) -> Held:
        held = (self._depth, self._acquires.last)
        self._depth = 0
        self._real._release_save()
        return held

    def _retake(self, held: Held, blocking: bool) -> bool:
        if not self._acquire_real(blocking):
            return False
        depth, self._acquires.last = held
        for _ in range(depth - 1):
            self._acquire_real()
        self._put = self._here.put
        self._depth = depth
        return True


def _forwarded(name: str) -> Callable[..., Any]:
    def forward(self: RLock, *arguments: Any) -> Any:
        return getattr(self._real, name)(*arguments)

    forward.__name__ = name
    return forward


# What only some versions have (locked, _recursion_count); a general __getattr__ would slow every look-up of a slot down.
for _name in {*dir(RealRLock)} - {*dir(RLock)}:
    setattr(RLock, _name, _forwarded(_name))
