"""``concurrent.futures`` as a whole: waiting for any or all of several futures, and the names the other rooms use.

Knows futures only by their state and the order they finished in; one future is ``future.py``, a pool ``pool.py``.
"""

from __future__ import annotations

import concurrent.futures as _futures
from collections.abc import Iterable, Iterator
from concurrent.futures import _base
from typing import Any

from .. import world as _world
from ..dependency import Access, Need
from ..threads import VirtualThread
from ..trace import Op
from ..world import Operation, Uncontrollable, World
from .future import CANCELLED_AND_NOTIFIED, FINISHED, Future, RealFuture, completions
from .pool import RealThreadPoolExecutor, ThreadPoolExecutor, reset_counters, shutdown_all

__all__ = [
    "Future",
    "RealFuture",
    "RealThreadPoolExecutor",
    "ThreadPoolExecutor",
    "as_completed",
    "reset_counters",
    "shutdown_all",
    "wait",
]

real_wait = _futures.wait
real_as_completed = _futures.as_completed
DoneAndNotDone = _base.DoneAndNotDoneFutures
_REPORTED = frozenset({CANCELLED_AND_NOTIFIED, FINISHED})
"""The states that ``wait`` and ``as_completed`` count as done: a cancelled future only once a worker has seen it."""
_GAVE_UP = object()


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
        return [future for future in self.futures if future._state in _REPORTED]


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
    def needs(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Need.CAUSE) if self.timeout is None else 0

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
    """``concurrent.futures.as_completed``; futures that are done at the start come in the order given."""
    world = _world.active
    fs = list(fs)
    if world is None or not any(isinstance(future, Future) for future in fs):
        completed = real_as_completed(fs, timeout)
        del fs  # a future that was yielded is nobody's here any more
        yield from completed
        return
    pending, done = _of_this_world(fs, world)
    total = len(pending) + len(done)
    del fs
    deadline_ns = None if timeout is None else world.now_ns() + int(timeout * 1e9)
    done += world.perform(Watch(pending)) or ()
    while True:
        # As in CPython a future that was yielded is nobody's here any more.
        pending = [future for future in pending if future not in done]
        done.reverse()
        while done:
            yield done.pop()
        if not pending:
            return
        remaining = None if deadline_ns is None else (deadline_ns - world.now_ns()) / 1e9
        found = world.perform(AwaitSome(pending, _futures.FIRST_COMPLETED, remaining))
        if found is _GAVE_UP:
            raise _futures.TimeoutError(f"{len(pending)} (of {total}) futures unfinished")
        done = found
