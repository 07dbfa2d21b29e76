"""Virtual threads: a greenlet each, with the five states of a thread's life."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

import greenlet

from . import world as _world
from .dependency import Access
from .trace import Op
from .world import ExecutionOver, Operation, Primitive

if TYPE_CHECKING:
    from types import FrameType, TracebackType


_threading: Any = threading
"""For its private table of living threads."""


class State(Enum):
    """The life cycle of a thread."""

    CREATED = "created"
    READY = "ready"
    RUNNING = "running"
    BLOCKED = "blocked"
    TERMINATED = "terminated"


class VirtualThread(Primitive):
    """A thread of the program under test.

    ``uid`` numbers it by parent and start order, so it is the same in every schedule; ``index`` numbers it within
    this execution. ``pending`` is the operation it will do next (None while it runs between operations).
    """

    kind = "Thread"
    __slots__ = (
        "_world",
        "begin",
        "children",
        "clock_ns",
        "clock_reads",
        "clock_step",
        "context",
        "created",
        "daemon",
        "end",
        "ended_at",
        "failure",
        "glet",
        "ident",
        "index",
        "locals",
        "looked",
        "looked_at",
        "name",
        "parent",
        "patient",
        "pending",
        "python_thread",
        "random",
        "run",
        "started_at",
        "state",
        "system",
        "uid",
        "yielded",
    )

    def __init__(
        self,
        run: Callable[[], None],
        name: str,
        *,
        daemon: bool = False,
        parent: VirtualThread | None = None,
        python_thread: threading.Thread | None = None,
        system: bool = False,
    ) -> None:
        self.run = run
        self.name = name
        self.daemon = daemon
        self.parent = parent
        self.python_thread = python_thread
        self.system = system
        """A thread of a pool: the interpreter ends it by itself at exit."""
        self.index = -1
        self.ident = 0
        self.children = 0
        self.created = 0
        self.pending: Operation | None = None
        self.state = State.CREATED
        self.failure: tuple[BaseException, TracebackType | None] | None = None
        self.clock_ns = 0
        self.started_at = -1
        self.ended_at = -1
        self.yielded = False
        self.patient = False
        self.looked: dict[int, int] | None = None
        """How often it looked in vain at each object since it last got something done."""
        self.looked_at = -1
        self.clock_reads = 0
        self.clock_step = -1
        self.locals: dict[int, Callable[[], None]] = {}
        """By thread-local object, what makes it forget this thread."""
        self.random: Any = None
        self.context: Any = None
        """Room for the world's own data about the thread."""
        self.begin = Begin(self)
        self.end = End(self)
        self.glet = greenlet.greenlet(self._main)

    def reset(self) -> None:
        return

    def _main(self) -> None:
        world = _world.active
        assert world is not None
        try:
            world.perform(self.begin)
            try:
                self.run()
            except ExecutionOver:
                raise
            except BaseException as error:  # the program's own failure: the world reports it
                self.failure = (error, error.__traceback__)
            # As in CPython nothing of the thread is left when somebody learns that it has ended.
            self.run = _nothing
            self._forget_locals()
            world.perform(self.end)
        except ExecutionOver:
            self.state = State.TERMINATED
            self._forget_locals()

    def _forget_locals(self) -> None:
        while self.locals:
            self.locals.popitem()[1]()

    @property
    def terminated(self) -> bool:
        return self.state is State.TERMINATED

    def frame(self) -> FrameType | None:
        """Where the thread is: its innermost Python frame."""
        if greenlet.getcurrent() is self.glet:
            return sys._getframe(1)
        return self.glet.gr_frame


def _nothing() -> None:
    return


class Living(Primitive):
    """All threads there are, for ``threading.enumerate()`` and others who count them: an identity, without state.

    One for all worlds, as no world needs it to be another.
    """

    kind = "Threads"
    uid = -3 << 40  # unlike those of the futures (-1 << 40) and of an object not known yet (-1 << 41)

    def __init__(self) -> None:
        self._world = None


living = Living()


class Begin(Operation):
    """The first step of a started thread."""

    __slots__ = ()
    op = Op.BEGIN
    label = "begin"
    local = True
    target: VirtualThread  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> None:
        world = _world.active
        assert world is not None
        world.order_after(self.target.started_at)


class End(Operation):
    """The last step of a thread; whoever joins it waits for this."""

    __slots__ = ()
    op = Op.END
    label = "end"
    pending = done = int(Access.THREAD_END)
    second = living
    second_done = int(Access.THREAD_END)
    target: VirtualThread  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> None:
        world = _world.active
        assert world is not None
        thread.state = State.TERMINATED
        thread.ended_at = world.step
        if thread.python_thread is not None:
            _threading._active.pop(thread.ident, None)
            thread.python_thread = None
