"""The meeting point of primitives and worlds: which world is active, and what one operation of a thread is.

A primitive knows *what* an operation does; a world decides *who* moves next and *what time* it is. This room
holds only the interface between the two, so that neither has to know the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .trace import Op

if TYPE_CHECKING:
    from .threads import VirtualThread

active: World | None = None
"""The world the calling code runs in; None outside, where every primitive is exactly the real one."""


ANY = -1 << 41
"""Stands for the number of an object that is not known yet (``Operation.guess``)."""


class ExecutionOver(BaseException):
    """Unwinds a virtual thread when its world ends the execution; no program may catch it for good."""


class Uncontrollable(BaseException):
    """The program did something no world can simulate (a socket, a child process); names the call and the place."""


class Operation:
    """One atomic step of a thread on an object: a transition of the object's state machine.

    Subclasses answer the four questions of a primitive:

    *May I?* :meth:`ready` — could the operation take effect now? It has no side effect.
    *Do it.* :meth:`apply` — take effect; called only when ready. Its return value is the user's.
    *Who could wake me?* :meth:`wakers` — the threads whose progress could make a blocked operation ready;
    None means "any thread" (a queue, an event: whoever comes along may put or set).
    *Do these commute?* the access codes ``pending``, ``done`` and ``failed``, looked up in ``dependency.DEPENDENT``.

    ``timeout`` is None (wait for ever), 0 (try) or seconds. An operation that gives up calls :meth:`expire`
    instead of ``apply``; :meth:`expirable` says whether it may at this moment. Operations without arguments are
    made once per object and shared by all threads, so they hold no state of a call.
    """

    __slots__ = ("target",)
    op: ClassVar[Op]
    failed_op: ClassVar[Op] = Op.TIMEOUT
    label: ClassVar[str]
    """How a report names the operation: ``acquire``, ``Queue.put``."""
    pending: ClassVar[int] = 0
    done: ClassVar[int] = 0
    failed: ClassVar[int] = 0
    local: ClassVar[bool] = False
    """True when it commutes with everything: no scheduling decision is needed before it."""
    polls: ClassVar[bool] = False
    """True when a fruitless outcome is a thread looking again and again: a failed try, a sleep, ``is_set()``."""
    timeout: float | None = None
    second: Primitive | None = None
    """A second object the step touches (a condition's lock), with the codes ``second_pending``/``second_done``."""
    second_done: int = 0
    needs: ClassVar[int] = 0
    """What must hold for it to be ready, as bits of :meth:`Primitive.admits`; 0 when it is always ready or may fail."""
    productive: ClassVar[bool] = True
    """True when completing it counts as progress for livelock detection."""

    target: Primitive

    def __init__(self, target: Primitive) -> None:
        self.target = target

    def ready(self, thread: VirtualThread) -> bool:
        return True

    def apply(self, thread: VirtualThread) -> Any:
        raise TypeError(f"{type(self).__name__} does not define what it does")

    def guess(self) -> tuple[int, int, int, int] | None:
        """The object and access code, and second object and code, it might have in another state, on the side of
        dependence; None when they do not vary. Asked only of operations that cannot fail."""
        return None

    def expirable(self) -> bool:
        return True

    def expire(self, thread: VirtualThread) -> Any:
        return False

    def fruitless(self, result: Any) -> bool:
        """For a polling operation that took effect: was the answer "not yet"?"""
        return False

    def wakers(self) -> list[VirtualThread] | None:
        return None

    def detail(self) -> str:
        """The object's state as a blocked thread sees it: ``held by teller-1``, ``full 2/2``."""
        return ""


class Primitive:
    """What every simulated object has: an identity that is the same in every schedule, and the world it lives in."""

    __slots__ = ()
    kind: ClassVar[str] = "Object"
    uid: int
    """Dense per program, equal across executions: derived from the creating thread and its creation count."""
    _world: World | None

    def adopt(self, world: World) -> None:
        """Enter ``world`` in the initial state; called at creation, or at first use when made outside a world."""
        self._world = world
        world.register_outside(self)
        self.reset()

    def reset(self) -> None:
        """Put the state machine into its initial state."""
        raise TypeError(f"{type(self).__name__} does not define its initial state")

    def part_of(self) -> Primitive | None:
        """The object it belongs to, for names: a condition's lock, a future's pool."""
        return None

    def capacity(self) -> int:
        return 0

    def given_name(self) -> str:
        """Its name in reports, where the program's variables do not tell: ``logging._lock``."""
        return ""

    def admits(self) -> int:
        """Which ``Operation.needs`` the object's state meets now; partial-order reduction asks before every step
        whether a blocking operation could have come first. All of them unless an object knows better."""
        return -1


class World:
    """What a primitive may ask of the world it is in."""

    kind: ClassVar[str]
    thread: VirtualThread
    """The running thread."""
    threads: list[VirtualThread]
    step: int
    """The index of the event that is taking effect; primitives remember it to name the cause of a later one."""
    closing: bool
    """True while leftover threads are unwound: operations then take no effect."""
    kept: dict[str, Any]
    """What stand-ins for the interpreter keep for one run, by their name: signal handlers, descriptors, exit calls."""

    def perform(self, operation: Operation) -> Any:
        """Run one operation of the running thread: wait for its turn, take effect, return its result."""
        raise TypeError("a world must say how operations are scheduled")

    def order_after(self, step: int) -> None:
        """Called from ``apply``: the step taking effect was made possible by the earlier event ``step`` (-1: none)."""

    def register(self, primitive: Primitive) -> None:
        """Give a new object its ``uid``."""
        raise TypeError("a world must number its objects")

    def register_outside(self, primitive: Primitive) -> None:
        """Give an object made outside this world its ``uid``, at its first use here."""
        self.register(primitive)

    def spawn(self, thread: VirtualThread) -> None:
        """A thread was started: from now on it may be scheduled."""
        raise TypeError("a world must know how threads start")

    def now_ns(self) -> int:
        """The time the running thread sees, in integer nanoseconds since the world began."""
        raise TypeError("a world must keep the time")

    def sleep(self, seconds: float) -> None:
        """The running thread sleeps."""
        raise TypeError("a world must know how to sleep")

    def compute(self, seconds: float, gil: bool, memory_bytes: int = 0) -> None:
        """The running thread computes for ``seconds`` of CPU time, holding the GIL or not, going over that much memory
        again and again (``weft.work``)."""
        raise TypeError("a world must know how to compute")

    def io(self, seconds: float, device: str, at_once: int) -> None:
        """The running thread waits for a device (``weft.io``); without simulated devices it sleeps."""
        self.sleep(seconds)

    def prioritise(self, priority: int, *, nice: int | None = None, realtime: bool | None = None) -> None:
        """The running thread is that important from now on (``weft.priority``); only simulated cores care."""

    def mark(self, text: str) -> None:
        """A user mark (phase, request id) for the trace."""
