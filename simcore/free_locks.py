"""What-if: some locks never make anybody wait.

Knows locks by the names that reports use; whoever asks for one of them gets it at once, and the lock itself does not
change. What the program does in between is then not exclusive any more, so that its results need not be right.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from . import refusals
from .timed_record import Record
from .trace import Op
from .world import Operation, Primitive

KINDS = frozenset({"Lock", "RLock", "Semaphore", "BoundedSemaphore"})
_ANSWERS: dict[Op, Any] = {Op.ACQUIRE: True, Op.RELEASE: None, Op.ATOMIC: False}


class FreeLocks:
    """The locks of one run that are free, by name (``cache.lock``) or by the line that made them (``cache.py:12``)."""

    def __init__(self, names: Iterable[str], record: Record) -> None:
        self.names = frozenset(names)
        self.found: set[str] = set()
        """Those of :attr:`names` that some lock has."""
        self.seen: dict[str, None] = {}
        """All locks that were used, as a report names them."""
        self._record = record
        self._free: dict[Primitive, bool] = {}
        self._of_conditions: dict[Primitive, None] = {}

    def made(self, primitive: Primitive) -> None:
        """A condition needs the lock it was made with: somebody has to own it."""
        if primitive.kind == "Condition":
            lock: Primitive | None = getattr(primitive, "lock", None)
            if lock is not None:
                self._of_conditions[lock] = None

    def cover(self, operation: Operation) -> bool:
        """Is it an operation on one of them?

        Raises:
            Uncontrollable: it is on the lock of a condition.
        """
        target = operation.target
        found = self._free.get(target)
        if found is None:
            found = self._free[target] = target.kind in KINDS and self._is_named(target)
        return found

    def answer(self, operation: Operation) -> Any:
        """What the operation returns, without having done anything."""
        return _ANSWERS[operation.op]

    def unknown(self) -> list[str]:
        """The names that no lock has."""
        return sorted(self.names - self.found)

    def _is_named(self, lock: Primitive) -> bool:
        name, at = self._record.name(lock), self._record.at(lock)
        if lock.part_of() is None and lock not in self._of_conditions:
            self.seen[f"{name} ({at})" if at else name] = None
        found = self.names & {name, at}
        if not found:
            return False
        self.found |= found
        if lock.part_of() is not None or lock in self._of_conditions:
            refusals.refuse(
                f"uses {name}, which is to be free, as the lock of a condition",
                "leave it out: a condition cannot do without its lock",
                sys._getframe(1),
            )
        return True
