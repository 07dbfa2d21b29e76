"""The hub's half of the timed world: which operation takes effect when its thread's time has come, and who is woken.

It runs between two threads, on behalf of the machine; how long a thread computed before is not its question.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from .interpreter import SimulatedWorld
from .machine import BLOCKED, Machine, Runner
from .threads import State
from .timed_lane import Lane
from .timed_record import Record
from .trace import NOTHING, Op
from .world import Operation, Primitive, Uncontrollable

_EXCLUSIVE = frozenset({Op.ACQUIRE, Op.PUT, Op.GET, Op.RUN})
"""Operations that use up what made them ready: one change wakes one waiter, as a futex or a Condition does."""
_LOCK_KINDS = frozenset({"Lock", "RLock"})
# Looking an enumeration's member up costs more than the step it is for.
_RUNNING, _BLOCKED = State.RUNNING, State.BLOCKED
_IDLE = frozenset({Op.JOIN, Op.RESULT, Op.RUN})
"""Waiting for others to finish, or for a pool to have work: nobody is in the way."""


class TimedScheduling(SimulatedWorld):
    """Operations in virtual time: they take effect, or their threads wait for their object in FIFO order.

    ``_waiting`` has, by the target of their operations, the lanes that are blocked and not woken yet.
    """

    def __init__(
        self, machine: Machine, record: Record, *, fifo: bool, scheduler_events: bool, inheritance: bool = False
    ) -> None:
        super().__init__()
        self.inheritance = inheritance
        self.priorities: dict[Lane, int] = {}
        """The priorities that threads were given; the machine's are higher where one is inherited."""
        self._realtime: set[Lane] = set()
        """Who asked to be scheduled under ``SCHED_FIFO``."""
        self._inheriting = False
        """Inheritance was asked for and there are priorities."""
        self.machine = machine
        self.clock = machine.clock
        self.record = record
        self.fifo = fifo
        self._recording = record.builder is not None
        self._scheduler_events = scheduler_events
        if scheduler_events:
            machine.listener = self._machine_moved
        self._essential = 0
        """How many threads keep the program running (not daemons)."""
        self._makespan_ns = -1
        self._waiting: defaultdict[Primitive, list[Lane]] = defaultdict(list)
        profile = machine.profile
        self._slack_ns = profile.timer_slack_ns
        self._handover_ns = profile.handover_ns
        self._placement_counts = (profile.handover_same_core_ns, profile.handover_idle_core_ns) != (None, None)
        """What a hand-over costs depends on where the woken thread goes on."""
        self._on_wake = self._woken
        self._leave = machine.leave
        self._wake_machine = machine.wake

    # On the hub: the machine says that a thread's time has come.

    def _resume(self, lane: Lane, result: Any = None) -> None:
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
                self._resume(lane)
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
        self.machine.sleep(lane, duration_ns, self._resume)

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
            if self._inheriting:
                self._inherit()

    def set_priority(self, lane: Lane, priority: int, *, nice: int | None = None, realtime: bool | None = None) -> None:
        """As :meth:`Machine.prioritise`."""
        self.priorities[lane] = priority
        if realtime is not None:
            (self._realtime.add if realtime else self._realtime.discard)(lane)
        if nice is not None:
            self.machine.prioritise(lane, lane.priority, nice=nice)
        self._inheriting = self.inheritance
        if self._inheriting:
            self._inherit()
        else:
            self.machine.prioritise(lane, priority, realtime=realtime)

    def _inherit(self) -> None:
        """Priority inheritance (Sha, Rajkumar, Lehoczky 1990): the owner of a lock is as important as whoever waits
        for it, directly or behind other owners; real-time if that one is. A nice level is nobody else's."""
        effective = {lane: (lane in self._realtime, priority) for lane, priority in self.priorities.items()}
        none = (False, 0)
        waits = [(lane, lane.operation) for lanes in self._waiting.values() for lane in lanes]
        changed = True
        while changed:
            changed = False
            for lane, operation in waits:
                assert operation is not None
                if operation.target.kind in _LOCK_KINDS:
                    for owner in operation.wakers() or ():
                        if effective.get(owner.context, none) < effective.get(lane, none):
                            effective[owner.context] = effective.get(lane, none)
                            changed = True
        for thread in self.threads:
            other: Lane = thread.context
            realtime, priority = effective.get(other, none)
            self.machine.prioritise(other, priority, realtime=realtime)

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
        self._waiting[operation.target].append(lane)
        leave = self._leave
        leave(lane, BLOCKED, self._on_wake)
        if self._inheriting:
            self._inherit()

    def _changed(self, target: Primitive) -> None:
        """Something happened to ``target``: wake those whose operation became possible."""
        lanes = self._waiting.get(target)
        if lanes is None:
            return
        if target.kind in _LOCK_KINDS:
            # All wait for the same thing, so the first stands for all; a lock may have hundreds of waiters.
            lane = lanes[0]
            if self.priorities:
                # As the kernel's futex queues do it: by priority, in order of arrival among equals.
                lane = max(lanes, key=lambda waiting: waiting.rank)
            operation = lane.operation
            assert operation is not None
            if operation.ready(lane.thread):
                lanes.remove(lane)
                if not lanes:
                    del self._waiting[target]
                if self.fifo:
                    self._hand_over(lane, operation)
                wake = self._wake_machine
                wake(lane, self._cost_of_waking(lane) if self._placement_counts else self._handover_ns)
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
        self._wake_machine(lane, self._cost_of_waking(lane) if self._placement_counts else self._handover_ns)

    def _cost_of_waking(self, lane: Lane) -> int:
        return self.machine.handover_ns(lane, self.thread.context)

    def _leave_queue(self, lane: Lane, target: Primitive) -> None:
        lanes = self._waiting[target]
        lanes.remove(lane)
        if not lanes:
            del self._waiting[target]
        if self._inheriting:
            self._inherit()

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

    def _wake_overlooked(self) -> bool:
        """Before calling it a deadlock: is somebody ready after all, because of a step on another object?"""
        self._look_at_all_waiters()
        return self.clock.pending > 0

    def _look_at_all_waiters(self) -> None:
        for target in [*self._waiting]:
            self._changed(target)
