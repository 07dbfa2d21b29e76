"""The timed world: an unmodified threaded program on a simulated machine, in virtual time.

The program's own code is executed for real and its duration (or what ``weft.work`` says) becomes a burst of its
thread on :mod:`machine`; every operation takes effect at the virtual time at which the burst before it is over. It
knows the primitives only through the operation protocol, and nothing of sweeps, speedups or reports.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, Literal

import greenlet

from . import refusals, segments
from . import world as _world
from .interpreter import FreshInterpreter
from .machine import STATE_NAMES, Alarm, Clock, Machine
from .primitives.clock import real_perf_counter_ns
from .primitives.lock import Lock
from .priority import PRIORITY_MARK
from .profile import IDEAL, Profile
from .threads import State, VirtualThread
from .timed_lane import Lane
from .timed_record import Mark, Record, Stuck, ThreadTimes, TimedRun
from .timed_scheduling import TimedScheduling
from .trace import NOTHING, Header, Op
from .world import ExecutionOver, Operation, Primitive, Uncontrollable

MAX_SECONDS = 3_600.0
"""Virtual time after which a program is taken for endless."""
OPERATIONS_AT_ONCE_MAX = 1_000_000
"""Operations without any time passing after which a program is taken for spinning."""
_LOOK_MASK = 4095
"""Every 4,096 operations the run looks whether it should stop."""


class TimedWorld(TimedScheduling):
    """One run on ``cores`` simulated cores.

    *Segments.* With ``measure`` the code between two operations is timed with ``perf_counter_ns``, less the world's own
    time and a probe cost measured once per process; otherwise it takes no time. Both add what ``weft.work`` asks for.
    What needs the GIL takes ``profile.free_threading_slowdown`` times as long when ``gil`` is False.

    *Waiting.* A thread that cannot go on joins its object's waiters in FIFO order. ``handover="barging"`` (what
    CPython's locks do) wakes the first one, which finds out when it gets a core whether somebody was faster;
    ``"fifo"`` gives it the lock at once.

    *Priorities.* From the first :func:`weft.priority` on the more important thread runs, and of a lock's waiters the
    most important is woken. With ``inheritance`` a lock's owner is as important as its waiters. They are taken from
    the program; GIL and other objects know none.

    *Record.* ``trace`` keeps every operation, ``scheduler_events`` also what the machine did with each thread.
    """

    kind = "timed"

    def __init__(
        self,
        *,
        cores: int,
        gil: bool = True,
        profile: Profile | None = None,
        measure: bool = True,
        handover: Literal["barging", "fifo"] = "barging",
        seed: int = 0,
        trace: bool = False,
        scheduler_events: bool = False,
        target: str = "",
        parameters: dict[str, Any] | None = None,
        max_seconds: float = MAX_SECONDS,
        real_seconds_max: float = 600.0,
        probe_ns: int | None = None,
        inheritance: bool = False,
    ) -> None:
        if handover not in ("barging", "fifo"):
            raise ValueError(f"handover is {handover!r}; it must be 'barging' or 'fifo'")
        self.profile = profile or Profile()
        header: Header | None = None
        if trace or scheduler_events:
            values = asdict(self.profile) | {"cores": cores, "gil": gil, "inheritance": inheritance}
            header = Header(target, "timed", parameters=parameters or {}, seed=seed, profile=values)
        super().__init__(
            Machine(Clock(), cores=cores, gil=gil, profile=self.profile),
            Record(header),
            fifo=handover == "fifo",
            scheduler_events=scheduler_events,
            inheritance=inheritance,
        )
        self.gil = gil
        self.measure = measure
        self.seed = seed
        self.operations = 0
        self.marks: list[Mark] = []
        self._created_outside = 0
        self._gave_up = ""
        self._max_ns = round(max_seconds * 1e9)
        self._real_seconds_max = real_seconds_max
        self._give_up_at = 0
        self._spin_from = (0, -1)
        self._costs: dict[type, int] = {}
        self._thread_uids = 0
        self._python_factor = 1.0 if gil else self.profile.free_threading_slowdown
        self._probe_ns = 0 if not measure else _probe_ns() if probe_ns is None else probe_ns
        self._hub: Any = None
        self._burst = self.machine.burst
        self._on_arrival = self._arrived

    # What primitives ask.

    def order_after(self, step: int) -> None:
        return

    def register(self, primitive: Primitive) -> None:
        entered = real_perf_counter_ns()
        running = getattr(self, "thread", None)
        if running is None:
            self._created_outside += 1
            primitive.uid = -self._created_outside
            self.record.made(primitive, sys._getframe(1))
            return
        running.created += 1
        primitive.uid = (running.uid << 20) | running.created
        self.record.made(primitive, sys._getframe(1))
        lane: Lane = running.context
        lane.resumed_at += real_perf_counter_ns() - entered

    def spawn(self, thread: VirtualThread) -> None:
        self._thread_uids += 1
        thread.uid = self._thread_uids
        self._admit(thread, max(self.profile.thread_start_ns - self.profile.thread_create_ns, 0))

    def _admit(self, thread: VirtualThread, delay_ns: int) -> None:
        thread._world = self
        thread.index = len(self.threads)
        thread.state = State.READY
        thread.glet.parent = self._hub
        lane = thread.context = Lane(thread)
        self.threads.append(thread)
        if not thread.daemon:
            self._essential += 1
        self.record.thread(thread)
        self.machine.start(lane, delay_ns, self._begin)
        inherited = None if thread.parent is None else self.priorities.get(thread.parent.context)
        if inherited is not None:
            self._note_priority(lane, inherited, NOTHING)
            self.set_priority(lane, inherited)

    def _begin(self, lane: Lane) -> None:
        thread = self.thread = lane.thread
        thread.state = State.RUNNING
        lane.resumed_at = real_perf_counter_ns()
        thread.glet.switch()

    def now_ns(self) -> int:
        self._catch_up()
        return self.clock.now_ns

    def sleep(self, seconds: float) -> None:
        if self.closing:
            raise ExecutionOver
        lane: Lane = self.thread.context
        if self.measure:
            self._account(lane)
        lane.owe(self.profile.lock_ns, True)
        lane.sleep_ns = round(seconds * 1e9)
        if lane.sleep_ns:
            lane.sleep_ns += self._slack_ns
        if self._recording:
            lane.site = self.record.location(sys._getframe(1))
        self.operations += 1
        if not self.operations & _LOOK_MASK:
            self._look_for_a_reason_to_stop()
        self._simulate(lane)

    def compute(self, seconds: float, gil: bool) -> None:
        lane: Lane = self.thread.context
        if self.measure:
            self._account(lane)
        duration_ns = round(seconds * 1e9)
        if gil:
            duration_ns = round(duration_ns * self._python_factor)
        if lane.debt_gil is gil:
            lane.debt_ns += duration_ns
        else:
            lane.owe(duration_ns, gil)
        if self._scheduler_events and self.record.builder is not None:
            extra = {"class": "py" if gil else "nogil", "ns": duration_ns}
            site = self.record.location(sys._getframe(1))
            self.record.builder.add(lane.index, Op.COMPUTE, NOTHING, site, self.clock.now_ns, 0, extra)
        if self.measure:
            lane.resumed_at = real_perf_counter_ns()

    def prioritise(self, priority: int) -> None:
        """The running thread has another priority from now on. In the trace it is a mark, ``priority 3``."""
        if self.closing:
            return
        self._catch_up()
        lane: Lane = self.thread.context
        self._note_priority(lane, priority, self.record.location(sys._getframe(1)) if self._recording else NOTHING)
        self.set_priority(lane, priority)
        if self.measure:
            lane.resumed_at = real_perf_counter_ns()

    def _note_priority(self, lane: Lane, priority: int, site: int) -> None:
        if self.record.builder is not None:
            text = f"{PRIORITY_MARK}{priority}"
            self.record.builder.add(lane.index, Op.MARK, NOTHING, site, self.clock.now_ns, 0, text)

    def forget_segment(self) -> None:
        """What the running thread computed since its last operation does not count (loading modules, say)."""
        lane: Lane = self.thread.context
        lane.resumed_at = real_perf_counter_ns()

    def mark(self, text: str) -> None:
        if self.closing:
            return
        self._catch_up()
        lane: Lane = self.thread.context
        now_ns = self.clock.now_ns
        self.marks.append(Mark(now_ns, lane.name, text))
        if self.record.builder is not None:
            site = self.record.location(sys._getframe(1))
            self.record.builder.add(lane.index, Op.MARK, NOTHING, site, now_ns, 0, text)
        if self.measure:
            lane.resumed_at = real_perf_counter_ns()

    # What segments ask and say: the running thread leaves Python for C code that releases the GIL, and is back.

    def is_active(self) -> bool:
        return _world.active is self and not self.closing

    def leave_python(self) -> None:
        lane: Lane = self.thread.context
        self._account(lane)
        lane.resumed_at = real_perf_counter_ns()

    def enter_python(self) -> None:
        lane: Lane = self.thread.context
        lane.owe(real_perf_counter_ns() - lane.resumed_at, False)
        lane.resumed_at = real_perf_counter_ns()

    # Operations, as the running thread comes to them.

    def perform(self, operation: Operation) -> Any:
        if self.closing:
            return self.perform_while_closing(operation)
        lane: Lane = self.thread.context
        if self.measure:
            self._account(lane)
        cost_ns = self._costs.get(operation.__class__)
        if cost_ns is None:
            cost_ns = self._costs[operation.__class__] = self._cost_ns(operation)
        if cost_ns:
            lane.owe(cost_ns, True)
        if self._recording:
            lane.site = self.record.location(sys._getframe(1))
        self.operations += 1
        if not self.operations & _LOOK_MASK:
            self._look_for_a_reason_to_stop()
        lane.operation = operation
        if lane.debt_ns or lane.earlier or not operation.ready(lane.thread):
            return self._simulate(lane)
        lane.operation = None
        result = self._take(lane, operation)
        if self.measure:
            lane.resumed_at = real_perf_counter_ns()
        return result

    def _cost_ns(self, operation: Operation) -> int:
        profile = self.profile
        op = operation.op
        if op in (Op.BEGIN, Op.END, Op.WAKE):
            return 0
        if op is Op.START:
            return profile.thread_create_ns
        if op is Op.SUBMIT:
            return profile.submit_ns
        if op in (Op.PUT, Op.GET) and operation.target.kind != "SimpleQueue":
            return profile.queue_ns
        return profile.lock_ns

    def _look_for_a_reason_to_stop(self) -> None:
        if refusals.refusal is not None:
            raise refusals.refusal
        now_ns = self.clock.now_ns
        counted_from, at_ns = self._spin_from
        if at_ns != now_ns:
            self._spin_from = (self.operations, now_ns)
        elif self.operations - counted_from >= OPERATIONS_AT_ONCE_MAX:
            self._gave_up = (
                f"{OPERATIONS_AT_ONCE_MAX:,} operations while no time passed at {now_ns / 1e9:g} s: a thread looks "
                "again and again in a loop that costs nothing; let it wait or sleep, or predict with a measured profile"
            )
        if real_perf_counter_ns() > self._give_up_at:
            self._gave_up = (
                f"stopped after {self._real_seconds_max:g} real seconds at {now_ns / 1e9:g} s of virtual time; "
                "make the workload smaller or raise the time limit"
            )
        if self._gave_up:
            self.clock.halted = True
            self._hub.switch()
            raise ExecutionOver

    def _account(self, lane: Lane) -> None:
        """What the thread did since it was resumed becomes debt."""
        measured_ns = real_perf_counter_ns() - lane.resumed_at - self._probe_ns
        if measured_ns > 0:
            lane.owe(round(measured_ns * self._python_factor), True)

    def _catch_up(self) -> None:
        """Burn what the running thread owes."""
        if self.closing:
            return
        lane: Lane = self.thread.context
        if self.measure:
            self._account(lane)
        if lane.debt_ns or lane.earlier:
            self._simulate(lane)
        elif self.measure:
            lane.resumed_at = real_perf_counter_ns()

    def _simulate(self, lane: Lane) -> Any:
        """Let the machine burn the debt and the hub do the rest; back when the running thread may go on."""
        if greenlet.getcurrent() is not lane.thread.glet:
            raise _foreign_greenlet()
        if lane.earlier:
            self._burn_earlier(lane)
        else:
            duration_ns = lane.debt_ns
            lane.debt_ns = 0
            burst = self._burst
            burst(lane, duration_ns, lane.debt_gil and duration_ns > 0, self._on_arrival)
        result = self._hub.switch()
        if self.measure:
            lane.resumed_at = real_perf_counter_ns()
        return result

    def _burn_earlier(self, lane: Lane) -> None:
        if lane.earlier:
            duration_ns, gil = lane.earlier.pop(0)
            self._burst(lane, duration_ns, gil, self._burn_earlier)
        else:
            duration_ns = lane.debt_ns
            lane.debt_ns = 0
            self._burst(lane, duration_ns, lane.debt_gil and duration_ns > 0, self._on_arrival)

    # One run.

    def run(self, program: Callable[[], None]) -> TimedRun:
        """Run ``program`` as the main thread, to the end of its last non-daemon thread or as far as it gets."""
        if _world.active is not None:
            raise RuntimeError("a world is already active; a timed run cannot be started from inside another run")
        self._hub = greenlet.getcurrent()
        begun_at, delayed_ns = real_perf_counter_ns(), _run_delay_ns()
        self._give_up_at = begun_at + round(self._real_seconds_max * 1e9)
        main = self.main_thread(program)
        refusal: BaseException | None = None
        with FreshInterpreter(main), segments.watched(self) as watched, _collector_kept_off():
            self._admit(main, 0)
            _world.active = self
            try:
                self._drive()
            except Uncontrollable as error:
                refusal = error
            finally:
                stuck = self._stuck()
                self.close()
                _world.active = None
        refusal = refusals.refusal or refusal
        return TimedRun(
            makespan_ns=self._makespan_ns if self._makespan_ns >= 0 else self.clock.now_ns,
            cores=self.machine.cores,
            gil=self.gil,
            threads=self._thread_times(),
            waits=self.record.waits(),
            marks=self.marks,
            stuck=stuck,
            failures=[(thread.name, thread.failure[0]) for thread in self.threads if thread.failure is not None],
            gave_up=self._gave_up,
            refusal="" if refusal is None else str(refusal),
            operations=self.operations,
            slices=self.machine.slices,
            limits=watched.limits() if self.measure and self.gil else [],
            disturbance=(_run_delay_ns() - delayed_ns) / max(real_perf_counter_ns() - begun_at, 1),
            trace=self.record.trace(),
            prioritised=bool(self.priorities),
        )

    def main_ended(self) -> None:
        super().main_ended()
        self._look_at_all_waiters()

    def _drive(self) -> None:
        clock = self.clock
        clock.alarm(Alarm(self._out_of_time, self), self._max_ns)
        while not clock.halted and (clock.pending or self._wake_overlooked()):
            clock.run_while_pending()

    def _out_of_time(self, alarm: Alarm) -> None:
        self.clock.halted = True
        limit = f"{self._max_ns / 1e9:g} s of virtual time"
        self._gave_up = f"not finished after {limit}: the program never ends, or needs a higher limit"

    def _stuck(self) -> list[Stuck]:
        found: list[Stuck] = []
        if self._gave_up or not self._essential or self.clock.pending:
            return found
        for thread in self.threads:
            lane: Lane = thread.context
            operation = lane.operation
            if operation is not None and not thread.daemon:
                at, detail = self.record.at(operation.target), operation.detail()
                text = f"{operation.label} of {self.record.name(operation.target)}"
                text += f" ({at})" if at else ""
                text += f", {detail}" if detail else ""
                found.append(Stuck(thread.name, text))
        return found

    def _thread_times(self) -> list[ThreadTimes]:
        found: list[ThreadTimes] = []
        for thread in self.threads:
            lane: Lane = thread.context
            self.machine.settle(lane)
            time_in: dict[str, int] = dict(zip(STATE_NAMES, lane.time_in, strict=False))
            time_in["lock wait"] -= lane.idle_ns
            time_in["idle"] = lane.idle_ns
            found.append(ThreadTimes(thread.name, time_in))
        return found


def _foreign_greenlet() -> Uncontrollable:
    error = Uncontrollable(
        "the program uses greenlets of its own (gevent, eventlet), which cannot be simulated; "
        "predict its threads without them"
    )
    refusals.refusal = refusals.refusal or error
    return error


def _run_delay_ns() -> int:
    """How long this thread has been ready without a core since it began (proc(5), schedstat); 0 where Linux is not."""
    try:
        with open("/proc/thread-self/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1])
    except OSError:
        return 0


@contextmanager
def _collector_kept_off() -> Generator[None]:
    """The collector must not walk through the tool's own objects in the middle of a measured segment.

    Where somebody has frozen objects already, ours among them, theirs stay frozen and nothing is added.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


_PROBE_ROUNDS = 300
_probe: int | None = None


class _ProbeWorld(TimedWorld):
    """Notes what segments without any user code measure."""

    def __init__(self) -> None:
        # An operation that costs something: its thread goes to the hub and back, as with any real profile.
        super().__init__(cores=1, profile=replace(IDEAL, lock_ns=1), probe_ns=0)
        self.samples: list[int] = []

    def _account(self, lane: Lane) -> None:
        self.samples.append(real_perf_counter_ns() - lane.resumed_at)


def _probe_ns() -> int:
    """What a segment without any user code measures: the way through a primitive's method, and the clock's own time."""
    global _probe
    if _probe is None:

        def program() -> None:
            lock = Lock()
            for _ in range(_PROBE_ROUNDS):
                lock.acquire()
                lock.release()

        world = _ProbeWorld()
        world.run(program)
        _probe = sorted(world.samples)[len(world.samples) // 2]
    return _probe
