"""``multiprocessing``'s locks as far as one process goes: between threads they are locks like any other.

Packages make them on the chance that a child process comes (progress bars, loggers); the child is what is refused. Knows
the locks and semaphores of threads, and not who made this one.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .. import world as _world
from ..threads import VirtualThread
from .lock import Lock, RLock
from .semaphore import BoundedSemaphore, Semaphore

RECURSIVE = 0
"""The kind of a ``multiprocessing.RLock``, as in Modules/_multiprocessing/semaphore.c; all others are semaphores."""


class ProcessLock:
    """Stands for ``_multiprocessing.SemLock``, with its methods and its exceptions.

    ``multiprocessing.Lock`` is a semaphore of one there and a lock here, so that reports call it one; who may release
    it, and what happens to one released too often, is as there.
    """

    def __init__(self, kind: int, value: int, maxvalue: int, name: str, unlink: bool) -> None:
        self.kind = kind
        self.maxvalue = maxvalue
        self.name = None if unlink else name
        self.handle = id(self)
        self._lock: Any
        if kind == RECURSIVE:
            self._lock = RLock()
        elif value == maxvalue == 1:
            self._lock = Lock()
        else:
            self._lock = BoundedSemaphore(value) if value == maxvalue else Semaphore(value)

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        if not block:
            return self._lock.acquire(False)
        if timeout is None:
            return self._lock.acquire()
        return self._lock.acquire(True, max(0.0, timeout))

    def release(self) -> None:
        try:
            self._lock.release()
        except (RuntimeError, ValueError):
            if self.kind == RECURSIVE:
                raise AssertionError("attempt to release recursive lock not owned by thread") from None
            raise ValueError("semaphore or lock released too many times") from None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def _holders(self) -> list[VirtualThread]:
        """Who has it, once for each time; outside a world nobody."""
        lock = self._lock
        if _world.active is None:
            return []
        if isinstance(lock, Semaphore):
            return list(lock.holders)
        return [] if lock.owner is None else [lock.owner] * (lock.depth if isinstance(lock, RLock) else 1)

    def _count(self) -> int:
        return len(self._holders())

    def _is_mine(self) -> bool:
        world = _world.active
        return world is not None and world.thread in self._holders()

    def _get_value(self) -> int:
        return self._lock._value if isinstance(self._lock, Semaphore) else int(not self._holders())

    def _is_zero(self) -> bool:
        return self._get_value() == 0

    def _after_fork(self) -> None:
        """No child process comes of this one: a fork is refused."""
