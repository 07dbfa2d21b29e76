"""Semaphores: a queue of permits, each remembering the release that made it.

A semaphore knows its permits and who took them; it does not know who is scheduled next, nor who will give back.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import Any

from .. import world as _world
from ..dependency import Access, Need
from ..threads import VirtualThread
from ..trace import Op
from ..world import Operation, Primitive
from .lock import address, allocate_real_lock, shown

RealSemaphore = threading.Semaphore
RealBoundedSemaphore = threading.BoundedSemaphore
_making_real = allocate_real_lock()


class Take(Operation):
    """Take the oldest permit; ready when there is one."""

    __slots__ = ()
    op = Op.ACQUIRE
    label = "Semaphore.acquire"
    pending = done = int(Access.PERMIT_TAKE)
    needs = int(Need.PERMIT)
    productive = False
    target: Semaphore  # pyright: ignore[reportIncompatibleVariableOverride]

    def ready(self, thread: VirtualThread) -> bool:
        return bool(self.target.permits)

    def apply(self, thread: VirtualThread) -> bool:
        semaphore = self.target
        world = semaphore._world
        assert world is not None
        given_at = semaphore.permits.popleft()
        if given_at >= 0:
            world.order_after(given_at)
        semaphore.holders.append(thread)
        return True

    def holders(self) -> list[VirtualThread]:
        """Who took permits and did not give back. Anybody may give, so they are not all who could wake it."""
        return list(dict.fromkeys(self.target.holders))

    def detail(self) -> str:
        if self.target.permits:
            return ""
        names = [holder.name for holder in self.holders()]
        return f"0 permits, held by {', '.join(names)}" if names else "0 permits"


class TryTake(Take):
    """Take a permit without waiting, or with a time-out: it may fail while there is none."""

    __slots__ = ("timeout",)
    failed_op = Op.ACQUIRE_FAILED
    pending = done = int(Access.PERMIT_TRY)
    failed = int(Access.PERMIT_TRY_FAILED)
    needs = 0
    polls = True

    def __init__(self, target: Semaphore, timeout: float) -> None:
        super().__init__(target)
        self.timeout = timeout


class Give(Operation):
    """Add ``count`` permits; any thread may."""

    __slots__ = ("count",)
    op = Op.RELEASE
    label = "Semaphore.release"
    pending = done = int(Access.PERMIT_GIVE)
    productive = False
    target: Semaphore  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, target: Semaphore, count: int) -> None:
        super().__init__(target)
        self.count = count

    def apply(self, thread: VirtualThread) -> None:
        semaphore = self.target
        world = semaphore._world
        assert world is not None
        holders = semaphore.holders
        for _ in range(self.count):
            semaphore.permits.append(world.step)
            if thread in holders:
                holders.remove(thread)
            elif holders:
                del holders[0]  # a hand-over: somebody else gave back what the first holder took


class BoundedGive(Give):
    """Add permits, but never more than there were at first.

    A thread that gives back what it took cannot overflow the semaphore, so that such gives commute with takes as
    those of a plain semaphore do. From the first *stray* give on (by a thread that holds no permit) the order of
    gives and takes decides which give fails, and every give says so with its access code.
    """

    __slots__ = ("code", "thread")
    target: BoundedSemaphore  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, target: BoundedSemaphore, count: int, thread: VirtualThread) -> None:
        super().__init__(target, count)
        self.thread = thread
        self.code = int(Access.NONE)

    @property
    def pending(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self.code:
            return self.code
        semaphore = self.target
        stray = semaphore.strayed or semaphore.holders.count(self.thread) < self.count
        return int(Access.PERMIT_GIVE_STRAY if stray else Access.PERMIT_GIVE)

    @property
    def done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.pending

    def guess(self) -> tuple[int, int, int, int] | None:
        """Earlier it may not have been stray."""
        return (self.target.uid, self.pending, -1, 0) if self.pending == Access.PERMIT_GIVE_STRAY else None

    def apply(self, thread: VirtualThread) -> None:
        semaphore = self.target
        self.code = self.pending
        semaphore.strayed = self.code == Access.PERMIT_GIVE_STRAY
        if len(semaphore.permits) + self.count > semaphore.bound:
            raise ValueError("Semaphore released too many times")
        super().apply(thread)


class Semaphore(Primitive):
    """``threading.Semaphore``; permits are taken in the order they were given.

    Invariant: ``permits`` holds one entry a permit, the step of the release that made it, -1 for the first ones
    (tests/simcore/primitives/test_semaphore.py).
    """

    kind = "Semaphore"

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self._world = None
        self.initial = value
        self._real: Any = None
        self._take = Take(self)
        self._give = Give(self, 1)
        self.permits: deque[int] = deque([-1] * value)
        self.holders: list[VirtualThread] = []
        world = _world.active
        if world is None:
            self._real = self._make_real()
        else:
            self._world = world
            world.register(self)

    def _make_real(self) -> Any:
        return RealSemaphore(self.initial)

    def reset(self) -> None:
        """A semaphore made outside enters with the value it has there."""
        self.permits = deque([-1] * (self.initial if self._real is None else self._real._value))
        self.holders = []

    def admits(self) -> int:
        return -1 if self.permits else ~Need.PERMIT

    def capacity(self) -> int:
        return self.initial

    def real(self) -> Any:
        """The real semaphore behind this one, made on demand when the object was born inside a world."""
        if self._real is None:
            with _making_real:
                if self._real is None:
                    self._real = self._make_real()
        return self._real

    @property
    def _value(self) -> int:
        """CPython's name for the counter; programs do read it."""
        return self.real()._value if _world.active is None else len(self.permits)

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        world = _world.active
        if world is None:
            return self.real().acquire(blocking, timeout)
        if self._world is not world:
            self.adopt(world)
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        if blocking and timeout is None:
            return world.perform(self._take)
        return world.perform(TryTake(self, max(timeout or 0, 0)))

    def release(self, n: int = 1) -> None:
        world = _world.active
        if world is None:
            return self.real().release(n)
        if self._world is not world:
            self.adopt(world)
        if n < 1:
            raise ValueError("n must be one or more")
        world.perform(self._give if n == 1 else Give(self, n))
        return None

    __enter__ = acquire

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<{shown(type(self))} at {address(self):#x}: value={self._value}>"


class BoundedSemaphore(Semaphore):
    """``threading.BoundedSemaphore``: a release too many is an error."""

    kind = "BoundedSemaphore"

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self.bound = value
        self.strayed = False

    def _make_real(self) -> Any:
        # CPython's own __init__ calls its base by the name that is ours now.
        real = RealBoundedSemaphore.__new__(RealBoundedSemaphore)
        RealSemaphore.__init__(real, self.initial)
        real._initial_value = self.initial  # pyright: ignore[reportAttributeAccessIssue]
        return real

    def reset(self) -> None:
        super().reset()
        self.strayed = False

    def release(self, n: int = 1) -> None:
        world = _world.active
        if world is None:
            return self.real().release(n)
        if self._world is not world:
            self.adopt(world)
        if n < 1:
            raise ValueError("n must be one or more")
        world.perform(BoundedGive(self, n, world.thread))
        return None

    def __repr__(self) -> str:
        return f"<{shown(type(self))} at {address(self):#x}: value={self._value}/{self.bound}>"
