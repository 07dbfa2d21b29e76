"""Events: a flag that threads wait for.

An event knows its flag and the step that raised it; it does not know who waits.
"""

from __future__ import annotations

import threading
import warnings
from typing import Any

from .. import world as _world
from ..dependency import Access, Need
from ..threads import VirtualThread
from ..trace import Op
from ..world import Operation, Primitive
from .lock import address, allocate_real_lock, shown

RealEvent = threading.Event
_making_real = allocate_real_lock()


class Set(Operation):
    """Raise the flag."""

    __slots__ = ()
    op = Op.SET
    label = "Event.set"
    pending = done = int(Access.EVENT_SET)
    target: Event  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> None:
        event = self.target
        world = event._world
        assert world is not None
        if not event.flag:
            event.flag = True
            event.set_at = world.step
            event.raised += 1


class Clear(Operation):
    """Lower the flag."""

    __slots__ = ()
    op = Op.CLEAR
    label = "Event.clear"
    pending = done = int(Access.EVENT_CLEAR)
    target: Event  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> None:
        self.target.flag = False


class Wait(Operation):
    """Blocked in ``wait()`` until the flag is raised.

    CPython lets every thread that already waits pass when the flag is raised and lowered at once. Where time decides
    who already waits (the timed world) ``raised_before`` remembers how often the flag had been raised on arrival. In
    the explored world a thread may always be thought to arrive later, so it is -1 and only the flag counts.
    """

    __slots__ = ("raised_before",)
    op = Op.WAIT
    label = "Event.wait"
    pending = done = int(Access.EVENT_WAIT)
    needs = int(Need.RAISED)
    target: Event  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, target: Event, raised_before: int = -1) -> None:
        super().__init__(target)
        self.raised_before = raised_before

    def ready(self, thread: VirtualThread) -> bool:
        event = self.target
        return event.flag or event.raised > self.raised_before >= 0

    def apply(self, thread: VirtualThread) -> bool:
        event = self.target
        world = event._world
        assert world is not None
        if event.set_at >= 0:
            world.order_after(event.set_at)
        return True

    def detail(self) -> str:
        return "" if self.target.flag else "not set"


class TimedWait(Wait):
    """``wait(timeout)``: it may give up while the flag is down."""

    __slots__ = ("timeout",)
    failed_op = Op.TIMEOUT
    pending = done = failed = int(Access.EVENT_LOOK)
    needs = 0
    polls = True

    def __init__(self, target: Event, timeout: float, raised_before: int = -1) -> None:
        super().__init__(target, raised_before)
        self.timeout = timeout


class Look(Operation):
    """``is_set()``: observe the flag."""

    __slots__ = ()
    op = Op.ATOMIC
    label = "Event.is_set"
    pending = done = int(Access.EVENT_LOOK)
    polls = True
    productive = False
    target: Event  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> bool:
        return self.target.flag

    def fruitless(self, result: Any) -> bool:
        return not result


class Event(Primitive):
    """``threading.Event``.

    Invariant: while ``flag`` is up, ``set_at`` is the step that raised it, -1 when it came in raised
    (tests/simcore/primitives/test_event.py).
    """

    kind = "Event"

    def __init__(self) -> None:
        self._world = None
        self._real: Any = None
        self._set = Set(self)
        self._clear = Clear(self)
        self._wait = Wait(self)
        self._look = Look(self)
        self.flag = False
        self.set_at = -1
        self.raised = 0
        world = _world.active
        if world is None:
            self._real = RealEvent()
        else:
            self._world = world
            world.register(self)

    def reset(self) -> None:
        """An event made outside enters as it is there."""
        self.flag = self._real is not None and self._real.is_set()
        self.set_at = -1
        self.raised = 0

    def admits(self) -> int:
        return -1 if self.flag else ~Need.RAISED

    def real(self) -> Any:
        """The real event behind this one, made on demand when the object was born inside a world."""
        if self._real is None:
            with _making_real:
                if self._real is None:
                    self._real = RealEvent()
        return self._real

    @property
    def _flag(self) -> bool:
        """CPython's name for the flag."""
        return self.real()._flag if _world.active is None else self.flag

    @property
    def _cond(self) -> Any:
        """CPython's condition variable under the flag; there is none inside a world."""
        if _world.active is not None:
            raise AttributeError("_cond")
        return self.real()._cond

    def is_set(self) -> bool:
        world = _world.active
        if world is None:
            return self.real().is_set()
        if self._world is not world:
            self.adopt(world)
        return world.perform(self._look)

    def isSet(self) -> bool:  # noqa: N802 - CPython's old name
        warnings.warn("isSet() is deprecated, use is_set() instead", DeprecationWarning, stacklevel=2)
        return self.is_set()

    def set(self) -> None:
        world = _world.active
        if world is None:
            return self.real().set()
        if self._world is not world:
            self.adopt(world)
        return world.perform(self._set)

    def clear(self) -> None:
        world = _world.active
        if world is None:
            return self.real().clear()
        if self._world is not world:
            self.adopt(world)
        return world.perform(self._clear)

    def wait(self, timeout: float | None = None) -> bool:
        world = _world.active
        if world is None:
            return self.real().wait(timeout)
        if self._world is not world:
            self.adopt(world)
        arrival = self.raised if world.kind == "timed" else -1
        if timeout is not None:
            return world.perform(TimedWait(self, max(timeout, 0), arrival))
        return world.perform(self._wait if arrival < 0 else Wait(self, arrival))

    def __repr__(self) -> str:
        return f"<{shown(type(self))} at {address(self):#x}: {'set' if self._flag else 'unset'}>"

    def _at_fork_reinit(self) -> None:
        if _world.active is None:
            self.real()._at_fork_reinit()
