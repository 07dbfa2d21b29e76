"""Barriers: arriving is one step, leaving another; the last to arrive opens the barrier for all.

A barrier knows who has arrived in this round; it does not know who is still to come.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from enum import Enum
from typing import Any

from .. import world as _world
from ..dependency import Access, Need
from ..threads import VirtualThread
from ..trace import Op
from ..world import Operation, Primitive, World
from .lock import address, allocate_real_lock, shown

RealBarrier = threading.Barrier
BrokenBarrierError = threading.BrokenBarrierError
_making_real = allocate_real_lock()
_GAVE_UP = object()


class Phase(Enum):
    """CPython's states, and one more: while the last thread runs the action, CPython holds the barrier's lock."""

    FILLING = "filling"
    ACTING = "acting"
    DRAINING = "draining"
    RESETTING = "resetting"
    BROKEN = "broken"


class BarrierOperation(Operation):
    """What all operations on a barrier share: none takes effect while the action runs."""

    __slots__ = ()
    needs = int(Need.NO_ACTION)
    target: Barrier  # pyright: ignore[reportIncompatibleVariableOverride]

    def ready(self, thread: VirtualThread) -> bool:
        return self.target._phase is not Phase.ACTING

    def world(self) -> World:
        world = self.target._world
        assert world is not None
        return world

    def wakers(self) -> list[VirtualThread] | None:
        barrier = self.target
        return [barrier._actor] if barrier._phase is Phase.ACTING and barrier._actor is not None else None

    def detail(self) -> str:
        barrier = self.target
        if barrier._phase is Phase.ACTING and barrier._actor is not None:
            return f"{barrier._actor.name} runs the action"
        return f"{barrier._count} of {barrier._parties} arrived"


class Arrive(BarrierOperation):
    """Come to the barrier, once the round before has left it; the last one opens it, or goes on to run the action,
    knowing what the others did before they came.

    Returns the arrival's number.
    """

    __slots__ = ()
    op = Op.ARRIVE
    label = "Barrier.wait"
    pending = done = int(Access.BARRIER)

    needs = int(Need.ENTRANCE)

    def ready(self, thread: VirtualThread) -> bool:
        return self.target._phase in (Phase.FILLING, Phase.BROKEN)

    def apply(self, thread: VirtualThread) -> int:
        barrier = self.target
        world = self.world()
        if barrier._phase is Phase.BROKEN:
            raise BrokenBarrierError
        for departed_at in barrier._departures:
            world.order_after(departed_at)
        if not barrier._count:
            barrier._arrivals = []
        index = barrier._count
        if index + 1 == barrier._parties:
            for arrived_at in barrier._arrivals:
                world.order_after(arrived_at)
        barrier._arrivals.append(world.step)
        barrier._count += 1
        if index + 1 == barrier._parties:
            if barrier._action is None:
                barrier._open()
            else:
                barrier._phase = Phase.ACTING
                barrier._actor = thread
        return index

    def detail(self) -> str:
        barrier = self.target
        if barrier._phase in (Phase.DRAINING, Phase.RESETTING):
            return f"{barrier._count} of the round before have not left"
        return super().detail()


class EndAction(BarrierOperation):
    """The action returned: open the barrier; or it raised: break it. The thread that ran it leaves."""

    __slots__ = ("failed_action",)
    needs = 0
    op = Op.ATOMIC
    label = "Barrier action"

    def __init__(self, target: Barrier, failed_action: bool) -> None:
        super().__init__(target)
        self.failed_action = failed_action

    @property
    def pending(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.BARRIER_BREAK if self.failed_action else Access.BARRIER)

    @property
    def done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.pending

    def ready(self, thread: VirtualThread) -> bool:
        return True

    def apply(self, thread: VirtualThread) -> None:
        barrier = self.target
        world = self.world()
        barrier._actor = None
        if self.failed_action:
            barrier._break(world.step)
            barrier._leave(world.step)
        else:
            barrier._arrivals.append(world.step)
            barrier._open()
            barrier._departures.append(world.step)


class Depart(BarrierOperation):
    """Blocked in ``wait()`` until all have arrived, or the barrier is broken or reset."""

    __slots__ = ()
    op = Op.DEPART
    label = "Barrier.wait"
    pending = done = int(Access.BARRIER_DEPART)

    needs = int(Need.EXIT)

    def ready(self, thread: VirtualThread) -> bool:
        return self.target._phase not in (Phase.FILLING, Phase.ACTING)

    def apply(self, thread: VirtualThread) -> None:
        barrier = self.target
        world = self.world()
        broken = barrier._phase is not Phase.DRAINING
        for step in barrier._opened_by:
            world.order_after(step)
        barrier._leave(world.step)
        if broken:
            raise BrokenBarrierError

    def expirable(self) -> bool:
        return self.target._phase is Phase.FILLING

    def expire(self, thread: VirtualThread) -> Any:
        step = self.world().step
        self.target._break(step)
        self.target._leave(step)
        return _GAVE_UP


class TimedDepart(Depart):
    """``wait(timeout)``: giving up breaks the barrier for all."""

    __slots__ = ("timeout",)
    failed_op = Op.TIMEOUT
    failed = int(Access.BARRIER_BREAK)
    needs = int(Need.NO_ACTION)
    polls = True

    def __init__(self, target: Barrier, timeout: float) -> None:
        super().__init__(target)
        self.timeout = timeout

    @property
    def pending(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.BARRIER_BREAK)

    @property
    def done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.BARRIER_TIMED)


class Abort(BarrierOperation):
    """``abort()``: break the barrier."""

    __slots__ = ()
    op = Op.ABORT
    label = "Barrier.abort"
    pending = done = int(Access.BARRIER_BREAK)

    def apply(self, thread: VirtualThread) -> None:
        self.target._break(self.world().step)


class Reset(BarrierOperation):
    """``reset()``: whoever waits leaves with an error, then the barrier is as new."""

    __slots__ = ()
    op = Op.ABORT
    label = "Barrier.reset"
    pending = done = int(Access.BARRIER_BREAK)

    def apply(self, thread: VirtualThread) -> None:
        barrier = self.target
        step = self.world().step
        if not barrier._count:
            barrier._phase = Phase.FILLING
            barrier._departures = [step]
        elif barrier._phase in (Phase.FILLING, Phase.BROKEN):
            if barrier._phase is Phase.FILLING:
                barrier._opened_by = [step]
            barrier._phase = Phase.RESETTING


class Look(BarrierOperation):
    """``n_waiting``, which CPython reads without the barrier's lock."""

    __slots__ = ()
    needs = 0
    op = Op.ATOMIC
    label = "Barrier.n_waiting"
    pending = done = int(Access.BARRIER_LOOK)
    polls = True
    productive = False

    def ready(self, thread: VirtualThread) -> bool:
        return True

    def apply(self, thread: VirtualThread) -> int:
        barrier = self.target
        return barrier._count if barrier._phase in (Phase.FILLING, Phase.ACTING) else 0

    def fruitless(self, result: Any) -> bool:
        return True


class LookBroken(Look):
    """``broken``."""

    __slots__ = ()
    label = "Barrier.broken"

    def apply(self, thread: VirtualThread) -> bool:
        return self.target._phase is Phase.BROKEN


class Barrier(Primitive):
    """``threading.Barrier``.

    Invariant: ``_count`` threads have arrived and not left; a new round begins only when it is 0
    (tests/simcore/primitives/test_barrier.py).
    """

    kind = "Barrier"

    def __init__(self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None) -> None:
        if parties < 1 and sys.version_info >= (3, 13):
            raise ValueError("parties must be > 0")
        self._world = None
        self._parties = parties
        self._action: Any = action
        self._timeout = timeout
        self._real: Any = None
        self.reset_state()
        world = _world.active
        if world is None:
            self._real = self._make_real()
        else:
            self._world = world
            world.register(self)

    def _make_real(self) -> Any:
        return RealBarrier(self._parties, self._action, self._timeout)

    def adopt(self, world: World) -> None:
        """As for every primitive, but ``reset`` is a method of the user's here."""
        self._world = world
        world.register_outside(self)
        self.reset_state()

    def reset_state(self) -> None:
        """Put the state machine into its initial state."""
        self._phase = Phase.FILLING
        self._count = 0
        self._actor: VirtualThread | None = None
        self._arrivals: list[int] = []
        self._departures: list[int] = []
        """The steps after which the next round can begin."""
        self._opened_by: list[int] = []
        """The steps that made it possible for those who wait to leave: all arrivals, or a break or reset."""

    def admits(self) -> int:
        phase = self._phase
        admitted = ~(Need.ENTRANCE | Need.EXIT | Need.NO_ACTION)
        if phase in (Phase.FILLING, Phase.BROKEN):
            admitted |= Need.ENTRANCE
        if phase not in (Phase.FILLING, Phase.ACTING):
            admitted |= Need.EXIT
        if phase is not Phase.ACTING:
            admitted |= Need.NO_ACTION
        return admitted

    def capacity(self) -> int:
        return self._parties

    def real(self) -> Any:
        """The real barrier behind this one, made on demand when the object was born inside a world."""
        if self._real is None:
            with _making_real:
                if self._real is None:
                    self._real = self._make_real()
        return self._real

    def _open(self) -> None:
        """All have arrived: the calling thread leaves at once, the others when they are scheduled.

        Its step is none of the departures that let the next round in: a thread of the next round could have come
        before it, in its place.
        """
        self._phase = Phase.DRAINING
        self._opened_by = self._arrivals
        self._departures = []
        self._leave(-1)

    def _break(self, step: int) -> None:
        if self._phase in (Phase.FILLING, Phase.ACTING):
            self._opened_by = [step]
        self._phase = Phase.BROKEN

    def _leave(self, step: int) -> None:
        self._count -= 1
        self._departures.append(step)
        if not self._count and self._phase in (Phase.DRAINING, Phase.RESETTING):
            self._phase = Phase.FILLING

    def _enter_world(self) -> World | None:
        world = _world.active
        if world is not None and self._world is not world:
            self.adopt(world)
        return world

    def wait(self, timeout: float | None = None) -> int:
        world = self._enter_world()
        if world is None:
            return self.real().wait(timeout)
        if timeout is None:
            timeout = self._timeout
        index = world.perform(Arrive(self))
        if index + 1 < self._parties:
            departure = Depart(self) if timeout is None else TimedDepart(self, max(timeout, 0))
            if world.perform(departure) is _GAVE_UP:
                raise BrokenBarrierError
        elif self._action is not None:
            try:
                self._action()
            except BaseException:
                world.perform(EndAction(self, True))
                raise
            world.perform(EndAction(self, False))
        return index

    def reset(self) -> None:
        world = self._enter_world()
        if world is None:
            return self.real().reset()
        return world.perform(Reset(self))

    def abort(self) -> None:
        world = self._enter_world()
        if world is None:
            return self.real().abort()
        return world.perform(Abort(self))

    @property
    def parties(self) -> int:
        return self._parties

    @property
    def n_waiting(self) -> int:
        world = self._enter_world()
        return self.real().n_waiting if world is None else world.perform(Look(self))

    @property
    def broken(self) -> bool:
        world = self._enter_world()
        return self.real().broken if world is None else world.perform(LookBroken(self))

    def __repr__(self) -> str:
        if _world.active is None:
            return repr(self.real())
        if self._phase is Phase.BROKEN:
            return f"<{shown(type(self))} at {address(self):#x}: broken>"
        return f"<{shown(type(self))} at {address(self):#x}: waiters={self._count}/{self._parties}>"
