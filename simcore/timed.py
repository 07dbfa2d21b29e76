"""The timed world: an unmodified threaded program on a simulated machine, in virtual time.

The program's own code is executed for real and its duration (or what ``weft.work`` says) becomes a burst of its
thread on :mod:`machine`; every operation takes effect at the virtual time at which the burst before it is over. It
knows the primitives only through the operation protocol, and nothing of sweeps, speedups or reports.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from typing import Any, Literal

import greenlet

from . import segments, takeover
from . import world as _world
from .machine import BLOCKED, STATE_NAMES, Alarm, Clock, Machine, Runner
from .primitives import futures
from .primitives.clock import real_perf_counter_ns
from .primitives.lock import Lock
from .primitives.thread import real_get_ident
from .profile import IDEAL, Profile
from .threads import State, VirtualThread
from .timed_record import Mark, Record, Stuck, ThreadTimes, TimedRun
from .trace import NOTHING, Header, Op
from .world import ExecutionOver, Operation, Primitive, Uncontrollable, World

MAX_SECONDS = 3_600.0
"""Virtual time after which a program is taken for endless."""
OPERATIONS_AT_ONCE_MAX = 1_000_000
"""Operations without any time passing after which a program is taken for spinning."""
_LOOK_MASK = 4095
"""Every 4,096 operations the run looks whether it should stop."""
_EXCLUSIVE = frozenset({Op.ACQUIRE, Op.PUT, Op.GET, Op.RUN})
"""Operations that use up what made them ready: one change wakes one waiter, as a futex or a Condition does."""
_LOCK_KINDS = frozenset({"Lock", "RLock"})
# Looking an enumeration's member up costs more than the step it is for.
_RUNNING, _BLOCKED = State.RUNNING, State.BLOCKED
_IDLE = frozenset({Op.JOIN, Op.RESULT, Op.RUN})
"""Waiting for others to finish, or for a pool to have work: nobody is in the way."""


class Lane(Runner):
    """A virtual thread as the machine sees it, with the CPU time it owes: burned when it comes to an operation."""

    __slots__ = (
        "blocked_before",
        "debt_gil",
        "debt_ns",
        "earlier",
        "idle_ns",
        "index",
        "operation",
        "result",
        "resumed_at",
        "site",
        "sleep_ns",
        "thread",
        "timed_out",
        "timer",
    )

    def __init__(self, thread: VirtualThread) -> None:
        super().__init__(thread.name)
        self.thread = thread
        self.index = thread.index
        self.debt_ns = 0
        self.debt_gil = True
        self.earlier: list[tuple[int, bool]] = []
        """Bursts owed before the current one, when they differ in needing the GIL."""
        self.operation: Operation | None = None
        """What it is about to do or waits for."""
        self.result: Any = None
        """What the operation returned that took effect while the thread was off its core."""
        self.sleep_ns = -1
        """How long it is about to sleep; -1: not at all."""
        self.resumed_at = 0
        """Real time since which its current segment runs."""
        self.site = NOTHING
        self.timer: Alarm | None = None
        self.timed_out = False
        self.blocked_before = 0
        self.idle_ns = 0
        """The part of its blocked time in which nobody was in its way."""

    def owe(self, duration_ns: int, gil: bool) -> None:
        if self.debt_gil is not gil:
            if self.debt_ns:
                self.earlier.append((self.debt_ns, self.debt_gil))
                self.debt_ns = 0
            self.debt_gil = gil
        self.debt_ns += duration_ns


class TimedWorld(World):
    """One run on ``cores`` simulated cores.

    *Segments.* With ``measure`` the code between two operations is timed with ``perf_counter_ns``, less the world's own
    time and a probe cost measured once per process; otherwise it takes no time. Both add what ``weft.work`` asks for.
    What needs the GIL takes ``profile.free_threading_slowdown`` times as long when ``gil`` is False.

    *Waiting.* A thread that cannot go on joins its object's waiters in FIFO order. ``handover="barging"`` (what
    CPython's locks do) wakes the first one, which finds out when it gets a core whether somebody was faster;
    ``"fifo"`` gives it the lock at once.

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
    ) -> None:
        if handover not in ("barging", "fifo"):
            raise ValueError(f"handover is {handover!r}; it must be 'barging' or 'fifo'")
        self.profile = profile or Profile()
        self.gil = gil
        self.measure = measure
        self.seed = seed
        self.fifo = handover == "fifo"
        self.clock = Clock()
        self.machine = Machine(self.clock, cores=cores, gil=gil, profile=self.profile)
        self.threads = []
        self.step = 0
        self.closing = False
        self.operations = 0
        self.marks: list[Mark] = []
        self.on_main_end: Callable[[], None] | None = None
        """Called when the main function has returned, while its objects are still alive."""
        header: Header | None = None
        if trace or scheduler_events:
            values = asdict(self.profile) | {"cores": cores, "gil": gil}
            header = Header(target, "timed", parameters=parameters or {}, seed=seed, profile=values)
        self.record = Record(header)
        self._recording = header is not None
        self._scheduler_events = scheduler_events
        if scheduler_events:
            self.machine.listener = self._machine_moved
        self._essential = 0
        self._created_outside = 0
        self._gave_up = ""
        self._makespan_ns = -1
        self._max_ns = round(max_seconds * 1e9)
        self._real_seconds_max = real_seconds_max
        self._give_up_at = 0
        self._spin_from = (0, -1)
        self._costs: dict[type, int] = {}
        self._waiting: dict[Primitive, list[Lane]] = {}
        self._thread_uids = 0
        self._python_factor = 1.0 if gil else self.profile.free_threading_slowdown
        self._probe_ns = 0 if not measure else _probe_ns() if probe_ns is None else probe_ns
        self._hub: Any = None
        self._slack_ns = self.profile.timer_slack_ns
        self._burst = self.machine.burst
        self._on_arrival = self._arrived
        self._on_wake = self._woken
        self._leave = self.machine.leave
        self._wake_machine = self.machine.wake
        self._handover_ns = self.profile.handover_ns

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
            if operation.op in _HARMLESS:
                return None
            raise ExecutionOver
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
        if takeover.refusal is not None:
            raise takeover.refusal
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

    # On the hub: the machine says that a thread's time has come.

    def _begin(self, lane: Lane) -> None:
        thread = self.thread = lane.thread
        thread.state = _RUNNING
        lane.resumed_at = real_perf_counter_ns()
        thread.glet.switch()

    def _resume(self, lane: Lane, result: Any) -> None:
        thread = self.thread = lane.thread
        thread.state = _RUNNING
        thread.glet.switch(result)

    def _arrived(self, lane: Lane) -> None:
        """The burst before the lane's operation is over."""
        operation = lane.operation
        if operation is None:
            if lane.sleep_ns >= 0:
                self._fall_asleep(lane)
            else:
                self._resume(lane, None)
        elif operation.ready(lane.thread):
            self._go_on(lane, operation)
        elif operation.timeout is None:
            self._wait(lane, operation)
        elif operation.timeout <= 0 and operation.expirable():
            self._give_up_waiting(lane, operation)
        else:
            delay_ns = round(operation.timeout * 1e9) + self._slack_ns
            lane.timer = self.machine.timer(delay_ns, lambda: self._time_out(lane))
            self._wait(lane, operation)

    def _fall_asleep(self, lane: Lane) -> None:
        duration_ns = lane.sleep_ns
        lane.sleep_ns = -1
        lane.thread.state = _BLOCKED
        builder = self.record.builder
        if builder is not None:
            builder.add(lane.index, Op.SLEEP, NOTHING, lane.site, self.clock.now_ns, 0, {"ns": duration_ns})
        self.machine.sleep(lane, duration_ns, self._begin)

    def _go_on(self, lane: Lane, operation: Operation) -> None:
        lane.operation = None
        thread = self.thread = lane.thread
        thread.state = _RUNNING
        try:
            result = operation.apply(thread)
        except Exception as error:
            self._took(lane, operation, operation.op, None)
            thread.glet.throw(error)
            return
        self._took(lane, operation, operation.op, result)
        if operation is thread.end:
            self._ended(lane)
        thread.glet.switch(result)

    def _give_up_waiting(self, lane: Lane, operation: Operation) -> None:
        lane.operation = None
        thread = self.thread = lane.thread
        thread.state = _RUNNING
        try:
            result = operation.expire(thread)
        except Exception as error:
            self._took(lane, operation, operation.failed_op, None)
            thread.glet.throw(error)
        else:
            self._took(lane, operation, operation.failed_op, result)
            thread.glet.switch(result)

    def _take(self, lane: Lane, operation: Operation) -> Any:
        """The operation takes effect now."""
        try:
            result = operation.apply(lane.thread)
        except Exception:
            self._took(lane, operation, operation.op, None)
            raise
        self._took(lane, operation, operation.op, result)
        if operation is lane.thread.end:
            self._ended(lane)
        return result

    def _took(self, lane: Lane, operation: Operation, op: Op, result: Any) -> None:
        if self._recording:
            self.record.event(lane.index, operation, op, lane.site, self.clock.now_ns, result)
        self.step += 1
        if self._waiting:
            target = operation.target
            self._changed(target)
            related = operation.second
            if related is not None:
                self._changed(related)
            related = target.part_of()
            if related is not None:
                self._changed(related)

    def _ended(self, lane: Lane) -> None:
        failure = lane.thread.failure
        if failure is not None and isinstance(failure[0], Uncontrollable | KeyboardInterrupt):
            raise failure[0]
        if not lane.thread.daemon:
            self._essential -= 1
            if not self._essential:
                self._makespan_ns = self.clock.now_ns
                self.clock.halted = True
        self.machine.end(lane)

    # Waiting.

    def _wait(self, lane: Lane, operation: Operation) -> None:
        lane.thread.state = _BLOCKED
        lane.blocked_before = lane.time_in[BLOCKED]
        if self._recording:
            now_ns = self.clock.now_ns
            if operation.target.kind in _LOCK_KINDS:
                self.record.event(lane.index, operation, Op.REQUEST, lane.site, now_ns, None)
            if self._scheduler_events:
                self.record.event(lane.index, operation, Op.BLOCK, lane.site, now_ns, None)
        self._queue_up(lane, operation)

    def _queue_up(self, lane: Lane, operation: Operation) -> None:
        lanes = self._waiting.get(operation.target)
        if lanes is None:
            self._waiting[operation.target] = [lane]
        else:
            lanes.append(lane)
        leave = self._leave
        leave(lane, BLOCKED, self._on_wake)

    def _changed(self, target: Primitive) -> None:
        """Something happened to ``target``: wake those whose operation became possible."""
        lanes = self._waiting.get(target)
        if lanes is None:
            return
        if target.kind in _LOCK_KINDS:
            # All wait for the same thing, so the first stands for all; a lock may have hundreds of waiters.
            lane = lanes[0]
            operation = lane.operation
            assert operation is not None
            if operation.ready(lane.thread):
                del lanes[0]
                if not lanes:
                    del self._waiting[target]
                if self.fifo:
                    self._hand_over(lane, operation)
                wake = self._wake_machine
                wake(lane, self._handover_ns)
            return
        exclusive_woken = False
        for lane in [*lanes]:
            operation = lane.operation
            assert operation is not None
            if operation.ready(lane.thread):
                if operation.op in _EXCLUSIVE:
                    if exclusive_woken:
                        continue
                    exclusive_woken = True
                self._wake(lane, target)
            elif lane.timed_out and operation.expirable():
                self._wake(lane, target)

    def _wake(self, lane: Lane, target: Primitive) -> None:
        self._leave_queue(lane, target)
        self._wake_machine(lane, self._handover_ns)

    def _leave_queue(self, lane: Lane, target: Primitive) -> None:
        lanes = self._waiting[target]
        lanes.remove(lane)
        if not lanes:
            del self._waiting[target]

    def _hand_over(self, lane: Lane, operation: Operation) -> None:
        """Give the lock to the waiter while it is still off its core."""
        result = operation.apply(lane.thread)
        if self._recording:
            self.record.event(lane.index, operation, operation.op, lane.site, self.clock.now_ns, result)
        self.step += 1

        lane.result = result
        lane.done = self._received

    def _received(self, lane: Lane) -> None:
        operation = lane.operation
        assert operation is not None
        lane.operation = None
        self._stop_waiting(lane, operation)
        thread = self.thread = lane.thread
        thread.state = _RUNNING
        thread.glet.switch(lane.result)

    def _time_out(self, lane: Lane) -> None:
        lane.timer = None
        lane.timed_out = True
        operation = lane.operation
        assert operation is not None
        if lane in self._waiting.get(operation.target, ()) and operation.expirable():
            self._leave_queue(lane, operation.target)
            self.machine.wake(lane)

    def _woken(self, lane: Lane) -> None:
        """On a core again: was somebody faster?"""
        operation = lane.operation
        assert operation is not None
        if operation.ready(lane.thread):
            self._stop_waiting(lane, operation)
            self._go_on(lane, operation)
        elif lane.timed_out and operation.expirable():
            self._stop_waiting(lane, operation)
            self._give_up_waiting(lane, operation)
        else:
            self._queue_up(lane, operation)

    def _stop_waiting(self, lane: Lane, operation: Operation) -> None:
        lane.timed_out = False
        if lane.timer is not None:
            self.machine.cancel(lane.timer)
            lane.timer = None
        waited_ns = lane.time_in[BLOCKED] - lane.blocked_before
        idle = operation.op in _IDLE
        if idle:
            lane.idle_ns += waited_ns
        self.record.waited(operation.target, waited_ns, idle)

    def _machine_moved(self, now_ns: int, runner: Runner, op: Op) -> None:
        # Blocking, sleeping and ending are written down by the operations themselves, with their object.
        if op not in (Op.BLOCK, Op.SLEEP, Op.END):
            builder = self.record.builder
            assert isinstance(runner, Lane)
            assert builder is not None
            builder.add(runner.index, op, NOTHING, NOTHING, now_ns)

    # One run.

    def run(self, program: Callable[[], None]) -> TimedRun:
        """Run ``program`` as the main thread, to the end of its last non-daemon thread or as far as it gets."""
        if _world.active is not None:
            raise RuntimeError("a world is already active; a timed run cannot be started from inside another run")
        self._hub = greenlet.getcurrent()
        begun_at, delayed_ns = real_perf_counter_ns(), _run_delay_ns()
        self._give_up_at = begun_at + round(self._real_seconds_max * 1e9)
        main = VirtualThread(self._main_body(program), "MainThread", python_thread=threading.main_thread())
        main.uid = 0
        main.ident = real_get_ident()
        refusal: BaseException | None = None
        takeover.refusal = None
        with _interpreter_state(main), segments.watched(self) as watched:
            self._admit(main, 0)
            _world.active = self
            # The collector must not walk through the tool's own objects in the middle of a measured segment.
            gc.freeze()
            try:
                self._drive()
            except Uncontrollable as error:
                refusal = error
            finally:
                stuck = self._stuck()
                self._close()
                _world.active = None
                gc.unfreeze()
        refusal = takeover.refusal or refusal
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
        )

    def _main_body(self, program: Callable[[], None]) -> Callable[[], None]:
        def body() -> None:
            try:
                program()
            finally:
                if not self.closing:
                    if self.on_main_end is not None:
                        self.on_main_end()
                    futures.shutdown_all(self)
                    self._look_at_all_waiters()

        return body

    def _drive(self) -> None:
        clock = self.clock
        clock.alarm(Alarm(self._out_of_time, self), self._max_ns)
        while not clock.halted and (clock.pending or self._wake_overlooked()):
            clock.run_while_pending()

    def _out_of_time(self, alarm: Alarm) -> None:
        self.clock.halted = True
        limit = f"{self._max_ns / 1e9:g} s of virtual time"
        self._gave_up = f"not finished after {limit}: the program never ends, or needs a higher limit"

    def _wake_overlooked(self) -> bool:
        """Before calling it a deadlock: is somebody ready after all, because of a step on another object?"""
        self._look_at_all_waiters()
        return self.clock.pending > 0

    def _look_at_all_waiters(self) -> None:
        for target in [*self._waiting]:
            self._changed(target)

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

    def _close(self) -> None:
        """Unwind what is left, with scheduling barred: ``finally`` blocks run, but their operations take no effect."""
        self.closing = True
        for thread in self.threads:
            if thread.glet and not thread.glet.dead:
                self.thread = thread
                for _ in range(3):
                    thread.glet.throw(ExecutionOver)
                    if thread.glet.dead:
                        break

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


_HARMLESS = frozenset(
    {Op.RELEASE, Op.NOTIFY, Op.SET, Op.CLEAR, Op.TASK_DONE, Op.END, Op.ATOMIC, Op.CANCEL, Op.CLOSE, Op.ABORT}
)
"""Operations that never wait: while a run is unwound they do nothing instead of raising."""


def _foreign_greenlet() -> Uncontrollable:
    error = Uncontrollable(
        "the program uses greenlets of its own (gevent, eventlet), which cannot be simulated; "
        "predict its threads without them"
    )
    takeover.refusal = takeover.refusal or error
    return error


def _run_delay_ns() -> int:
    """How long this thread has been ready without a core since it began (proc(5), schedstat); 0 where Linux is not."""
    try:
        with open("/proc/thread-self/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1])
    except OSError:
        return 0


@contextmanager
def _interpreter_state(main: VirtualThread) -> Generator[None]:
    """``threading``'s own tables as in a fresh interpreter while a run lasts."""
    module: Any = threading
    python_thread: Any = main.python_thread
    active, counter = dict(module._active), module._counter
    module._counter = count(1).__next__
    futures.reset_counters()
    python_thread._weft_thread = main
    try:
        yield
    finally:
        module._active.clear()
        module._active.update(active)
        module._counter = counter
        module._dangling.clear()
        module._dangling.add(python_thread)


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
