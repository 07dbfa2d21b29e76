"""Futures and thread pools: ``concurrent.futures`` with each submit, take, set and result one atomic step.

A pool knows its tasks and its workers; that the workers are threads of some world is the world's affair. The classes
inherit from the real ones: outside a world the inherited methods run.
"""

from __future__ import annotations

import concurrent.futures as _futures
import concurrent.futures.thread as _pools
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import _base
from typing import Any

from .. import world as _world
from ..dependency import Access
from ..threads import VirtualThread
from ..trace import Op
from ..world import ExecutionOver, Operation, Primitive, Uncontrollable, World
from .condition import RealCondition
from .lock import RealRLock, allocate_real_lock

RealFuture = _futures.Future
RealThreadPoolExecutor = _futures.ThreadPoolExecutor
real_wait = _futures.wait
real_as_completed = _futures.as_completed
BrokenThreadPool = _pools.BrokenThreadPool
CancelledError = _futures.CancelledError
InvalidStateError = _futures.InvalidStateError
DoneAndNotDone = _base.DoneAndNotDoneFutures
LOGGER = _base.LOGGER
_making_real = allocate_real_lock()

PENDING, RUNNING, FINISHED = "PENDING", "RUNNING", "FINISHED"
CANCELLED, CANCELLED_AND_NOTIFIED = "CANCELLED", "CANCELLED_AND_NOTIFIED"
_OVER = frozenset({CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED})
_REPORTED = frozenset({CANCELLED_AND_NOTIFIED, FINISHED})
"""The states that ``wait`` and ``as_completed`` count as done: a cancelled future only once a worker has seen it."""
_GAVE_UP = object()


class Completions(Primitive):
    """Where all futures of a world meet those who wait for any of several, and the pools' counts of idle workers.

    One for all worlds: it has no state of its own, only an identity for the order of completions.
    """

    kind = "Futures"
    uid = -1 << 40

    def __init__(self) -> None:
        self._world = None


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
        # Inside a world without the address: messages are the same in every execution.
        place = f" at {id(self):#x}" if _world.active is None else ""
        return f"<{type(self).__name__}{place} state={state}>"


class Task:
    """A call on its way to a worker."""

    __slots__ = ("args", "function", "future", "kwargs")

    def __init__(
        self, future: Future, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.future = future
        self.function = function
        self.args = args
        self.kwargs = kwargs


class Submit(Operation):
    """Queue a task; says which new worker it needs, or -1. While the pool may still grow, idle workers matter."""

    __slots__ = ("grew", "task")
    op = Op.SUBMIT
    label = "submit"
    pending = done = int(Access.POOL_SUBMIT)
    second_done = int(Access.POOL_GROW)
    target: ThreadPoolExecutor  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, target: ThreadPoolExecutor, task: Task) -> None:
        super().__init__(target)
        self.task = task
        self.grew = False

    @property
    def second(self) -> Primitive | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        pool = self.target
        return completions if self.grew or pool._started < pool._max_workers else None

    def apply(self, thread: VirtualThread) -> int:
        pool = self.target
        world = pool._world
        assert world is not None
        if pool._failed:
            raise BrokenThreadPool(pool._failed)
        if pool._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if pool._exiting:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        self.task.future._submitted_at = world.step
        pool._tasks.append(self.task)
        if pool._idle:
            pool._idle -= 1
            return -1
        if pool._started >= pool._max_workers:
            return -1
        self.grew = True
        pool._started += 1
        return pool._started - 1


class Take(Operation):
    """A worker takes the oldest task and marks it running; when the pool is closed and empty it is told to end.

    It touches the pool and the task's future with the same access code. Which of the two is ``target`` is of no
    consequence to anybody who compares steps, and reports speak of the future, so that it is from ``apply`` on.
    """

    __slots__ = ("pool", "taken")
    label = "take a task"
    second_done = int(Access.POOL_TAKE)

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        super().__init__(pool)
        self.pool = pool
        self.taken = False

    def _next(self) -> Future | None:
        return self.pool._tasks[0].future if self.pool._tasks else None

    @property
    def op(self) -> Op:  # pyright: ignore[reportIncompatibleVariableOverride]
        future = self._next()
        return Op.CANCEL if future is not None and future._state == CANCELLED else Op.RUN

    @property
    def pending(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.POOL_TAKE if self.taken or self.pool._tasks else Access.POOL_LEAVE)

    @property
    def done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.pending

    @property
    def second(self) -> Primitive | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.pool if self.taken else self._next()

    def ready(self, thread: VirtualThread) -> bool:
        pool = self.pool
        return bool(pool._tasks) or pool._closed or pool._exiting

    def apply(self, thread: VirtualThread) -> Task | None:
        pool = self.pool
        world = pool._world
        assert world is not None
        if not pool._tasks:
            world.order_after(pool._closed_at)
            return None
        task = pool._tasks.popleft()
        future = task.future
        world.order_after(future._submitted_at)
        if future._state == PENDING:
            future._state = RUNNING
            future.worker = thread
        pool._busy.append(thread)
        self.target, self.taken = future, True
        return task

    def detail(self) -> str:
        return "no task queued"


class Idle(Operation):
    """A worker is idle again; only a submit that might start another worker can tell."""

    __slots__ = ()
    op = Op.ATOMIC
    label = "worker idle"
    productive = False
    second_done = int(Access.FUTURE_DONE)
    target: ThreadPoolExecutor  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def second(self) -> Primitive | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return completions

    def apply(self, thread: VirtualThread) -> None:
        self.target._idle += 1


class Close(Operation):
    """``shutdown()``; with ``cancel_futures`` it takes out the queued tasks and returns their futures."""

    __slots__ = ("drain",)
    op = Op.CLOSE
    label = "shutdown"
    target: ThreadPoolExecutor  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, target: ThreadPoolExecutor, drain: bool) -> None:
        super().__init__(target)
        self.drain = drain

    @property
    def pending(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.POOL_DRAIN if self.drain else Access.POOL_CLOSE)

    @property
    def done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.pending

    def apply(self, thread: VirtualThread) -> list[Future]:
        pool = self.target
        world = pool._world
        assert world is not None
        futures = pool._take_all() if self.drain else []
        if not pool._closed:
            pool._closed = True
            # Workers that end because of it could have had a drained task before it: that order is not forced.
            pool._closed_at = -1 if futures else world.step
        return futures


class Break(Operation):
    """An initializer failed: the pool is of no use any more; returns the futures of the queued tasks."""

    __slots__ = ()
    op = Op.ABORT
    label = "initializer failed"
    pending = done = int(Access.POOL_DRAIN)
    target: ThreadPoolExecutor  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> list[Future]:
        pool = self.target
        pool._failed = "A thread initializer failed, the thread pool is not usable anymore"
        return pool._take_all()


_pool_numbers = itertools.count()
_living: list[ThreadPoolExecutor] = []


def reset_counters() -> None:
    """A new execution begins: pools are numbered from 0 again, and those of the last one are forgotten."""
    global _pool_numbers
    _pool_numbers = itertools.count()
    _living.clear()


def shutdown_all(world: World) -> None:
    """The interpreter exits: idle workers of this world's pools end, busy ones when they are done."""
    for pool in _living:
        if pool._world is world and not pool._exiting:
            pool._exiting = True
            if not pool._closed:
                pool._closed_at = world.step


class ThreadPoolExecutor(Primitive, RealThreadPoolExecutor):
    """``concurrent.futures.ThreadPoolExecutor``; its workers are ordinary threads with ``_weft_system`` set.

    ``workers`` are the worker threads that have begun, ``_started`` counts those that were started, ``_busy`` holds
    the ones with a task, ``_tasks`` is the queue. As in CPython a submit starts a worker when none is idle and there
    are fewer than the maximum. Deviation: a pool that the program drops without ``shutdown`` keeps its workers until
    the interpreter exits.
    """

    kind = "ThreadPoolExecutor"

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        self._world = None
        self._arguments = (max_workers, thread_name_prefix, initializer, initargs)
        self._is_real = False
        world = _world.active
        if world is None:
            self._become_real()
        else:
            if max_workers is None:
                max_workers = min(32, (os.cpu_count() or 1) + 4)
            if max_workers <= 0:
                raise ValueError("max_workers must be greater than 0")
            if initializer is not None and not callable(initializer):
                raise TypeError("initializer must be a callable")
            self._max_workers = max_workers
            self._initializer: Any = initializer
            self._initargs = initargs
        self.reset()
        if world is not None:
            self._world = world
            world.register(self)

    def _become_real(self) -> None:
        """Set up the inherited executor, at once when made outside a world, else on first use outside."""
        super().__init__(*self._arguments)  # pyright: ignore[reportArgumentType]
        self._is_real = True

    def reset(self) -> None:
        self._tasks: deque[Task] = deque()
        self.workers: list[VirtualThread] = []
        self._busy: list[VirtualThread] = []
        self._started = 0
        self._failed = ""
        self._closed = False
        self._closed_at = -1
        self._exiting = False
        self._idle = 0
        self._own_threads: list[threading.Thread] = []
        if _world.active is not None:
            self._prefix = self._arguments[1] or f"ThreadPoolExecutor-{next(_pool_numbers)}"
            _living.append(self)

    def capacity(self) -> int:
        return self._max_workers

    def _take_all(self) -> list[Future]:
        """Empty the queue; returns the futures of its tasks."""
        futures = [task.future for task in self._tasks]
        self._tasks.clear()
        return futures

    def _enter_world(self) -> World | None:
        world = _world.active
        if world is None:
            if not self._is_real:
                self._become_real()
        elif self._world is not world:
            self.adopt(world)
        return world

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        world = self._enter_world()
        if world is None:
            return super().submit(fn, *args, **kwargs)
        future = Future()
        future.pool = self
        number = world.perform(Submit(self, Task(future, fn, args, kwargs)))
        if number is not None and number >= 0:
            worker: Any = threading.Thread(name=f"{self._prefix}_{number}", target=self._work)
            worker._weft_system = True
            worker.start()
            self._own_threads.append(worker)
        return future

    def map(
        self, fn: Callable[..., Any], *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[Any]:
        world = self._enter_world()
        if world is None:
            return super().map(fn, *iterables, timeout=timeout, chunksize=chunksize)
        deadline_ns = None if timeout is None else world.now_ns() + int(timeout * 1e9)
        futures = deque([self.submit(fn, *args) for args in zip(*iterables, strict=False)])
        return _results(world, futures, deadline_ns)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        world = self._enter_world()
        if world is None:
            return super().shutdown(wait, cancel_futures=cancel_futures)
        for future in world.perform(Close(self, cancel_futures)) or ():
            future.cancel()
        if wait:
            for worker in self._own_threads:
                worker.join()
        return None

    def _work(self) -> None:
        """The life of a worker."""
        world = self._world
        assert world is not None
        self.workers.append(world.thread)
        if self._initializer is not None:
            try:
                self._initializer(*self._initargs)
            except ExecutionOver:
                raise
            except BaseException:
                LOGGER.critical("Exception in initializer:", exc_info=True)
                for future in world.perform(Break(self)) or ():
                    future.set_exception(BrokenThreadPool(self._failed))
                return
        try:
            while True:
                task = world.perform(Take(self))
                if task is None:
                    return
                idle = self._run(world, task)
                self._busy.remove(world.thread)
                if not idle:
                    world.perform(Idle(self))
        except ExecutionOver:
            raise
        except BaseException:
            LOGGER.critical("Exception in worker", exc_info=True)

    def _run(self, world: World, task: Task) -> bool:
        """Run a task that was taken; True when the worker already counts as idle."""
        future = task.future
        if future._state == CANCELLED:
            future.set_running_or_notify_cancel()
            return False
        try:
            result = task.function(*task.args, **task.kwargs)
        except ExecutionOver:
            raise
        except BaseException as error:
            idle = world.perform(Finish(future, None, error, self))
        else:
            idle = world.perform(Finish(future, result, None, self))
        future._invoke_callbacks()
        return bool(idle)


def _results(world: World, futures: deque[Any], deadline_ns: int | None) -> Generator[Any, None, None]:
    """The results of ``map``, in order; what is left when it ends early is cancelled."""
    try:
        while futures:
            future = futures.popleft()
            remaining = None if deadline_ns is None else (deadline_ns - world.now_ns()) / 1e9
            try:
                result = future.result(remaining)
            except _futures.TimeoutError:
                future.cancel()
                raise
            del future
            yield result
    finally:
        for future in futures:
            future.cancel()


class Watch(Operation):
    """Begin to wait for several futures: returns those done already; the order of the others matters from now on."""

    __slots__ = ("futures",)
    op = Op.ATOMIC
    label = "wait for futures"
    pending = done = int(Access.FUTURES_WATCH)
    productive = False

    def __init__(self, futures: list[Future]) -> None:
        super().__init__(completions)
        self.futures = futures

    def apply(self, thread: VirtualThread) -> list[Future]:
        for future in self.futures:
            future._watched = True
        return in_order(self.futures)


class AwaitAll(Operation):
    """Wait until all of several futures are done, without a time-out: nobody can observe its place."""

    __slots__ = ("futures",)
    op = Op.RESULT
    failed_op = Op.TIMEOUT
    label = "wait for futures"
    pending = done = int(Access.FUTURE_WAIT)
    local = True

    def __init__(self, futures: list[Future]) -> None:
        super().__init__(completions)
        self.futures = futures

    def ready(self, thread: VirtualThread) -> bool:
        return all(future._state in _REPORTED for future in self.futures)

    def apply(self, thread: VirtualThread) -> list[Future]:
        world = _world.active
        assert world is not None
        for future in self.futures:
            world.order_after(future._reported_at)
        return self.futures

    def wakers(self) -> list[VirtualThread] | None:
        threads: list[VirtualThread] = []
        for future in self.futures:
            if future._state not in _REPORTED:
                movers = future._movers()
                if movers is None:
                    return None
                threads += movers
        return list(dict.fromkeys(threads))

    def detail(self) -> str:
        unfinished = sum(future._state not in _REPORTED for future in self.futures)
        return f"{unfinished} of {len(self.futures)} futures unfinished"


class AwaitSome(AwaitAll):
    """Wait until enough of several futures are done; returns the done ones in the order they finished."""

    __slots__ = ("return_when", "timeout")
    pending = done = failed = int(Access.FUTURES_GATHER)
    local = False

    def __init__(self, futures: list[Future], return_when: str, timeout: float | None) -> None:
        super().__init__(futures)
        self.return_when = return_when
        self.timeout = None if timeout is None else max(timeout, 0)

    @property
    def polls(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.timeout is not None

    def enough(self, done: list[Future]) -> bool:
        if self.return_when == _futures.FIRST_COMPLETED and done:
            return True
        if self.return_when == _futures.FIRST_EXCEPTION and any(future._exception is not None for future in done):
            return True
        return len(done) == len(self.futures)

    def ready(self, thread: VirtualThread) -> bool:
        return self.enough(in_order(self.futures))

    def apply(self, thread: VirtualThread) -> list[Future]:
        world = _world.active
        assert world is not None
        done = in_order(self.futures)
        enabling = next(done[:count] for count in range(len(done) + 1) if self.enough(done[:count]))
        # The rest is in the result too, but this step could have come before it.
        for future in enabling if len(enabling) == len(self.futures) else enabling[-1:]:
            world.order_after(future._reported_at)
        return done

    def expire(self, thread: VirtualThread) -> Any:
        return _GAVE_UP


def in_order(futures: list[Future]) -> list[Future]:
    """Those of the futures that are done, in the order they finished."""
    return sorted((future for future in futures if future._state in _REPORTED), key=lambda future: future._reported_at)


def _of_this_world(fs: Iterable[Any], world: World) -> tuple[list[Future], list[Any]]:
    """The futures without duplicates: ours, and foreign ones that are done.

    Raises:
        Uncontrollable: a foreign future that is not done can only be finished by a thread the world does not control.
    """
    ours: list[Future] = []
    foreign: list[Any] = []
    for future in dict.fromkeys(fs):
        if isinstance(future, Future):
            if future._world is not world:
                future.adopt(world)
            ours.append(future)
        elif future._state in _REPORTED:
            foreign.append(future)
        else:
            raise Uncontrollable(
                f"wait() on {future!r}, which no simulated thread can finish: make futures inside the program"
            )
    return ours, foreign


def wait(fs: Iterable[Any], timeout: float | None = None, return_when: str = _futures.ALL_COMPLETED) -> Any:
    """``concurrent.futures.wait``."""
    world = _world.active
    fs = list(fs)
    if world is None or not any(isinstance(future, Future) for future in fs):
        return real_wait(fs, timeout, return_when)
    ours, foreign = _of_this_world(fs, world)
    if return_when == _futures.ALL_COMPLETED and timeout is None:
        world.perform(AwaitAll(ours))
        return DoneAndNotDone({*ours, *foreign}, set())
    done: list[Future] = world.perform(Watch(ours)) or list[Future]()
    awaited = AwaitSome(ours, return_when, timeout)
    over = awaited.enough(done) or (bool(foreign) and return_when == _futures.FIRST_COMPLETED)
    if not over:
        if return_when not in (_futures.FIRST_COMPLETED, _futures.FIRST_EXCEPTION, _futures.ALL_COMPLETED):
            raise ValueError(f"Invalid return condition: {return_when!r}")
        found = world.perform(awaited)
        done = in_order(ours) if found is _GAVE_UP else found
    finished: set[Any] = {*done, *foreign}
    unfinished: set[Any] = set(ours) - finished
    return DoneAndNotDone(finished, unfinished)


def as_completed(fs: Iterable[Any], timeout: float | None = None) -> Iterator[Any]:
    """``concurrent.futures.as_completed``; futures that are done at the start come in the order they finished."""
    world = _world.active
    fs = list(fs)
    if world is None or not any(isinstance(future, Future) for future in fs):
        yield from real_as_completed(fs, timeout)
        return
    ours, foreign = _of_this_world(fs, world)
    deadline_ns = None if timeout is None else world.now_ns() + int(timeout * 1e9)
    done: list[Future] = world.perform(Watch(ours)) or list[Future]()
    pending = [future for future in ours if future not in done]
    yield from foreign
    yield from done
    while pending:
        remaining = None if deadline_ns is None else (deadline_ns - world.now_ns()) / 1e9
        found = world.perform(AwaitSome(pending, _futures.FIRST_COMPLETED, remaining))
        if found is _GAVE_UP:
            total = len(ours) + len(foreign)
            raise _futures.TimeoutError(f"{len(pending)} (of {total}) futures unfinished")
        done = found
        pending = [future for future in pending if future not in done]
        yield from done
