"""Thread pools: ``concurrent.futures.ThreadPoolExecutor``, with submitting, taking and closing one atomic step each.

A pool knows its tasks and its workers; that the workers are threads of some world is the world's affair.
"""

from __future__ import annotations

import concurrent.futures as _futures
import concurrent.futures.thread as _pools
import itertools
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from .. import world as _world
from ..dependency import Access, Need
from ..threads import VirtualThread
from ..trace import Op
from ..world import ANY, ExecutionOver, Operation, Primitive, Uncontrollable, World
from .future import CANCELLED, LOGGER, PENDING, RUNNING, Finish, Future, completions

RealThreadPoolExecutor = _futures.ThreadPoolExecutor
_processors: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)
"""What a pool's size is taken from: since CPython 3.13 the processors this process may use."""
BrokenThreadPool = _pools.BrokenThreadPool


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

    def guess(self) -> tuple[int, int, int, int] | None:
        return (self.target.uid, self.pending, completions.uid, self.second_done)

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
    needs = int(Need.TASK)
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

    def guess(self) -> tuple[int, int, int, int] | None:
        """Earlier or later it may be another task."""
        return (self.pool.uid, int(Access.POOL_TAKE), ANY, int(Access.POOL_TAKE))

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
    """The interpreter exits: idle workers of this world's pools end, busy ones when they are done.

    Called by the main thread between two of its steps; what follows from it comes after the last one.
    """
    for pool in _living:
        if pool._world is world and not pool._exiting:
            pool._exiting = True
            if not pool._closed:
                pool._closed_at = world.step - 1


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
        if world is not None and type(self).__module__ == "concurrent.futures.interpreter":
            # CPython 3.14's InterpreterPoolExecutor derives from this class; its tasks share nothing, ours would.
            from ..refusals import ANOTHER_INTERPRETER, refuse

            refuse(*ANOTHER_INTERPRETER, sys._getframe(1))
        if world is None:
            self._become_real()
        else:
            if max_workers is None:
                max_workers = min(32, (_processors() or 1) + 4)
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

    # CPython's private names.

    @property
    def _broken(self) -> Any:
        return self._real_broken if _world.active is None else self._failed or False

    @_broken.setter
    def _broken(self, broken: Any) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._real_broken = broken

    @property
    def _shutdown(self) -> bool:
        return self._real_shutdown if _world.active is None else self._closed

    @_shutdown.setter
    def _shutdown(self, closed: bool) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._real_shutdown = closed

    @property
    def _threads(self) -> set[threading.Thread]:
        return self._real_threads if _world.active is None else set(self._own_threads)

    @_threads.setter
    def _threads(self, threads: set[threading.Thread]) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._real_threads = threads

    def admits(self) -> int:
        return -1 if self._tasks or self._closed or self._exiting else ~Need.TASK

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
            except (ExecutionOver, Uncontrollable):
                raise
            except BaseException:
                LOGGER.critical("Exception in initializer:", exc_info=True)
                for future in world.perform(Break(self)) or ():
                    future.set_exception(BrokenThreadPool(self._failed))
                return
        while True:
            task = world.perform(Take(self))
            if task is None:
                return
            try:
                idle = self._run(world, task)
            except (ExecutionOver, Uncontrollable):
                raise
            except BaseException:  # the program finished the task's future itself: CPython's worker ends here
                LOGGER.critical("Exception in worker", exc_info=True)
                return
            del task  # what it refers to must not live until the next one comes
            self._busy.remove(world.thread)
            if not idle:
                world.perform(Idle(self))

    def _run(self, world: World, task: Task) -> bool:
        """Run a task that was taken; True when the worker already counts as idle."""
        future = task.future
        if future._state == CANCELLED:
            future.set_running_or_notify_cancel()
            return False
        try:
            result = task.function(*task.args, **task.kwargs)
        except (ExecutionOver, Uncontrollable):
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
            remaining = None if deadline_ns is None else (deadline_ns - world.now_ns()) / 1e9
            # No name here may keep a result alive that the caller has done with.
            yield _result_or_cancel(futures.popleft(), remaining)
    finally:
        for future in futures:
            future.cancel()


def _result_or_cancel(future: Any, timeout: float | None) -> Any:
    try:
        return future.result(timeout)
    except _futures.TimeoutError:
        future.cancel()
        raise
