"""The explored world: one execution of a program under a schedule that a strategy decides, step by step.

It knows the primitives only through the operation protocol and the strategy only through its two methods; what an
execution means (a deadlock, a race) is for the checkers to say.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import greenlet

from . import refusals
from . import world as _world
from .gpu import tape as _gpu
from .gpu.sharing import Sharing
from .interpreter import FreshInterpreter, SimulatedWorld
from .threads import State, VirtualThread
from .torch_threads import ImportedMeanwhile, Switcher
from .trace import Op
from .world import ExecutionOver, Operation, Primitive, Uncontrollable

if TYPE_CHECKING:
    from .access import AccessMonitor
    from .gpu.rows import AnyRow

MAX_STEPS = 20_000
POLLS_IN_A_ROW = 3
"""How often a thread may look in vain at one object before it has to wait for something to change."""
_STEPS_AFTER_EXIT = 200
"""How far daemon threads are followed after the last ordinary thread has ended, while they neither poll nor block."""


class Outcome(Enum):
    """How an execution ended."""

    COMPLETED = "completed"
    DEADLOCK = "deadlock"
    STEP_LIMIT = "step limit"
    REDUNDANT = "redundant"
    """Given up by the strategy: every continuation is explored elsewhere (sleep-set blocked)."""
    REFUSED = "refused"
    STALLED = "stalled"
    """A thread ran for too long without reaching an operation; the watchdog stopped it."""


class Divergence(Exception):
    """A schedule was repeated and the program did something else; names the first differing step."""


class Strategy(Protocol):
    """Who moves next. The whole interface between policy and mechanism.

    ``choose`` is called at every scheduling point with the thread that moved last; it returns a thread for which
    ``world.enabled`` holds, or None to end the execution (nobody can move, or by setting ``world.outcome`` first).
    ``took`` is called after every step, scheduled or not, with the operation and its access code after the fact.
    Threads are told apart by ``uid``, which is equal in every execution.
    """

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None: ...

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None: ...


class Observer(Protocol):
    """Listens to one execution in full detail; used when a schedule is repeated for a report."""

    def registered(self, primitive: Primitive) -> None: ...

    def registered_outside(self, primitive: Primitive) -> None: ...

    def performing(self, thread: VirtualThread, operation: Operation) -> None: ...

    def took(self, thread: VirtualThread, operation: Operation, op: Op, result: Any) -> None: ...

    def ended(self, world: ExploredWorld) -> None: ...


class Sleep(Operation):
    """``time.sleep``: the thread lets others go first; nothing else depends on it."""

    __slots__ = ("seconds",)
    op = Op.SLEEP
    label = "sleep"
    polls = True
    productive = False
    target: VirtualThread  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, target: VirtualThread, seconds: float) -> None:
        super().__init__(target)
        self.seconds = seconds

    def apply(self, thread: VirtualThread) -> None:
        thread.clock_ns += int(self.seconds * 1e9)

    def fruitless(self, result: Any) -> bool:
        return True


@dataclass(slots=True)
class Execution:
    """What one execution came to. ``schedule`` holds the thread uid of every step."""

    outcome: Outcome
    steps: int
    threads: list[VirtualThread]
    stuck: list[VirtualThread]
    """Threads still alive at the end that keep the program from ending, each with its pending operation."""
    failures: list[VirtualThread]
    """Threads that ended by an uncaught exception (``thread.failure``)."""
    polling_bounded: bool
    schedule: list[int]
    spinning: bool = False
    """At the step limit: in the second half of the steps there was no progress (``Operation.productive``), and every
    thread that moved looked for something in vain."""
    refusal: str = ""
    device_rows: list[AnyRow] = field(default_factory=list["AnyRow"])
    """What was asked of simulated devices, and what orders the host threads that did."""
    queried: set[str] = field(default_factory=set[str])
    """Where the program asked a device whether it is done, and was told yes."""


class ExploredWorld(SimulatedWorld):
    """One execution. Time is logical: a thread's clock moves when it sleeps or waits, and along happens-before."""

    kind = "explored"
    exit_is_failure = False

    def __init__(
        self,
        strategy: Strategy,
        *,
        max_steps: int = MAX_STEPS,
        seed: int = 0,
        thread_uids: dict[tuple[int, int], int] | None = None,
        outside: dict[int, tuple[int, Primitive]] | None = None,
        observer: Observer | None = None,
        accesses: AccessMonitor | None = None,
    ) -> None:
        super().__init__()
        self.accesses = accesses
        """Watches accesses to shared variables; None when the program is not seen that closely."""
        self.tape: _gpu.Tape | None = None
        """What is asked of simulated devices; None when there are none."""
        self.strategy = strategy
        self.max_steps = max_steps
        self.seed = seed
        self.thread_uids = {} if thread_uids is None else thread_uids
        self.outside = {} if outside is None else outside
        """Objects made before the first execution, by id, with the number they keep in all of them."""
        self.observer = observer
        self.live: list[VirtualThread] = []
        self.edges: list[int] = []
        self.schedule: list[int] = []
        self.times: list[int] = []
        self.admitted = -1
        """What the objects of the step taking effect admitted before it (``Primitive.admits``)."""
        self.outcome: Outcome | None = None
        self.essential = 0
        """How many live threads keep the program running (not daemons)."""
        self.waiting: list[VirtualThread] = []
        """Threads before a local operation (begin, join, woken): they move as soon as it is ready, unasked."""
        self.polling_bounded = False
        self.progress_at = 0
        self._changed: dict[int, int] = {}
        self._exit_step = -1
        self._mover: VirtualThread | None = None
        self._hub: Any = None
        self._to_start: VirtualThread | None = None
        self.aborted: BaseException | None = None

    # What primitives ask.

    def register(self, primitive: Primitive) -> None:
        running = self.thread
        running.created += 1
        primitive.uid = (running.uid << 20) | running.created
        if self.observer is not None:
            self.observer.registered(primitive)

    def register_outside(self, primitive: Primitive) -> None:
        outside = self.outside
        primitive.uid = outside.setdefault(id(primitive), (-2 - len(outside), primitive))[0]
        if self.observer is not None:
            self.observer.registered_outside(primitive)

    def order_after(self, step: int) -> None:
        if step >= 0:
            self.edges.append(step)

    def spawn(self, thread: VirtualThread) -> None:
        parent = thread.parent
        assert parent is not None
        uids = self.thread_uids
        thread.uid = uids.setdefault((parent.uid, parent.children), len(uids) + 1)
        self._admit(thread)

    def _admit(self, thread: VirtualThread) -> None:
        thread._world = self
        thread.index = len(self.threads)
        thread.state = State.READY
        thread.pending = thread.begin
        thread.glet.parent = self._hub
        self.threads.append(thread)
        self.live.append(thread)
        self.waiting.append(thread)
        if not thread.daemon:
            self.essential += 1

    def now_ns(self) -> int:
        """The thread's own clock; a reading costs 1 us, doubled when nothing happened since the last, so that a loop
        waiting for a deadline ends."""
        thread = self.thread
        if thread.clock_step == self.step:
            thread.clock_reads += 1
        else:
            thread.clock_step, thread.clock_reads = self.step, 0
        thread.clock_ns += 1000 << min(thread.clock_reads, 30)
        return thread.clock_ns

    def sleep(self, seconds: float) -> None:
        self.perform(Sleep(self.thread, seconds))

    def compute(self, seconds: float, gil: bool, memory_bytes: int = 0) -> None:
        self.thread.clock_ns += int(seconds * 1e9)

    # Scheduling.

    def perform(self, operation: Operation) -> Any:
        thread = self.thread
        if self.closing:
            return self.perform_while_closing(operation)
        if self.aborted is not None:
            raise ExecutionOver
        if self.observer is not None:
            self.observer.performing(thread, operation)
        thread.pending = operation
        if operation.local:
            if operation is not thread.begin and not operation.ready(thread):
                self.waiting.append(thread)
                self._switch(thread)
        else:
            self._switch(thread)
        return self._take(thread, operation)

    def abort(self, reason: BaseException) -> ExecutionOver:
        """End the execution because of ``reason``, which :meth:`run` reports; returns what to raise in the thread."""
        if self.aborted is None:
            self.aborted = reason
        return ExecutionOver()

    def interrupt(self, reason: BaseException) -> None:
        """As :meth:`abort`, for a signal handler: raises in a thread; the hub, which nothing may cut short, notices."""
        over = self.abort(reason)
        if self._hub not in (None, greenlet.getcurrent()):
            raise over

    def _switch(self, thread: VirtualThread) -> None:
        chosen = self._next()
        if chosen is not thread:
            thread.state = State.READY
            if chosen is None:
                self._hub.switch()
                raise ExecutionOver
            if chosen.glet:
                self.thread = chosen
                chosen.glet.switch()
            else:
                # A greenlet begins at the recursion depth of whoever starts it: the hub, so that depths do not add up.
                self._to_start = chosen
                self._hub.switch()
            if self.closing:
                raise ExecutionOver

    def _next(self) -> VirtualThread | None:
        """The thread to move now; None when the execution is over (``outcome`` says how)."""
        if self.outcome is not None:
            return None
        for position, thread in enumerate(self.waiting):
            operation = thread.pending
            assert operation is not None
            if operation.ready(thread):
                del self.waiting[position]
                return thread
        if self.step >= self.max_steps:
            self.outcome = Outcome.STEP_LIMIT
            return None
        assert self._mover is not None
        if not self.essential:
            return self._after_exit()
        chosen = self.strategy.choose(self, self._mover)
        if chosen is None and self.outcome is None:
            self.outcome = Outcome.DEADLOCK
        return chosen

    def _after_exit(self) -> VirtualThread | None:
        """The interpreter is on its way out: daemon threads may still run until they wait or look around."""
        if self._exit_step < 0:
            self._exit_step = self.step
        chosen = None
        if self.step - self._exit_step < _STEPS_AFTER_EXIT:
            assert self._mover is not None
            chosen = self.strategy.choose(self, self._mover)
        if chosen is None and self.outcome is None:
            self.outcome = Outcome.COMPLETED
        return chosen

    def _take(self, thread: VirtualThread, operation: Operation) -> Any:
        """Let the pending operation of the running thread take effect."""
        thread.state = State.RUNNING
        edges = self.edges
        if edges:
            edges.clear()
        op = operation.op
        code = operation.done
        second = operation.second
        self.admitted = operation.target.admits() & (-1 if second is None else second.admits())
        try:
            if operation.timeout is None or operation.ready(thread):
                result = operation.apply(thread)
                vain = operation.polls and operation.fruitless(result)
            else:
                thread.clock_ns += int(operation.timeout * 1e9)
                result = operation.expire(thread)
                op, code, vain = operation.failed_op, operation.failed, True
        except BaseException:
            self._record(thread, operation, code)
            if self.observer is not None:
                self.observer.took(thread, operation, op, None)
            raise
        if edges:
            times = self.times
            for edge in edges:
                if times[edge] > thread.clock_ns:
                    thread.clock_ns = times[edge]
        self._record(thread, operation, code)
        if vain:
            self._looked_in_vain(thread, operation)
        else:
            if operation.productive:  # giving back the lock it looked under is no progress
                thread.yielded = False
            self._changed[operation.target.uid] = self.step
            if second is not None and hasattr(second, "uid"):  # a queue's condition that nobody uses has no number
                self._changed[second.uid] = self.step
            if operation.productive:
                thread.patient = False
                thread.looked = None
                self.progress_at = self.step
        if self.observer is not None:
            self.observer.took(thread, operation, op, result)
        if operation is thread.end:
            self.live.remove(thread)
            if not thread.daemon:
                self.essential -= 1
        return result

    def _record(self, thread: VirtualThread, operation: Operation, code: int) -> None:
        thread.pending = None
        if self.accesses is not None:
            self.accesses.stepped(thread, operation, code, self.edges)
        if self.tape is not None:
            self.tape.stepped(thread.index, self.step, self.edges)
        self.schedule.append(thread.uid)
        self.times.append(thread.clock_ns)
        self.strategy.took(self, thread, operation, code)
        self.step += 1
        if not operation.local:
            self._mover = thread

    # Polling: a thread that looks again and again must not keep others from moving, nor make the tree infinite.

    def _looked_in_vain(self, thread: VirtualThread, operation: Operation) -> None:
        thread.yielded = True
        looked = thread.looked
        if looked is None:
            looked = thread.looked = {}
        uid = operation.target.uid
        count = looked[uid] = looked.get(uid, 0) + 1
        thread.looked_at = self.step
        if count >= POLLS_IN_A_ROW:
            thread.patient = True

    def _may_look_again(self, thread: VirtualThread) -> bool:
        looked = thread.looked
        assert looked is not None
        objects = [uid for uid in looked if uid != thread.uid]
        if not objects:  # it only slept: any progress may be what it waits for
            return self.progress_at > thread.looked_at
        return any(self._changed.get(uid, -1) >= thread.looked_at for uid in objects)

    def enabled(self, thread: VirtualThread) -> bool:
        """May this thread move now?"""
        operation = thread.pending
        if operation is None:
            return False
        if operation.polls and (thread.patient or self._exit_step >= 0):
            if self._exit_step >= 0:
                return False
            if self._may_look_again(thread):
                return operation.ready(thread) or (operation.timeout is not None and operation.expirable())
            self.polling_bounded = True
            return operation.timeout is not None and operation.ready(thread)
        return operation.ready(thread) or (operation.timeout is not None and operation.expirable())

    def continue_fairly(self, last: VirtualThread, barred: dict[int, Any]) -> VirtualThread | None:
        """The default choice: run on with ``last``, unless it cannot move, is barred, or only looked around."""
        if not last.yielded and last.uid not in barred and self.enabled(last):
            return last
        while True:
            candidates: list[VirtualThread] = []
            for thread in self._after(last):
                if thread.uid not in barred and self.enabled(thread):
                    if not thread.yielded:
                        return thread
                    candidates.append(thread)
            if len(candidates) == 1:
                return candidates[0]  # still to be overtaken, as soon as anybody else can move
            if candidates:
                for thread in self.live:
                    thread.yielded = False
                return candidates[0] if candidates[0] is not last else candidates[1]
            if barred or not self.release_patient():
                return None

    def release_patient(self) -> bool:
        """Nobody else can move, so time passes: threads that waited for a change may look again. False if none did."""
        released = False
        for thread in self.live:
            if thread.patient:
                thread.patient = False
                thread.looked = None
                released = True
        return released

    def _after(self, last: VirtualThread) -> list[VirtualThread]:
        live = self.live
        try:
            position = live.index(last)
        except ValueError:
            return live
        return live[position:] + live[:position]

    # One execution.

    def run(self, program: Callable[[], None]) -> Execution:
        """Execute ``program`` as the main thread under the strategy.

        Raises:
            Divergence: a forced schedule did not fit the program.
            BaseException: what :meth:`interrupt` was given, unless it is the watchdog's ``Stalled``.
        """
        assert _world.active is None, "a world is already active"
        self._hub = greenlet.getcurrent()
        main = self._mover = self.main_thread(program)
        with FreshInterpreter(main):
            self._admit(main)
            _world.active = self
            try:
                with self._torch_followed(main):
                    stuck = self._whole(main)
            finally:
                _world.active = None
        refused = (thread.failure[0] for thread in self.threads if thread.failure is not None)
        reason = refusals.refusal or self.aborted or next((e for e in refused if isinstance(e, Uncontrollable)), None)
        if isinstance(reason, Uncontrollable):
            self.outcome = Outcome.REFUSED
        elif isinstance(reason, Stalled):
            self.outcome = Outcome.STALLED
        elif reason is not None:
            raise reason
        assert self.outcome is not None
        return Execution(
            self.outcome,
            self.step,
            self.threads,
            stuck,
            [thread for thread in self.threads if thread.failure is not None],
            self.polling_bounded,
            self.schedule,
            spinning=self._spinning(),
            refusal=str(reason or ""),
            device_rows=[] if self.tape is None else self.tape.rows,
            queried=set() if self.tape is None else self.tape.queried,
        )

    def _whole(self, main: VirtualThread) -> list[VirtualThread]:
        """From the first step until all threads are unwound; returns those that were stuck."""
        devices = _gpu.installed
        sharing: Sharing | None = None
        try:
            if devices is not None:
                self.thread = main
                self.tape = devices.begin(lambda: (self.thread.index, self.thread.name))
            if self.accesses is not None:
                self.accesses.begin(self)
            if self.accesses is not None and self.tape is not None:
                sharing = self.tape.touched = Sharing(self, self.tape)
                self.tape.launched = sharing.launched
            try:
                self._drive()
            except ExecutionOver:
                if self.aborted is None:  # else the signal came when a thread had just begun or was at its end
                    raise
            finally:
                if sharing is not None:
                    sharing.finish()
                if self.accesses is not None:
                    self.accesses.end()
                if self.observer is not None:
                    self.observer.ended(self)
            return [thread for thread in self.live if not thread.daemon]
        finally:
            if devices is not None:
                devices.end()  # what goes while threads are unwound is no part of the run
            self.close()

    def _torch_followed(self, main: VirtualThread) -> AbstractContextManager[None]:
        """Once torch is imported (at the latest since the uncounted first execution) its state follows the threads."""
        if "torch" not in sys.modules:
            return ImportedMeanwhile()
        self.thread = main
        devices = _gpu.installed
        changed = _nothing if devices is None else devices.thread_changed
        return Switcher(self.seed, lambda: self.thread.uid, changed)

    def _drive(self) -> None:
        while self.aborted is None:
            chosen, self._to_start = self._to_start or self._next(), None
            if chosen is None:
                return
            self.thread = chosen
            chosen.glet.switch()

    def _spinning(self) -> bool:
        half = self.step // 2
        moved = set(self.schedule[half:])
        return self.progress_at < half and all(
            thread.looked_at >= half for thread in self.threads if thread.uid in moved
        )

    def dissolve(self) -> None:
        """Break the reference cycles of a finished execution, so that most of it is freed at once."""
        for thread in self.threads:
            del thread.begin, thread.end, thread.glet, thread._world
        self.threads = []
        self.live = []


class Stalled(Exception):
    """Raised by the watchdog inside a thread that ran too long without an operation; ``str()`` says where."""


def _nothing() -> None:
    return


def quiet_garbage() -> None:
    """Keep the collector from running destructors in the middle of an execution; the explorer collects in between."""
    gc.collect()
    gc.freeze()
    gc.disable()
