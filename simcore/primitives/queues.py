"""The queues of the standard library, each operation one atomic step.

A queue knows its items and the steps that put them; what an item is, and who takes it, is the program's affair.
The classes inherit from the real ones: outside a world the inherited methods run, on dual locks.
"""

from __future__ import annotations

import copy
import queue as _queue
import sys
from collections import deque
from typing import Any

from .. import world as _world
from ..dependency import Access, Need
from ..threads import VirtualThread
from ..trace import Op
from ..world import Operation, Primitive, World
from .condition import Condition
from .lock import Acquire, Lock

Empty = _queue.Empty
Full = _queue.Full
RealQueue = _queue.Queue
RealLifoQueue = _queue.LifoQueue
RealPriorityQueue = _queue.PriorityQueue
RealSimpleQueue = _queue.SimpleQueue

_real_put: Any = vars(RealQueue)["_put"]
_real_get: Any = vars(RealQueue)["_get"]
_GAVE_UP = object()
"""What an operation returns when it gave up; no item can be it."""


class MutexAcquire(Acquire):
    """Take a queue's ``mutex``: until its release no operation on the queue can take effect."""

    __slots__ = ("second",)
    second_done = int(Access.QUEUE_MUTEX)

    def __init__(self, target: Mutex, queue: Queue) -> None:
        super().__init__(target)
        self.second = queue


class Mutex(Lock):
    """``Queue.mutex``, for programs that look into a queue. The queue's own operations do not take it."""

    __slots__ = ("queue",)

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        super().__init__()
        self._acquire = MutexAcquire(self, queue)

    def part_of(self) -> Primitive | None:
        return self.queue


class QueueOperation(Operation):
    """What all operations on a :class:`Queue` share: none takes effect while a thread holds the ``mutex``."""

    __slots__ = ()
    needs = int(Need.MUTEX)
    target: Queue  # pyright: ignore[reportIncompatibleVariableOverride]

    def ready(self, thread: VirtualThread) -> bool:
        return self.target._mutex_owner() is None and self.possible()

    def possible(self) -> bool:
        """Do the items allow it?"""
        return True

    def expirable(self) -> bool:
        return self.target._mutex_owner() is None

    def expire(self, thread: VirtualThread) -> Any:
        self.enter()
        return _GAVE_UP

    def enter(self) -> World:
        """Start to take effect: after the last critical section of the mutex."""
        queue = self.target
        world = queue._world
        assert world is not None
        mutex = queue._mutex
        if mutex is not None and mutex.released_at >= 0:
            world.order_after(mutex.released_at)
        return world

    def wakers(self) -> list[VirtualThread] | None:
        owner = self.target._mutex_owner()
        return None if owner is None else [owner]

    def detail(self) -> str:
        owner = self.target._mutex_owner()
        return self.state() if owner is None else f"mutex held by {owner.name}"

    def state(self) -> str:
        queue = self.target
        size = queue._qsize()
        word = "full " if 0 < queue.maxsize <= size else "empty " if not size else ""
        return f"{word}{size}/{queue.maxsize}" if queue.maxsize > 0 else f"{word}{size}"


class Put(QueueOperation):
    """Put an item; ready when there is room. Programs that wait on ``not_empty`` themselves are notified."""

    __slots__ = ("item",)
    op = Op.PUT
    failed_op = Op.PUT_FAILED
    label = "Queue.put"
    needs = Need.MUTEX | Need.ROOM
    failed = int(Access.PUT_FAILED)
    second_done = int(Access.CONDITION_NOTIFY)

    def __init__(self, target: Queue, item: Any) -> None:
        super().__init__(target)
        self.item = item

    @property
    def pending(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.PUT if self.target._fifo else Access.ORDERED_PUT)

    @property
    def done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.pending

    @property
    def second(self) -> Primitive | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.target._in_use(self.target._not_empty)

    def possible(self) -> bool:
        queue = self.target
        return queue.is_shutdown or not 0 < queue.maxsize <= queue._qsize()

    def apply(self, thread: VirtualThread) -> None:
        queue = self.target
        world = self.enter()
        if queue.is_shutdown:
            world.order_after(queue._closed_at)
            raise _shut_down()
        queue._agree()
        size = queue._qsize()
        queue._put(self.item)
        queue.unfinished_tasks += 1
        if queue._qsize() > size:
            if queue._freed:
                freed_at = queue._freed.popleft()
                if freed_at >= 0:
                    world.order_after(freed_at)
            queue._gave(self.item, world.step)
        _notify(queue._not_empty, 1, world)


class TryPut(Put):
    """Put into a bounded queue without waiting, or with a time-out."""

    __slots__ = ("timeout",)
    polls = True
    needs = int(Need.MUTEX)

    def __init__(self, target: Queue, item: Any, timeout: float) -> None:
        super().__init__(target, item)
        self.timeout = timeout

    @property
    def pending(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.PUT_TRY if self.target._fifo else Access.ORDERED_TRY)


class Get(QueueOperation):
    """Take an item; ready when there is one."""

    __slots__ = ()
    op = Op.GET
    failed_op = Op.GET_FAILED
    label = "Queue.get"
    needs = Need.MUTEX | Need.ITEM
    failed = int(Access.GET_FAILED)
    second_done = int(Access.CONDITION_NOTIFY)

    @property
    def pending(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.GET if self.target._fifo else Access.ORDERED_GET)

    @property
    def done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.pending

    @property
    def second(self) -> Primitive | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.target._in_use(self.target._not_full)

    def possible(self) -> bool:
        queue = self.target
        return queue._qsize() > 0 or queue.is_shutdown

    def apply(self, thread: VirtualThread) -> Any:
        queue = self.target
        world = self.enter()
        size = queue._qsize()
        if not size:
            world.order_after(queue._closed_at)
            raise _shut_down()
        queue._agree()
        item = queue._get()
        if queue._qsize() < size:
            put_at = queue._taken(item)
            if put_at >= 0:
                world.order_after(put_at)
            if queue.maxsize > 0:
                queue._freed.append(world.step)
        _notify(queue._not_full, 1, world)
        return item


class TryGet(Get):
    """Take an item without waiting, or with a time-out."""

    __slots__ = ("timeout",)
    polls = True
    needs = int(Need.MUTEX)

    def __init__(self, target: Queue, timeout: float) -> None:
        super().__init__(target)
        self.timeout = timeout

    @property
    def pending(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.GET_TRY if self.target._fifo else Access.ORDERED_TRY)


class TaskDone(QueueOperation):
    """One task less is unfinished."""

    __slots__ = ()
    op = Op.TASK_DONE
    label = "Queue.task_done"
    pending = done = int(Access.TASK_DONE)
    second_done = int(Access.CONDITION_NOTIFY)

    @property
    def second(self) -> Primitive | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.target._in_use(self.target._all_tasks_done)

    def apply(self, thread: VirtualThread) -> None:
        queue = self.target
        world = self.enter()
        if queue.unfinished_tasks <= 0:
            raise ValueError("task_done() called too many times")
        queue.unfinished_tasks -= 1
        queue._task_done_at = world.step
        if not queue.unfinished_tasks:
            _notify(queue._all_tasks_done, -1, world)


class Join(QueueOperation):
    """Wait until no task is unfinished."""

    __slots__ = ()
    op = Op.JOIN
    label = "Queue.join"
    needs = Need.MUTEX | Need.NO_TASK
    pending = done = int(Access.QUEUE_JOIN)

    def possible(self) -> bool:
        return not self.target.unfinished_tasks

    def apply(self, thread: VirtualThread) -> None:
        self.enter().order_after(self.target._task_done_at)

    def state(self) -> str:
        count = self.target.unfinished_tasks
        return f"{count} task{'' if count == 1 else 's'} unfinished"


class Look(QueueOperation):
    """``qsize()``; ``empty()`` and ``full()`` say what follows from it."""

    __slots__ = ()
    op = Op.ATOMIC
    label = "Queue.qsize"
    pending = done = int(Access.QUEUE_LOOK)
    polls = True
    productive = False

    def apply(self, thread: VirtualThread) -> Any:
        self.enter()
        return self.answer()

    def answer(self) -> Any:
        return self.target._qsize()

    def fruitless(self, result: Any) -> bool:
        return True  # whatever the answer, nothing has changed: a thread that asks again waits for another one


class LookEmpty(Look):
    __slots__ = ()
    label = "Queue.empty"

    def answer(self) -> Any:
        return not self.target._qsize()


class LookFull(Look):
    __slots__ = ()
    label = "Queue.full"

    def answer(self) -> Any:
        return 0 < self.target.maxsize <= self.target._qsize()


class Close(QueueOperation):
    """``shutdown()`` (CPython 3.13): putting fails from now on, getting when the items are gone."""

    __slots__ = ("immediate",)
    op = Op.CLOSE
    label = "Queue.shutdown"
    pending = done = int(Access.QUEUE_CLOSE)

    def __init__(self, target: Queue, immediate: bool) -> None:
        super().__init__(target)
        self.immediate = immediate

    def apply(self, thread: VirtualThread) -> None:
        queue = self.target
        world = self.enter()
        queue.is_shutdown = True
        queue._closed_at = world.step
        if self.immediate:
            while queue._qsize():
                queue._get()
                if queue.unfinished_tasks > 0:
                    queue.unfinished_tasks -= 1
            queue._agree()
            queue._task_done_at = world.step
            _notify(queue._all_tasks_done, -1, world)
        _notify(queue._not_empty, -1, world)
        _notify(queue._not_full, -1, world)


def _shut_down() -> Exception:
    kind: type[Exception] = getattr(_queue, "ShutDown", Empty)
    return kind()


def _notify(condition: Condition | None, count: int, world: World) -> None:
    """Wake programs that wait on a queue's own condition variables, as CPython's queue does."""
    if condition is not None and condition.waiters and condition._world is world:
        chosen = len(condition.waiters) if count < 0 else count
        for waiter in condition.waiters[:chosen]:
            waiter.notified_at = world.step
        del condition.waiters[:chosen]


class Queue(Primitive, RealQueue[Any]):
    """``queue.Queue``. Subclasses that override ``_init``, ``_qsize``, ``_put`` or ``_get`` work in every world; our
    own attributes have a leading underscore to keep out of their way.

    Invariants, at the start of every operation: ``_put_at`` holds an entry an item, the step of its put, and ``_freed``
    an entry a free slot of a bounded queue, the step of the get that freed it; -1 where there was none
    (tests/simcore/primitives/test_queues.py).
    """

    kind = "Queue"
    queue: Any

    def __init__(self, maxsize: int = 0) -> None:
        self._world = None
        self.maxsize = maxsize
        self._mutex: Mutex | None = None
        self._not_empty: Condition | None = None
        self._not_full: Condition | None = None
        self._all_tasks_done: Condition | None = None
        self._outside: tuple[Any, int, bool] | None = None
        self._init(maxsize)
        self.unfinished_tasks = 0
        self.is_shutdown = False
        # A subclass with an order of its own is not first in, first out: its puts and gets all depend on each other.
        kind: Any = type(self)
        self._fifo: bool = kind._put is _real_put and kind._get is _real_get
        self._start()
        world = _world.active
        if world is None:
            # Made at once, since real threads could race to make them on demand.
            _ = self.not_empty, self.not_full, self.all_tasks_done
        else:
            self._world = world
            world.register(self)

    def _start(self) -> None:
        self._put_at: deque[int] = deque([-1] * self._qsize())
        self._freed: deque[int] = deque([-1] * max(self.maxsize - self._qsize(), 0))
        self._task_done_at = -1
        self._closed_at = -1
        self._get_operation = Get(self)
        self._task_done_operation = TaskDone(self)

    def adopt(self, world: World) -> None:
        if self._world is None:
            self._outside = (copy.copy(getattr(self, "queue", None)), self.unfinished_tasks, self.is_shutdown)
        super().adopt(world)

    def reset(self) -> None:
        """A queue made outside enters every world with the items it had when it entered the first."""
        self._init(self.maxsize)
        items, self.unfinished_tasks, self.is_shutdown = self._outside or (None, 0, False)
        if items is not None:
            self.queue = copy.copy(items)
        self._start()

    def capacity(self) -> int:
        return self.maxsize

    def admits(self) -> int:
        size = self._qsize()
        open_ = self.is_shutdown
        admitted = 0
        if open_ or not 0 < self.maxsize <= size:
            admitted |= Need.ROOM
        if size or open_:
            admitted |= Need.ITEM
        if not self.unfinished_tasks:
            admitted |= Need.NO_TASK
        if self._mutex_owner() is None:
            admitted |= Need.MUTEX
        return admitted | ~(Need.ROOM | Need.ITEM | Need.NO_TASK | Need.MUTEX)

    def _mutex_owner(self) -> VirtualThread | None:
        mutex = self._mutex
        return None if mutex is None or mutex._world is not self._world else mutex.owner

    def _in_use(self, condition: Condition | None) -> Condition | None:
        """The condition if a thread of this world ever used it; until then nobody can wait for it."""
        return condition if condition is not None and condition._world is self._world else None

    def _gave(self, item: Any, step: int) -> None:
        self._put_at.append(step)

    def _taken(self, item: Any) -> int:
        """The step that put the item that was just taken; -1: not known."""
        return self._put_at.popleft()

    def _agree(self) -> None:
        """Bring ``_put_at`` and ``_freed`` into line with items the program touched itself (``q.queue.clear()``)."""
        size = self._qsize()
        _resize(self._put_at, size)
        if self.maxsize > 0:
            _resize(self._freed, max(self.maxsize - size, 0))

    # CPython's attributes; inside a world they are made when a program asks for them.

    @property
    def mutex(self) -> Lock:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self._mutex is None:
            self._mutex = Mutex(self)
        return self._mutex

    @property
    def not_empty(self) -> Condition:  # pyright: ignore[reportIncompatibleVariableOverride]
        condition = self._not_empty
        if condition is None:
            condition = self._not_empty = Condition(self.mutex)
        return condition

    @property
    def not_full(self) -> Condition:  # pyright: ignore[reportIncompatibleVariableOverride]
        condition = self._not_full
        if condition is None:
            condition = self._not_full = Condition(self.mutex)
        return condition

    @property
    def all_tasks_done(self) -> Condition:  # pyright: ignore[reportIncompatibleVariableOverride]
        condition = self._all_tasks_done
        if condition is None:
            condition = self._all_tasks_done = Condition(self.mutex)
        return condition

    def _enter_world(self) -> World | None:
        world = _world.active
        if world is not None and self._world is not world:
            self.adopt(world)
        return world

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        world = self._enter_world()
        if world is None:
            return super().put(item, block, timeout)
        if self.maxsize <= 0 or (block and timeout is None):
            return world.perform(Put(self, item))
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        if world.perform(TryPut(self, item, (timeout or 0) if block else 0)) is _GAVE_UP:
            raise Full
        return None

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        world = self._enter_world()
        if world is None:
            return super().get(block, timeout)
        if block and timeout is None:
            return world.perform(self._get_operation)
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        item = world.perform(TryGet(self, (timeout or 0) if block else 0))
        if item is _GAVE_UP:
            raise Empty
        return item

    def task_done(self) -> None:
        world = self._enter_world()
        if world is None:
            return super().task_done()
        return world.perform(self._task_done_operation)

    def join(self) -> None:
        world = self._enter_world()
        if world is None:
            return super().join()
        return world.perform(Join(self))

    def qsize(self) -> int:
        world = self._enter_world()
        return super().qsize() if world is None else world.perform(Look(self))

    def empty(self) -> bool:
        world = self._enter_world()
        return super().empty() if world is None else world.perform(LookEmpty(self))

    def full(self) -> bool:
        world = self._enter_world()
        return super().full() if world is None else world.perform(LookFull(self))

    if sys.version_info >= (3, 13):

        def shutdown(self, immediate: bool = False) -> None:
            world = self._enter_world()
            if world is None:
                return super().shutdown(immediate)
            return world.perform(Close(self, immediate))


def _resize(steps: deque[int], size: int) -> None:
    while len(steps) > size:
        steps.popleft()
    while len(steps) < size:
        steps.append(-1)


class LifoQueue(Queue, RealLifoQueue[Any]):  # pyright: ignore[reportIncompatibleVariableOverride]
    """``queue.LifoQueue``: the last put is the first to be taken."""

    kind = "LifoQueue"

    def _taken(self, item: Any) -> int:
        return self._put_at.pop()


class PriorityQueue(Queue, RealPriorityQueue[Any]):  # pyright: ignore[reportIncompatibleVariableOverride]
    """``queue.PriorityQueue``: the smallest item is the first to be taken."""

    kind = "PriorityQueue"

    def _start(self) -> None:
        super()._start()
        self._put_by_item: dict[int, deque[int]] = {}
        """By id of an item, which is alive as long as it is in here: the steps that put it."""

    def _gave(self, item: Any, step: int) -> None:
        super()._gave(item, step)
        self._put_by_item.setdefault(id(item), deque()).append(step)

    def _taken(self, item: Any) -> int:
        super()._taken(item)
        steps = self._put_by_item.get(id(item))
        step = steps.popleft() if steps else -1
        if not steps:
            self._put_by_item.pop(id(item), None)
        return step


class SimplePut(Operation):
    """Put an item; a simple queue is never full."""

    __slots__ = ("item",)
    op = Op.PUT
    label = "SimpleQueue.put"
    pending = done = int(Access.PUT)
    target: SimpleQueue  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, target: SimpleQueue, item: Any) -> None:
        super().__init__(target)
        self.item = item

    def apply(self, thread: VirtualThread) -> None:
        queue = self.target
        world = queue._world
        assert world is not None
        queue._items.append((self.item, world.step))


class SimpleGet(Operation):
    """Take an item; ready when there is one."""

    __slots__ = ()
    op = Op.GET
    failed_op = Op.GET_FAILED
    label = "SimpleQueue.get"
    pending = done = int(Access.GET)
    needs = int(Need.ITEM)
    failed = int(Access.GET_FAILED)
    target: SimpleQueue  # pyright: ignore[reportIncompatibleVariableOverride]

    def ready(self, thread: VirtualThread) -> bool:
        return bool(self.target._items)

    def apply(self, thread: VirtualThread) -> Any:
        queue = self.target
        world = queue._world
        assert world is not None
        item, put_at = queue._items.popleft()
        if put_at >= 0:
            world.order_after(put_at)
        return item

    def expire(self, thread: VirtualThread) -> Any:
        return _GAVE_UP

    def detail(self) -> str:
        return "" if self.target._items else "empty 0"


class SimpleTryGet(SimpleGet):
    """Take an item without waiting, or with a time-out."""

    __slots__ = ("timeout",)
    pending = done = int(Access.GET_TRY)
    needs = 0
    polls = True

    def __init__(self, target: SimpleQueue, timeout: float) -> None:
        super().__init__(target)
        self.timeout = timeout


class SimpleLook(Operation):
    """``qsize()`` and, from it, ``empty()``."""

    __slots__ = ()
    op = Op.ATOMIC
    label = "SimpleQueue.qsize"
    pending = done = int(Access.QUEUE_LOOK)
    polls = True
    productive = False
    target: SimpleQueue  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> int:
        return len(self.target._items)

    def fruitless(self, result: Any) -> bool:
        return True


class SimpleQueue(Primitive, RealSimpleQueue[Any]):
    """``queue.SimpleQueue``: unbounded, no ``join``.

    The real one is written in C and keeps its items to itself, so inside a world they live in ``_items``.
    """

    kind = "SimpleQueue"

    def __init__(self) -> None:
        self._world = None
        self._items: deque[tuple[Any, int]] = deque()
        self._outside: list[Any] | None = None
        self._get_operation = SimpleGet(self)
        world = _world.active
        if world is not None:
            self._world = world
            self._outside = []
            world.register(self)

    def adopt(self, world: World) -> None:
        if self._outside is None:
            self._outside = []
            while super().qsize():
                self._outside.append(super().get_nowait())
            for item in self._outside:
                super().put(item)
        super().adopt(world)

    def reset(self) -> None:
        """A queue made outside enters every world with the items it had when it entered the first."""
        self._items = deque((item, -1) for item in self._outside or [])

    def admits(self) -> int:
        return -1 if self._items else ~Need.ITEM

    def _leave_world(self) -> None:
        """Outside, a queue that was born inside a world still has the items it had there at the end."""
        if self._items and not self._outside:
            for item, _ in self._items:
                super().put(item)
        self._items.clear()

    def _enter_world(self) -> World | None:
        world = _world.active
        if world is None:
            self._leave_world()
        elif self._world is not world:
            self.adopt(world)
        return world

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        world = self._enter_world()
        if world is None:
            return super().put(item, block, timeout)
        return world.perform(SimplePut(self, item))

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        world = self._enter_world()
        if world is None:
            return super().get(block, timeout)
        if block and timeout is None:
            return world.perform(self._get_operation)
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        item = world.perform(SimpleTryGet(self, (timeout or 0) if block else 0))
        if item is _GAVE_UP:
            raise Empty
        return item

    def put_nowait(self, item: Any) -> None:
        return self.put(item, False)

    def get_nowait(self) -> Any:
        return self.get(False)

    def qsize(self) -> int:
        world = self._enter_world()
        return super().qsize() if world is None else world.perform(SimpleLook(self))

    def empty(self) -> bool:
        world = self._enter_world()
        return super().empty() if world is None else world.perform(SimpleLook(self)) == 0
