"""Import locks: while one thread executes a module, others that import it wait, as in CPython.

Knows modules by name; finding and executing them is the import system's affair. There is one lock a name for all
worlds, so that it is the same object whichever thread imports first.
"""

from __future__ import annotations

import sys
from typing import Any

from .. import world as _world
from ..threads import VirtualThread
from .lock import RAcquire, RLock

_bootstrap: Any = sys.modules["_frozen_importlib"]
real_get_module_lock = _bootstrap._get_module_lock
_DeadlockError: type[Exception] = _bootstrap._DeadlockError


class ImportAcquire(RAcquire):
    """Take the lock of a module; ready also when waiting would close a cycle of importing threads.

    CPython then lets the thread have the half-executed module.
    """

    __slots__ = ()
    label = "import"
    target: ImportLock  # pyright: ignore[reportIncompatibleVariableOverride]

    def ready(self, thread: VirtualThread) -> bool:
        return self.target.owner is None or self._in_cycle(thread)

    def _in_cycle(self, thread: VirtualThread) -> bool:
        owner = self.target.owner
        seen: set[int] = set()
        while owner is not None and owner.uid not in seen:
            if owner is thread:
                return True
            seen.add(owner.uid)
            waited: Any = owner.pending
            owner = waited.target.owner if isinstance(waited, ImportAcquire) else None
        return False

    def apply(self, thread: VirtualThread) -> bool:
        lock = self.target
        if lock.owner is not None:
            raise _DeadlockError(f"deadlock detected by {lock!r}")
        return super().apply(thread)


class ImportLock(RLock):
    """The lock of one module."""

    kind = "ImportLock"
    __slots__ = ("module",)

    def __init__(self, module: str) -> None:
        super().__init__()
        self.module = module
        self._acquire = ImportAcquire(self)

    def given_name(self) -> str:
        return f"import of {self.module}"

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """No step before the first thread is started: nobody could be in the way."""
        world = _world.active
        if world is None or len(world.threads) > 1:
            return super().acquire(blocking, timeout)
        if self._world is not world:
            self.adopt(world)
        self.owner = world.thread
        self.depth += 1
        return True

    def release(self) -> None:
        world = _world.active
        if world is None or len(world.threads) > 1:
            return super().release()
        self.depth -= 1
        if not self.depth:
            self.owner = None
        return None

    def __repr__(self) -> str:
        return f"ImportLock({self.module!r})"


_locks: dict[str, ImportLock] = {}


def get_module_lock(name: str) -> Any:
    """``importlib._bootstrap._get_module_lock``."""
    world = _world.active
    if world is None or world.closing:
        return real_get_module_lock(name)
    lock = _locks.get(name)
    if lock is None:
        _world.active = None  # it belongs to no world: all of them use it
        try:
            lock = _locks[name] = ImportLock(name)
        finally:
            _world.active = world
    return lock


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    return [(_bootstrap, "_get_module_lock", get_module_lock)]
