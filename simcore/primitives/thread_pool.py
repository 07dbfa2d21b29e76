"""``multiprocessing.pool.ThreadPool``: CPython's own code, on our queues, events and threads.

Its workers, the thread that hands tasks out and the one that hands results back (and calls callbacks) are ordinary
threads of a world. The thread that looks after dead workers is not there: it would wait on a pipe and look at variables
that nothing guards. Whoever closes a pool, or ends the last job of a closed one, tells the others instead of it.
Deviation: a worker that ``sys.exit()`` in a task has ended is not replaced; CPython does so once the pool is closed.
Knows nothing of processes, which are refused elsewhere.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable
from multiprocessing import pool as _pools
from typing import Any

from .. import world as _world
from ..dependency import Access
from ..refusals import refuse
from ..threads import VirtualThread
from ..trace import Op
from ..world import Operation, Primitive, World

RealThreadPool = _pools.ThreadPool
_OURS = ("__init__", "_check_running", "close", "terminate", "join")
_real: dict[str, Callable[..., Any]] = {name: getattr(RealThreadPool, name) for name in _OURS}
_RUN, _CLOSE, _TERMINATE = "RUN", "CLOSE", "TERMINATE"
"""The states of a pool, as CPython names them."""
_processors: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)
"""What a pool's size is taken from: since CPython 3.13 the processors this process may use."""


class Look(Operation):
    """Ask for the state of a pool; every change of it counts as dependent."""

    __slots__ = ()
    op = Op.ATOMIC
    label = "look at the pool"
    pending = done = int(Access.EVENT_LOOK)
    productive = False
    target: PoolState  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> Any:
        return self.target.state


class Finished(Look):
    """A job is done; True when it was the last one of a closed pool."""

    __slots__ = ()
    label = "job done"
    productive = True

    def apply(self, thread: VirtualThread) -> bool:
        self.target.open_jobs -= 1
        return self.target.over()


class Change(Operation):
    """``close()`` or ``terminate()``; returns (the pool was not in that state yet, and it is closed without a job)."""

    __slots__ = ("to",)
    op = Op.CLOSE
    pending = done = int(Access.EVENT_SET)
    target: PoolState  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, target: PoolState, to: str) -> None:
        super().__init__(target)
        self.to = to

    @property
    def label(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "close" if self.to == _CLOSE else "terminate"

    def apply(self, thread: VirtualThread) -> tuple[bool, bool]:
        state = self.target
        changed = state.state == _RUN or (self.to == _TERMINATE and state.state == _CLOSE)
        if changed:
            state.state = self.to
        return changed, changed and state.over()


class PoolState(Primitive):
    """Whether a pool takes jobs, and how many it has not finished.

    A job is counted by the thread that makes it right after it has looked whether the pool takes any, so that both are
    one step. Its end is a step of its own.
    """

    kind = "ThreadPool"
    __slots__ = ("_world", "open_jobs", "state", "uid")

    def __init__(self, world: World) -> None:
        self._world = world
        self.state = _RUN
        self.open_jobs = 0
        world.register(self)

    def over(self) -> bool:
        return self.state == _CLOSE and not self.open_jobs


class Jobs(dict[int, Any]):
    """``Pool._cache``: the unfinished jobs by number. Who removes the last one of a closed pool ends its helpers."""

    def __init__(self, state: PoolState, tasks: Any) -> None:
        super().__init__()
        self._state = state
        self._tasks = tasks

    def __setitem__(self, number: int, job: Any) -> None:
        super().__setitem__(number, job)
        self._state.open_jobs += 1

    def __delitem__(self, number: int) -> None:
        super().__delitem__(number)
        if _perform(Finished(self._state)):
            self._tasks.put(None)


class Helper(threading.Thread):
    """A thread that runs one of ``Pool``'s two loops, which ask it for its state before each task and each result."""

    def __init__(self, pool: PoolState, loop: Callable[..., None], *args: Any) -> None:
        super().__init__(target=loop, args=args, daemon=True)
        self._of = pool

    @property
    def _state(self) -> str:
        return _TERMINATE if _perform(Look(self._of)) == _TERMINATE else _RUN


class Running(str):
    """``RUN`` while its world lasts: ``Pool.__del__`` warns of pools in this state, which a run may end with."""

    __slots__ = ("_world",)

    def __new__(cls, world: World) -> Running:
        made = super().__new__(cls, _RUN)
        made._world = world
        return made

    def __eq__(self, other: object) -> bool:
        return self._world is _world.active and not self._world.closing and str.__eq__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)


def _perform(operation: Operation) -> Any:
    world = _world.active
    assert world is not None, "a pool made in a world is for that world"
    return world.perform(operation)


def _state_of(pool: Any) -> PoolState | None:
    """The state of a pool that was made in a world; None for a real one, which only the outside may use."""
    state: PoolState | None = getattr(pool, "_weft_state", None)
    world = _world.active
    if state is None and world is not None and not world.closing:
        refuse("uses a ThreadPool that was made before it", "make the pool in the program itself", sys._getframe(2))
    return state


def init(
    self: Any,
    processes: int | None = None,
    initializer: Callable[..., Any] | None = None,
    initargs: Iterable[Any] = (),
) -> None:
    """``ThreadPool()``; in a world what ``Pool.__init__`` does, without the thread for dead workers."""
    world = _world.active
    if world is None or world.closing:
        return _real["__init__"](self, processes, initializer, initargs)
    state = self._weft_state = PoolState(world)
    workers: list[Any] = []
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    self._pool = workers
    self._state = "INIT"
    self._ctx = self._change_notifier = None
    self._setup_queues()
    self._taskqueue = tasks
    self._cache = Jobs(state, tasks)
    self._maxtasksperchild = None
    self._initializer = initializer
    self._initargs = initargs
    self._processes = _processors() or 1 if processes is None else processes
    if self._processes < 1:
        raise ValueError("Number of processes must be at least 1")
    if initializer is not None and not callable(initializer):
        raise TypeError("initializer must be a callable")
    self._repopulate_pool()
    loops: Any = _pools.Pool
    self._task_handler = Helper(
        state, loops._handle_tasks, tasks, self._quick_put, self._outqueue, workers, self._cache
    )
    self._task_handler.start()
    self._result_handler = Helper(state, loops._handle_results, self._outqueue, self._quick_get, self._cache)
    self._result_handler.start()
    self._state = Running(world)
    return None


def check_running(self: Any) -> None:
    """``Pool._check_running``: what every method that makes a job begins with."""
    state = _state_of(self)
    if state is None:
        return _real["_check_running"](self)
    if _perform(Look(state)) != _RUN:
        raise ValueError("Pool not running")
    return None


def close(self: Any) -> None:
    """``Pool.close``."""
    state = _state_of(self)
    if state is None:
        return _real["close"](self)
    changed, over = _perform(Change(state, _CLOSE))
    if changed:
        self._state = _CLOSE
    if over:
        self._taskqueue.put(None)
    return None


def terminate(self: Any) -> None:
    """``Pool.terminate``: tasks that no worker has taken are dropped, and whoever waits for them waits for ever."""
    state = _state_of(self)
    if state is None:
        return _real["terminate"](self)
    alive = self._result_handler.is_alive()
    changed, _ = _perform(Change(state, _TERMINATE))
    if not changed:
        return None
    self._state = _TERMINATE
    self._help_stuff_finish(self._inqueue, self._task_handler, len(self._pool))
    if not alive and len(self._cache) != 0:  # a callback has ended it with an exception
        raise AssertionError("Cannot have cache with result_hander not alive")
    self._outqueue.put(None)
    self._taskqueue.put(None)
    for helper in (self._task_handler, self._result_handler):
        if threading.current_thread() is not helper:
            helper.join()
    return None


def join(self: Any) -> None:
    """``Pool.join``."""
    state = _state_of(self)
    if state is None:
        return _real["join"](self)
    if _perform(Look(state)) == _RUN:
        raise ValueError("Pool is still running")
    for thread in (self._task_handler, self._result_handler, *self._pool):
        thread.join()
    return None


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table: methods of the real class, so that subclasses made anywhere work."""
    return [
        (RealThreadPool, "__init__", init),
        (RealThreadPool, "_check_running", check_running),
        (RealThreadPool, "close", close),
        (RealThreadPool, "terminate", terminate),
        (RealThreadPool, "join", join),
    ]
