"""Futures: ``concurrent.futures.Future``, with setting, cancelling, looking and waiting one atomic step each.

A future knows its state and who works on it; how its task came to a worker is the pool's affair.
"""

from __future__ import annotations

import concurrent.futures as _futures
from collections.abc import Callable
from concurrent.futures import _base
from typing import TYPE_CHECKING, Any

from .. import world as _world
from ..dependency import Access, Need
from ..threads import VirtualThread
from ..trace import Op
from ..world import Operation, Primitive, World
from .condition import RealCondition
from .lock import RealRLock, address, allocate_real_lock

if TYPE_CHECKING:
    from .pool import ThreadPoolExecutor

RealFuture = _futures.Future
CancelledError = _futures.CancelledError
InvalidStateError = _futures.InvalidStateError
LOGGER = _base.LOGGER
_making_real = allocate_real_lock()

PENDING, RUNNING, FINISHED = "PENDING", "RUNNING", "FINISHED"
CANCELLED, CANCELLED_AND_NOTIFIED = "CANCELLED", "CANCELLED_AND_NOTIFIED"
_OVER = frozenset({CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED})
_GAVE_UP = object()


class Completions(Primitive):
    """Where all futures of a world meet those who wait for any of several, and the pools' counts of idle workers.

    One for all worlds: it has no state of its own, only an identity for the order of completions.
    """

    kind = "Futures"
    uid = -1 << 40

    def __init__(self) -> None:
        self._world = None

    def admits(self) -> int:
        return ~Need.CAUSE


completions = Completions()


class FutureOperation(Operation):
    """What all operations on one future share."""

    __slots__ = ()
    target: Future  # pyright: ignore[reportIncompatibleVariableOverride]

    def wakers(self) -> list[VirtualThread] | None:
        return self.target._movers()

    def detail(self) -> str:
        return self.target._standing()

    def world(self) -> World:
        world = self.target._world
        assert world is not None
        return world


class Await(FutureOperation):
    """``result()`` and ``exception()``: what is done stays done, so its place among other steps cannot be observed."""

    __slots__ = ()
    op = Op.RESULT
    label = "Future.result"
    pending = done = int(Access.FUTURE_WAIT)
    local = True

    def ready(self, thread: VirtualThread) -> bool:
        return self.target._state in _OVER

    def apply(self, thread: VirtualThread) -> None:
        self.world().order_after(self.target._done_at)

    def expire(self, thread: VirtualThread) -> Any:
        return _GAVE_UP


class TimedAwait(Await):
    """``result(timeout)``: looks whether the future is done by then."""

    __slots__ = ("timeout",)
    failed_op = Op.TIMEOUT
    pending = done = failed = int(Access.FUTURE_LOOK)
    local = False
    polls = True

    def __init__(self, target: Future, timeout: float) -> None:
        super().__init__(target)
        self.timeout = timeout


class Look(FutureOperation):
    """``done()``, ``running()``, ``cancelled()``: observe the state."""

    __slots__ = ("states",)
    op = Op.ATOMIC
    label = "Future.done"
    pending = done = int(Access.FUTURE_LOOK)
    polls = True
    productive = False

    def __init__(self, target: Future, states: frozenset[str]) -> None:
        super().__init__(target)
        self.states = states

    def apply(self, thread: VirtualThread) -> bool:
        return self.target._state in self.states

    def fruitless(self, result: Any) -> bool:
        return self.target._state not in _OVER


class Finish(FutureOperation):
    """Set the result or the exception.

    A worker whose task is done counts as idle from this step on. CPython raises the count a moment later, after the
    callbacks, so with callbacks the worker does it in a step of its own (:class:`Idle`).
    """

    __slots__ = ("error", "pool", "result")
    op = Op.SET
    label = "Future.set_result"
    pending = done = int(Access.FUTURE_SET)

    def __init__(
        self, target: Future, result: Any, error: BaseException | None, pool: ThreadPoolExecutor | None
    ) -> None:
        super().__init__(target)
        self.result = result
        self.error = error
        self.pool = pool

    @property
    def second(self) -> Primitive | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return completions

    @property
    def second_done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.FUTURE_WATCHED if self.target._watched else Access.FUTURE_DONE)

    def guess(self) -> tuple[int, int, int, int] | None:
        """Earlier it may not have been watched."""
        watched = self.target._watched
        return (self.target.uid, self.pending, completions.uid, int(Access.FUTURE_WATCHED)) if watched else None

    def apply(self, thread: VirtualThread) -> bool:
        """True when the worker is idle now, False when it has to say so later."""
        future = self.target
        if future._state in _OVER:
            raise InvalidStateError(f"{future._state}: {future!r}")
        future._result = self.result
        future._exception = self.error
        future._state = FINISHED
        future._done_at = future._reported_at = self.world().step
        if self.pool is None or future._done_callbacks:
            return False
        self.pool._idle += 1
        return True


class Cancel(FutureOperation):
    """``cancel()``; says what the state was before."""

    __slots__ = ()
    op = Op.CANCEL
    label = "Future.cancel"
    pending = done = int(Access.FUTURE_CANCEL)

    def apply(self, thread: VirtualThread) -> str:
        future = self.target
        before = future._state
        if before == PENDING:
            future._state = CANCELLED
            future._done_at = self.world().step
        return before


class Begin(FutureOperation):
    """``set_running_or_notify_cancel()``; says what the state was before."""

    __slots__ = ()
    label = "Future.set_running_or_notify_cancel"
    pending = done = int(Access.FUTURE_CANCEL)

    @property
    def op(self) -> Op:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Op.RUN if self.target._state == PENDING else Op.CANCEL

    @property
    def second(self) -> Primitive | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return completions

    @property
    def second_done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.FUTURE_WATCHED if self.target._watched else Access.FUTURE_DONE)

    def apply(self, thread: VirtualThread) -> str:
        future = self.target
        before = future._state
        if before == CANCELLED:
            future._state = CANCELLED_AND_NOTIFIED
            future._reported_at = self.world().step
        elif before == PENDING:
            future._state = RUNNING
            future.worker = thread
        return before


class AddCallback(FutureOperation):
    """``add_done_callback()``: whether the future is done decides which thread runs the callback."""

    __slots__ = ("callback",)
    op = Op.ATOMIC
    label = "Future.add_done_callback"
    pending = done = int(Access.FUTURE_CANCEL)

    def __init__(self, target: Future, callback: Callable[[Future], Any]) -> None:
        super().__init__(target)
        self.callback = callback

    def apply(self, thread: VirtualThread) -> bool:
        """True when the caller has to run it."""
        future = self.target
        if future._state in _OVER:
            return True
        future._done_callbacks.append(self.callback)
        return False


class Future(Primitive, RealFuture[Any]):
    """``concurrent.futures.Future``.

    Its state is kept in CPython's own attributes in every world; only the condition is made on demand.
    """

    kind = "Future"
    pool: ThreadPoolExecutor | None
    worker: VirtualThread | None
    """The thread that runs its task, from the take on; None before, and for a future without a pool."""
    _state: str
    _result: Any
    _exception: BaseException | None
    _done_callbacks: list[Callable[[Future], Any]]

    def __init__(self) -> None:
        self._world = None
        self._real_condition: Any = None
        self.pool = None
        self._outside: tuple[str, Any, BaseException | None] | None = None
        world = _world.active
        if world is None:
            super().__init__()
            self._hash = id(self)
            self._restart()
        else:
            self._waiters: list[Any] = []
            self.reset()
            self._world = world
            world.register(self)
            self._hash = self.uid  # sets of futures are walked in the same order in every execution

    def __hash__(self) -> int:
        return hash(self._hash)

    def __eq__(self, other: object) -> bool:
        return self is other

    def adopt(self, world: World) -> None:
        if self._world is None:
            self._outside = (self._state, self._result, self._exception)
        super().adopt(world)

    def reset(self) -> None:
        """A future made outside enters every world in the state it had when it entered the first."""
        self._state, self._result, self._exception = self._outside or (PENDING, None, None)
        self._done_callbacks = []
        self._restart()

    def _restart(self) -> None:
        self.worker = None
        self._submitted_at = -1
        self._done_at = -1
        self._reported_at = -1
        self._watched = False

    def part_of(self) -> Primitive | None:
        return self.pool

    @property
    def _condition(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self._real_condition is None:
            with _making_real:
                if self._real_condition is None:
                    self._real_condition = RealCondition(RealRLock())
        return self._real_condition

    @_condition.setter
    def _condition(self, condition: Any) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._real_condition = condition

    def _enter_world(self) -> World | None:
        world = _world.active
        if world is not None and self._world is not world:
            self.adopt(world)
        return world

    def _movers(self) -> list[VirtualThread] | None:
        """The threads whose progress could finish it; None when that may be any thread."""
        if self.worker is not None:
            return [self.worker]
        pool = self.pool
        if self._state != PENDING or pool is None or len(pool.workers) < pool._started:
            return None
        return list(pool.workers)

    def _standing(self) -> str:
        if self._state in _OVER:
            return ""
        if self.worker is not None:
            return f"running in {self.worker.name}"
        if self.pool is None:
            return "nobody has set it"
        busy = sum(worker in self.pool._busy for worker in self.pool.workers)
        return f"queued, {busy} of {self.pool._started} workers busy"

    def _invoke_callbacks(self) -> None:
        for callback in self._done_callbacks:
            self._call(callback)

    def _call(self, callback: Callable[[Future], Any]) -> None:
        try:
            callback(self)
        except Exception:
            LOGGER.exception("exception calling callback for %r", self)

    def _await(self, world: World, timeout: float | None) -> None:
        operation = Await(self) if timeout is None else TimedAwait(self, max(timeout, 0))
        if world.perform(operation) is _GAVE_UP:
            raise _futures.TimeoutError
        if self._state in (CANCELLED, CANCELLED_AND_NOTIFIED):
            raise CancelledError

    def result(self, timeout: float | None = None) -> Any:
        world = self._enter_world()
        if world is None:
            return super().result(timeout)
        self._await(world, timeout)
        if self._exception is not None:
            try:
                raise self._exception
            finally:
                self = None  # as CPython does: the traceback must not keep the future alive
        return self._result

    def exception(self, timeout: float | None = None) -> BaseException | None:
        world = self._enter_world()
        if world is None:
            return super().exception(timeout)
        self._await(world, timeout)
        return self._exception

    def done(self) -> bool:
        world = self._enter_world()
        return super().done() if world is None else world.perform(Look(self, _OVER))

    def running(self) -> bool:
        world = self._enter_world()
        return super().running() if world is None else world.perform(Look(self, frozenset({RUNNING})))

    def cancelled(self) -> bool:
        world = self._enter_world()
        if world is None:
            return super().cancelled()
        return world.perform(Look(self, frozenset({CANCELLED, CANCELLED_AND_NOTIFIED})))

    def cancel(self) -> bool:
        world = self._enter_world()
        if world is None:
            return super().cancel()
        before = world.perform(Cancel(self))
        if before == PENDING:
            self._invoke_callbacks()
        return before in (PENDING, CANCELLED, CANCELLED_AND_NOTIFIED)

    def add_done_callback(self, fn: Callable[[Any], Any]) -> None:
        world = self._enter_world()
        if world is None:
            return super().add_done_callback(fn)
        if world.perform(AddCallback(self, fn)):
            self._call(fn)
        return None

    def set_running_or_notify_cancel(self) -> bool:
        world = self._enter_world()
        if world is None:
            return super().set_running_or_notify_cancel()
        before = world.perform(Begin(self))
        if before in (RUNNING, FINISHED, CANCELLED_AND_NOTIFIED):
            LOGGER.critical("Future %s in unexpected state: %s", id(self), before)
            raise RuntimeError("Future in unexpected state")
        return before == PENDING

    def set_result(self, result: Any) -> None:
        world = self._enter_world()
        if world is None:
            return super().set_result(result)
        world.perform(Finish(self, result, None, None))
        return self._invoke_callbacks()

    def set_exception(self, exception: BaseException | None) -> None:
        world = self._enter_world()
        if world is None:
            return super().set_exception(exception)
        world.perform(Finish(self, None, exception, None))
        return self._invoke_callbacks()

    def __repr__(self) -> str:
        state = {CANCELLED_AND_NOTIFIED: "cancelled"}.get(self._state, self._state.lower())
        if self._state == FINISHED:
            raised = self._exception is not None
            state += (
                f" {'raised' if raised else 'returned'} {type(self._exception if raised else self._result).__name__}"
            )
        return f"<{type(self).__name__} at {address(self):#x} state={state}>"
