"""Condition variables: waiters in arrival order, each woken by exactly one notify, as CPython does it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

from .. import world as _world
from ..dependency import Access, Need
from ..threads import VirtualThread
from ..trace import Op
from ..world import Operation, Primitive
from .lock import Lock, RLock

RealCondition = threading.Condition


class Waiter:
    """One thread in ``wait()``: CPython makes one hidden lock for each, we make this."""

    __slots__ = ("depth", "expired", "notified_at", "step", "thread")

    def __init__(self, thread: VirtualThread) -> None:
        self.thread = thread
        self.depth = 0
        self.step = -1
        self.notified_at: int | None = None
        self.expired = False


class Wait(Operation):
    """Release the lock and join the queue of waiters, in one step."""

    __slots__ = ("second", "second_done", "waiter")
    op = Op.WAIT
    label = "Condition.wait"
    pending = done = int(Access.CONDITION_WAIT)
    productive = False
    target: Condition  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, target: Condition, waiter: Waiter) -> None:
        super().__init__(target)
        self.waiter = waiter
        self.second = target.lock
        self.second_done = int(Access.RELEASE)  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> None:
        condition = self.target
        lock = condition.lock
        world = condition._world
        assert world is not None
        self.waiter.step = world.step
        condition.waiters.append(self.waiter)
        if lock.owner is not thread:
            self.second_done = int(Access.RELEASE_FOREIGN)  # pyright: ignore[reportIncompatibleVariableOverride]
            lock.handed_over = True
            if lock.owner is None:  # somebody else released it; as in CPython the waiter stays in the queue for ever
                raise RuntimeError("release unlocked lock")
        self.waiter.depth = lock.release_all()


class Woken(Operation):
    """Blocked in ``wait()`` until a notify chooses this waiter, or the time-out passes."""

    __slots__ = ("timeout", "waiter")
    op = Op.WAKE
    failed_op = Op.TIMEOUT
    label = "Condition.wait"
    target: Condition  # pyright: ignore[reportIncompatibleVariableOverride]
    failed = int(Access.CONDITION_TIMEOUT)
    polls = True

    def __init__(self, target: Condition, waiter: Waiter, timeout: float | None) -> None:
        super().__init__(target)
        self.waiter = waiter
        self.timeout = timeout

    @property
    def pending(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.CONDITION_WOKEN) if self.timeout is None else int(Access.CONDITION_TIMEOUT)

    @property
    def done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.CONDITION_WOKEN if self.timeout is None else Access.CONDITION_IN_TIME)

    @property
    def local(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.timeout is None

    def ready(self, thread: VirtualThread) -> bool:
        return self.waiter.notified_at is not None

    def apply(self, thread: VirtualThread) -> bool:
        world = self.target._world
        assert world is not None
        assert self.waiter.notified_at is not None
        world.order_after(self.waiter.notified_at)
        return True

    def expire(self, thread: VirtualThread) -> bool:
        """Too late, but still in the queue: until the thread has its lock back, a notify may be wasted on it."""
        self.waiter.expired = True
        return False

    def detail(self) -> str:
        return "nobody has notified it"


class Reacquire(Operation):
    """The end of ``wait()``: take the lock back at the depth it had."""

    __slots__ = ("condition", "second", "second_done", "waiter")
    op = Op.ACQUIRE
    label = "acquire (back from Condition.wait)"
    pending = done = int(Access.ACQUIRE)
    needs = int(Need.FREE)
    productive = False
    target: Lock  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, condition: Condition, waiter: Waiter) -> None:
        target = condition.lock
        super().__init__(target)
        self.condition = condition
        self.waiter = waiter
        # The lock may be a queue's mutex, which keeps the queue's own operations from taking effect.
        self.second = target._acquire.second
        self.second_done = target._acquire.second_done

    def ready(self, thread: VirtualThread) -> bool:
        return self.target.owner is None

    def apply(self, thread: VirtualThread) -> None:
        self.target._acquire.apply(thread)
        self.target.restore(self.waiter.depth)
        if self.waiter in self.condition.waiters:
            self.condition.waiters.remove(self.waiter)

    def wakers(self) -> list[VirtualThread] | None:
        return self.target._acquire.wakers()

    def detail(self) -> str:
        return self.target._acquire.detail()


class Notify(Operation):
    """Wake the first ``count`` waiters (all when negative), in the order they came."""

    __slots__ = ("count",)
    op = Op.NOTIFY
    label = "Condition.notify"
    pending = done = int(Access.CONDITION_NOTIFY)
    target: Condition  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, target: Condition, count: int) -> None:
        super().__init__(target)
        self.count = count

    def apply(self, thread: VirtualThread) -> int:
        condition = self.target
        world = condition._world
        assert world is not None
        count = len(condition.waiters) if self.count < 0 else min(self.count, len(condition.waiters))
        chosen = condition.waiters[:count]
        del condition.waiters[:count]
        for waiter in chosen:
            waiter.notified_at = world.step
        condition.notified += 1
        if not chosen:
            condition.notified_nobody_at = world.step
        return count


class Condition(Primitive):
    """``threading.Condition`` on one of our locks.

    With a foreign lock object (anything with acquire and release) CPython's own class is used, whose inner locks
    are ours.
    """

    kind = "Condition"
    lock: Lock

    def __new__(cls, lock: Any = None) -> Any:
        if cls is Condition and lock is not None and not isinstance(lock, Lock):
            return RealCondition(lock)
        return super().__new__(cls)

    def __init__(self, lock: Lock | None = None) -> None:
        self._world = None
        self.lock = RLock() if lock is None else lock
        self.waiters: list[Waiter] = []
        self.notified = 0
        self.notified_nobody_at = -1
        self._real: Any = None
        world = _world.active
        if world is not None:
            self._world = world
            world.register(self)

    # CPython's private names, which subclasses and clever programs use.

    @property
    def _lock(self) -> Lock:
        return self.lock

    @property
    def _waiters(self) -> Any:
        return self.real()._waiters if _world.active is None else self.waiters

    def _is_owned(self) -> bool:
        world = _world.active
        return self.real()._is_owned() if world is None else self.lock.is_owned(world.thread)

    def _release_save(self) -> Any:
        lock: Any = self.lock
        if isinstance(lock, RLock):
            return lock._release_save()
        lock.release()
        return None

    def _acquire_restore(self, state: Any) -> None:
        lock: Any = self.lock
        if isinstance(lock, RLock):
            lock._acquire_restore(state)
        else:
            lock.acquire()

    def _at_fork_reinit(self) -> None:
        self.lock._at_fork_reinit()
        if _world.active is None:
            self.real()._waiters.clear()
        else:
            self.waiters.clear()

    def reset(self) -> None:
        self.waiters = []
        self.notified = 0
        self.notified_nobody_at = -1

    def part_of(self) -> Primitive | None:
        return self.lock

    def real(self) -> Any:
        if self._real is None:
            self._real = RealCondition(self.lock.real())
        return self._real

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        return self.lock.acquire(blocking, timeout)

    def release(self) -> None:
        self.lock.release()

    def __enter__(self) -> bool:
        return self.lock.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return self.lock.__exit__(kind, error, traceback)

    def _enter_world(self) -> _world.World | None:
        world = _world.active
        if world is not None and self._world is not world:
            self.adopt(world)
            if self.lock._world is not world:
                self.lock.adopt(world)
        return world

    def wait(self, timeout: float | None = None) -> bool:
        world = self._enter_world()
        if world is None:
            return self.real().wait(timeout)
        if not self.lock.is_owned(world.thread):
            raise RuntimeError("cannot wait on un-acquired lock")
        waiter = Waiter(world.thread)
        world.perform(Wait(self, waiter))
        if timeout is not None:
            timeout = max(timeout, 0)
        try:
            notified = world.perform(Woken(self, waiter, timeout))
        finally:
            world.perform(Reacquire(self, waiter))
        return notified

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        world = self._enter_world()
        if world is None:
            return self.real().wait_for(predicate, timeout)
        deadline = None if timeout is None else world.now_ns() + int(timeout * 1e9)
        result = predicate()
        while not result:
            remaining = None if deadline is None else (deadline - world.now_ns()) / 1e9
            if remaining is not None and remaining <= 0:
                break
            self.wait(remaining)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        world = self._enter_world()
        if world is None:
            return self.real().notify(n)
        if world.closing:
            return None
        if not self.lock.is_owned(world.thread):
            raise RuntimeError("cannot notify on un-acquired lock")
        world.perform(Notify(self, max(n, 0)))
        return None

    def notify_all(self) -> None:
        world = self._enter_world()
        if world is None:
            return self.real().notify_all()
        if world.closing:
            return None
        if not self.lock.is_owned(world.thread):
            raise RuntimeError("cannot notify on un-acquired lock")
        world.perform(Notify(self, -1))
        return None

    def notifyAll(self) -> None:  # noqa: N802 - CPython's old name
        warnings.warn("notifyAll() is deprecated, use notify_all() instead", DeprecationWarning, stacklevel=2)
        self.notify_all()

    def __repr__(self) -> str:
        return f"<Condition({self.lock!r}, {len(self._waiters)})>"
