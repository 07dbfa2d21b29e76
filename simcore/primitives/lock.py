"""Lock and RLock as state machines, with the real ones behind them for use outside a world.

A lock knows its owner, who waits for it and what a step does to it; it does not know who is scheduled next.
"""

from __future__ import annotations

import _thread
import sys
import warnings
from types import TracebackType
from typing import Any, NoReturn

from .. import world as _world
from ..dependency import Access, Need
from ..threads import VirtualThread
from ..trace import Op
from ..world import Operation, Primitive, World

allocate_real_lock = _thread.allocate_lock
RealRLock = _thread.RLock
_making_real = allocate_real_lock()
_OWN = __name__.rpartition(".")[0].rpartition(".")[0]


def check_timeout(blocking: bool, timeout: float) -> float | None:
    """CPython's rules for ``acquire(blocking, timeout)``, as seconds: None waits for ever, 0 tries.

    Raises:
        ValueError, OverflowError: as CPython does, with its messages.
    """
    if not blocking:
        if timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return 0
    if timeout == -1:
        return None
    if not 0 <= timeout <= _thread.TIMEOUT_MAX:
        allocate_real_lock().acquire(True, timeout)  # raises, in the words of this version of CPython
    return timeout


def shown(kind: type) -> str:
    """How ``repr`` names a class: ours by the name of the one it stands for."""
    module = "threading" if kind.__module__.startswith(_OWN) else kind.__module__
    return f"{module}.{kind.__qualname__}"


def address(shown: Primitive) -> int:
    """What ``repr`` shows for an address: inside a world the same in every execution, as ``id()`` is not."""
    return id(shown) if _world.active is None else getattr(shown, "uid", 0) & 0xFFFF_FFFF_FFFF


def warn_of_arguments(arguments: tuple[object, ...], named: dict[str, object]) -> None:
    """``RLock(...)`` ignores its arguments; from CPython 3.13 on it says that it will not do so for ever."""
    if (arguments or named) and sys.version_info >= (3, 13):
        message = "Passing arguments to RLock is deprecated and will be removed in 3.15"
        warnings.warn(message, DeprecationWarning, stacklevel=3)


class Acquire(Operation):
    """Take a free lock; ready when nobody owns it."""

    __slots__ = ()
    op = Op.ACQUIRE
    label = "acquire"
    pending = done = int(Access.ACQUIRE)
    needs = int(Need.FREE)
    productive = False
    target: Lock  # pyright: ignore[reportIncompatibleVariableOverride]

    def ready(self, thread: VirtualThread) -> bool:
        return self.target.owner is None

    def apply(self, thread: VirtualThread) -> bool:
        lock = self.target
        lock.owner = thread
        world = lock._world
        assert world is not None
        if lock.released_at >= 0:
            world.order_after(lock.released_at)
        lock.acquired_at = world.step
        return True

    def wakers(self) -> list[VirtualThread] | None:
        owner = self.target.owner
        return [] if owner is None else [owner]

    def detail(self) -> str:
        owner = self.target.owner
        return "" if owner is None else f"held by {owner.name}"


class TryAcquire(Acquire):
    """Take a lock without waiting, or with a time-out: it may fail while somebody holds it."""

    __slots__ = ("timeout",)
    failed_op = Op.ACQUIRE_FAILED
    pending = int(Access.TRY)
    done = int(Access.TRY_OK)
    failed = int(Access.TRY_FAILED)
    needs = 0
    polls = True

    def __init__(self, target: Lock, timeout: float) -> None:
        super().__init__(target)
        self.timeout = timeout


class Release(Operation):
    """Free the lock; CPython's Lock may be released by any thread, and complains only when it is free.

    A release by a thread that does not own the lock is a signal, or a mistake; whether it is one shows only when it
    takes effect, since such a release may have come before.
    """

    __slots__ = ()
    op = Op.RELEASE
    label = "release"
    productive = False
    target: Lock  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def pending(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.RELEASE_FOREIGN if self.target.handed_over else Access.RELEASE)

    @property
    def done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        lock = self.target
        world = lock._world
        assert world is not None
        return int(Access.RELEASE if lock.owner is world.thread else Access.RELEASE_FOREIGN)

    def apply(self, thread: VirtualThread) -> None:
        lock = self.target
        if lock.owner is not thread:
            lock.handed_over = True
        if lock.owner is None:
            raise RuntimeError("release unlocked lock")
        lock.free()


class Look(Operation):
    """``locked()``: observe the state."""

    __slots__ = ()
    op = Op.ATOMIC
    label = "locked"
    pending = done = int(Access.LOCKED)
    polls = True
    productive = False
    target: Lock  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> bool:
        return self.target.owner is not None

    def fruitless(self, result: Any) -> bool:
        return bool(result)


class Lock(Primitive):
    """``threading.Lock``: not re-entrant, may be released by a thread that does not hold it.

    Invariant: ``owner`` is None exactly when free (tests/simcore/primitives/test_lock.py).
    """

    kind = "Lock"
    __slots__ = (
        "__weakref__",
        "_acquire",
        "_real",
        "_release",
        "_world",
        "acquired_at",
        "handed_over",
        "owner",
        "released_at",
        "uid",
    )
    owner: VirtualThread | None
    _real: Any

    def __init__(self) -> None:
        self._world = None
        world = _world.active
        self._acquire = Acquire(self)
        self._release = Release(self)
        if world is None:
            self._real = self._make_real()
        else:
            self._real = None
            self._world = world
            world.register(self)
        self.owner = None
        self.released_at = -1
        self.acquired_at = -1
        self.handed_over = False

    def __init_subclass__(cls) -> None:
        if Lock in cls.__bases__ and not cls.__module__.startswith(_OWN):
            raise TypeError("type '_thread.lock' is not an acceptable base type")

    def _make_real(self) -> Any:
        return allocate_real_lock()

    def admits(self) -> int:
        return -1 if self.owner is None else ~Need.FREE

    def reset(self) -> None:
        self.owner = None
        self.released_at = -1
        self.acquired_at = -1
        self.handed_over = False

    def real(self) -> Any:
        """The real lock behind this one, made on demand when the object was born inside a world."""
        if self._real is None:
            with _making_real:
                if self._real is None:
                    self._real = self._make_real()
        return self._real

    def free(self) -> None:
        """The state change of a release; also part of ``Condition.wait``."""
        world = self._world
        assert world is not None
        self.owner = None
        self.released_at = world.step

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        world = _world.active
        if world is None:
            return self.real().acquire(blocking, timeout)
        if self._world is not world:
            self.adopt(world)
        if blocking and timeout == -1:
            return world.perform(self._acquire)
        limit = check_timeout(blocking, timeout)
        assert limit is not None
        return world.perform(TryAcquire(self, limit))

    def release(self) -> None:
        world = _world.active
        if world is None or (self._world is not world and self._left_over(world)):
            return self._release_outside()
        if self._world is not world:
            self.adopt(world)
        return world.perform(self._release)

    def _left_over(self, world: World | None) -> bool:
        """Does it belong to an execution that is over? A generator may still hold a lock when it is collected."""
        return self._world is not world and self._real is None and self._world is not None and self._world.closing

    def _release_outside(self) -> None:
        return None if self._left_over(None) else self.real().release()

    def locked(self) -> bool:
        world = _world.active
        if world is None:
            return self.real().locked()
        if self._world is not world:
            self.adopt(world)
        return world.perform(Look(self))

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def __enter__(self) -> bool:
        world = _world.active
        if world is None or self._world is not world:
            return self.acquire()
        return world.perform(self._acquire)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        world = _world.active
        if world is None or self._world is not world:
            return self.release()
        return world.perform(self._release)

    def __repr__(self) -> str:
        if _world.active is None:
            return repr(self.real())
        return f"<{'unlocked' if self.owner is None else 'locked'} _thread.lock object at {address(self):#x}>"

    # What Condition asks of its lock.

    def is_owned(self, thread: VirtualThread) -> bool:
        """CPython asks a plain Lock only whether anybody holds it; a thread that does not has to look."""
        return self.owner is thread or self.locked()

    def release_all(self) -> int:
        """Free it whatever its depth, for ``Condition.wait``; returns what to restore."""
        self.free()
        return 1

    def restore(self, depth: int) -> None:
        """Give it back its depth after a re-acquire."""

    def _at_fork_reinit(self) -> None:
        if _world.active is None:
            self.real()._at_fork_reinit()
        else:
            self.reset()


class RAcquire(Acquire):
    """Take a re-entrant lock from outside; inner levels are no operation at all."""

    __slots__ = ()
    target: RLock  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> bool:
        self.target.depth = 1
        return super().apply(thread)


class RTryAcquire(TryAcquire):
    """The try and timed form of :class:`RAcquire`."""

    __slots__ = ()
    target: RLock  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> bool:
        self.target.depth = 1
        return super().apply(thread)


class RLock(Lock):
    """``threading.RLock``. Only the outermost acquire and release are steps; inner ones are the owner's own affair."""

    kind = "RLock"
    __slots__ = ("depth",)

    def __init_subclass__(cls) -> None:
        """Unlike a Lock, an RLock may be derived from (joblib does)."""

    def __init__(self, *arguments: object, **named: object) -> None:
        """Like the original it takes any arguments and has no use for them."""
        warn_of_arguments(arguments, named)
        super().__init__()
        self._acquire = RAcquire(self)
        self.depth = 0

    def _make_real(self) -> Any:
        return RealRLock()

    def reset(self) -> None:
        super().reset()
        self.depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        world = _world.active
        if world is None:
            return self.real().acquire(blocking, timeout)
        if self._world is not world:
            self.adopt(world)
        if self.owner is world.thread:
            check_timeout(blocking, timeout)
            self.depth += 1
            return True
        if blocking and timeout == -1:
            return world.perform(self._acquire)
        limit = check_timeout(blocking, timeout)
        assert limit is not None
        return world.perform(RTryAcquire(self, limit))

    def release(self) -> None:
        world = _world.active
        if world is None or (self._world is not world and self._left_over(world)):
            return self._release_outside()
        if self._world is not world:
            self.adopt(world)
        if world.closing:
            return None
        if self.owner is not world.thread:
            raise RuntimeError("cannot release un-acquired lock")
        if self.depth > 1:
            self.depth -= 1
            return None
        return world.perform(self._release)

    if sys.version_info < (3, 14):

        @property
        def locked(self) -> NoReturn:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Came with CPython 3.14; until then programs may ask with ``hasattr`` which kind of lock they have."""
            raise AttributeError("'_thread.RLock' object has no attribute 'locked'", name="locked", obj=self)

    def free(self) -> None:
        self.depth = 0
        super().free()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return self.release()

    def is_owned(self, thread: VirtualThread) -> bool:
        return self.owner is thread

    def release_all(self) -> int:
        depth = self.depth
        self.free()
        return depth

    def restore(self, depth: int) -> None:
        self.depth = depth

    # What a condition variable that is not ours asks of its lock.

    def _is_owned(self) -> bool:
        world = _world.active
        return self.real()._is_owned() if world is None else self.owner is world.thread

    def _recursion_count(self) -> int:
        world = _world.active
        if world is None:
            return self.real()._recursion_count()
        return self.depth if self.owner is world.thread else 0

    def _release_save(self) -> Any:
        world = _world.active
        if world is None:
            return self.real()._release_save()
        depth = self.depth
        if self.owner is world.thread:
            self.depth = 1
        self.release()
        return depth, world.thread.ident

    def _acquire_restore(self, state: Any) -> None:
        if _world.active is None:
            self.real()._acquire_restore(state)
        else:
            self.acquire()
            self.depth = state[0]

    def __repr__(self) -> str:
        if _world.active is None:
            return repr(self.real())
        owner = self.owner
        state, ident = ("unlocked", 0) if owner is None else ("locked", owner.ident)
        return f"<{state} _thread.RLock object owner={ident} count={self.depth} at {address(self):#x}>"
