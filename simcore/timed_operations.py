"""The running thread's half of the timed world: what its operations cost, and when it has to let time pass.

It runs on the thread's own greenlet; what happens when its time has come is decided on the hub (timed_scheduling).
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import greenlet

from . import refusals
from . import world as _world
from .device_wait import check_device
from .devices import Device
from .free_locks import FreeLocks
from .machine import Machine
from .metering import Meter
from .priority import PRIORITY_MARK
from .runner import MEM, NOGIL, PY
from .scaled_code import ScaledCode
from .threads import State, VirtualThread
from .timed_lane import WAIT, Lane
from .timed_record import Mark, Record
from .timed_scheduling import TimedScheduling
from .trace import NOTHING, Op
from .world import ExecutionOver, Operation, Primitive, Uncontrollable

_LOOK_MASK = 4095
"""Every 4,096 operations the run looks whether it should stop."""
_GIVING, _TAKING = frozenset({Op.PUT, Op.SUBMIT}), frozenset({Op.GET, Op.RUN})
"""Operations that hand an item of work over, and that take it: who takes it works on it from then on."""
CLASSES = {PY: "py", NOGIL: "nogil", MEM: "mem"}
"""How a trace names the kinds of computation."""


class TimedOperations(TimedScheduling):
    """What primitives, ``weft.work`` and the wrapped C calls ask of the timed world."""

    _essential: int

    def __init__(
        self,
        machine: Machine,
        record: Record,
        *,
        meter: Meter | None,
        scale: ScaledCode | None,
        free_locks: tuple[str, ...],
        fifo: bool,
        scheduler_events: bool,
        inheritance: bool,
    ) -> None:
        super().__init__(machine, record, fifo=fifo, scheduler_events=scheduler_events, inheritance=inheritance)
        self.meter = meter
        """What code costs; None: nothing but what ``weft.work`` says."""
        self.measure = meter is not None
        self.scale = scale
        self.free_locks = FreeLocks(free_locks, record) if free_locks else None
        self.profile = machine.profile
        self.operations = 0
        self.marks: list[Mark] = []
        self.devices: dict[str, Device] = {}
        self._python_factor = 1.0 if machine.gil is not None else self.profile.free_threading_slowdown
        if meter is not None:
            meter.python_factor = self._python_factor
            if scheduler_events:
                meter.note = self._note_computation
            if meter.keyed:
                self._took = self._took_and_followed
        self._items: dict[int, int] = {}
        """By the step at which it was handed over, what an item is called that nobody has taken yet."""
        self._cause: int | None = None
        """The step that handed over what the operation takes that takes effect now."""
        self._created_outside = 0
        self._thread_uids = 0
        self._costs: dict[type, int] = {}
        self._hub: Any = None
        self._burst = machine.burst
        self._burst_at_once = machine.burst_at_once
        self._on_arrival = self._arrived
        self._on_spent = self._spend

    # Objects and threads.

    def order_after(self, step: int) -> None:
        if step in self._items:
            self._cause = step

    def _took_and_followed(self, lane: Lane, operation: Operation, op: Op, result: Any) -> None:
        """Instead of ``_took`` where it is of interest who works at what."""
        assert self.meter is not None
        if op in _GIVING:
            self._items[self.step] = self.meter.handed_over(lane)
        elif op in _TAKING and self._cause is not None:
            self.meter.took_over(lane, self._items.pop(self._cause))
        self._cause = None
        super()._took(lane, operation, op, result)

    def register(self, primitive: Primitive) -> None:
        meter = self.meter
        entered = 0 if meter is None else meter.now_ns()
        running = getattr(self, "thread", None)
        if running is None:
            self._created_outside += 1
            primitive.uid = -self._created_outside
        else:
            running.created += 1
            primitive.uid = (running.uid << 20) | running.created
        self.record.made(primitive, sys._getframe(1))
        if self.free_locks is not None:
            self.free_locks.made(primitive)
        if meter is not None and running is not None:
            lane: Lane = running.context
            lane.resumed_at += meter.now_ns() - entered

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
        if self.meter is not None:
            self.meter.enter(lane)
        self.threads.append(thread)
        if not thread.daemon:
            self._essential += 1
        self.record.thread(thread)
        self.machine.start(lane, delay_ns, self._begin)
        inherited = None if thread.parent is None else self.priorities.get(thread.parent.context)
        if inherited is not None:
            assert thread.parent is not None
            parent: Lane = thread.parent.context
            self._note_priority(lane, inherited, NOTHING)
            self.set_priority(lane, inherited, nice=parent.nice or None, realtime=parent.realtime or None)

    def _begin(self, lane: Lane) -> None:
        thread = self.thread = lane.thread
        thread.state = State.RUNNING
        if self.meter is not None:
            self.meter.resume(lane)
        thread.glet.switch()

    # Time.

    def now_ns(self) -> int:
        self._catch_up(sys._getframe(1))
        return self.clock.now_ns

    def sleep(self, seconds: float) -> None:
        frame = sys._getframe(1)
        if self.scale is not None:
            seconds *= self.scale.factor(frame, "time.sleep")
        self._go_to_sleep(seconds, None, frame)

    def io(self, seconds: float, device: str, at_once: int) -> None:
        """The running thread waits for a device that serves ``at_once`` threads at a time (``weft.io``).

        Raises:
            ValueError: the device was used with another ``at_once`` before.
        """
        frame = sys._getframe(1)
        if self.scale is not None:
            seconds *= self.scale.factor(frame, "weft.io")
        found = self.devices.get(device)
        if found is None:
            found = self.devices[device] = Device(device, at_once)
        check_device(device, at_once, found.servers)
        self._go_to_sleep(seconds, found, frame)

    def _go_to_sleep(self, seconds: float, device: Device | None, frame: FrameType) -> None:
        if self.closing:
            raise ExecutionOver
        lane: Lane = self.thread.context
        if self.meter is not None:
            self.meter.cut(lane, frame)
        lane.owe(self.profile.lock_ns, PY)
        lane.device = device
        lane.sleep_ns = round(seconds * 1e9)
        if lane.sleep_ns:
            lane.sleep_ns += self._slack_ns
        if self._recording:
            lane.site = self.record.location(frame)
        self.operations += 1
        if not self.operations & _LOOK_MASK:
            self.look_for_a_reason_to_stop()
        self._simulate(lane)

    def _fall_asleep(self, lane: Lane) -> None:
        device = lane.device
        if device is None:
            super()._fall_asleep(lane)
            return
        duration_ns = lane.sleep_ns
        lane.sleep_ns = -1
        lane.device = None
        lane.thread.state = State.BLOCKED
        self._note_sleep(lane, {"ns": duration_ns, "device": device.name})
        self.machine.io(lane, device, duration_ns, self._resume)

    def compute(self, seconds: float, gil: bool, memory_bytes: int = 0) -> None:
        lane: Lane = self.thread.context
        meter = self.meter
        if meter is not None:
            meter.cut(lane, sys._getframe(1))
        if self.scale is not None:
            seconds *= self.scale.factor(sys._getframe(1), "weft.work")
        duration_ns = round(seconds * 1e9)
        if gil:
            kind = PY
            duration_ns = round(duration_ns * self._python_factor)
        else:
            kind = MEM if memory_bytes else NOGIL
        if lane.debt_kind == kind and lane.debt_bytes == memory_bytes:
            lane.debt_ns += duration_ns
        else:
            lane.owe(duration_ns, kind, memory_bytes)
        if self._scheduler_events:
            self._note_computation(lane, kind, duration_ns, sys._getframe(1))
        if meter is not None:
            meter.resume(lane)

    def _note_computation(self, lane: Lane, kind: int, duration_ns: int, frame: FrameType) -> None:
        """What the thread is about to spend computing, by class. Waiting outside is written down as it happens."""
        builder = self.record.builder
        if builder is not None and kind != WAIT:
            extra = {"class": CLASSES[kind], "ns": duration_ns}
            builder.add(lane.index, Op.COMPUTE, NOTHING, self.record.location(frame), self.clock.now_ns, 0, extra)

    def _note_sleep(self, lane: Lane, extra: dict[str, Any]) -> None:
        builder = self.record.builder
        if builder is not None:
            builder.add(lane.index, Op.SLEEP, NOTHING, lane.site, self.clock.now_ns, 0, extra)

    # Priorities and marks.

    def prioritise(self, priority: int, *, nice: int | None = None, realtime: bool | None = None) -> None:
        """The running thread has another priority from now on. In the trace it is a mark, ``priority 3``."""
        if self.closing:
            return
        frame = sys._getframe(1)
        self._catch_up(frame)
        lane: Lane = self.thread.context
        self._note_priority(lane, priority, self.record.location(frame) if self._recording else NOTHING)
        self.set_priority(lane, priority, nice=nice, realtime=realtime)
        if self.meter is not None:
            self.meter.resume(lane)

    def _note_priority(self, lane: Lane, priority: int, site: int) -> None:
        if self.record.builder is not None:
            text = f"{PRIORITY_MARK}{priority}"
            self.record.builder.add(lane.index, Op.MARK, NOTHING, site, self.clock.now_ns, 0, text)

    def forget_segment(self) -> None:
        """What the running thread computed since its last operation does not count (loading modules, say)."""
        if self.meter is not None:
            self.meter.forget(self.thread.context, sys._getframe(1))

    def mark(self, text: str) -> None:
        if self.closing:
            return
        frame = sys._getframe(1)
        self._catch_up(frame)
        lane: Lane = self.thread.context
        now_ns = self.clock.now_ns
        self.marks.append(Mark(now_ns, lane.name, text))
        if self.record.builder is not None:
            self.record.builder.add(lane.index, Op.MARK, NOTHING, self.record.location(frame), now_ns, 0, text)
        if self.meter is not None:
            self.meter.resume(lane)

    # What segments ask and say: the running thread leaves Python for C code that releases the GIL, and is back.

    def is_active(self) -> bool:
        return _world.active is self and not self.closing

    def leave_python(self) -> bool:
        lane: Lane = self.thread.context
        if lane.in_call or self.meter is None:
            return False
        lane.in_call = True
        self.meter.cut(lane, sys._getframe(1), leaves=True)
        self.meter.resume(lane)
        return True

    def enter_python(self, kind: int, memory_bytes: int, call: str) -> None:
        lane: Lane = self.thread.context
        lane.in_call = False
        assert self.meter is not None
        self.meter.cut(lane, sys._getframe(1), kind, memory_bytes, call)
        self.meter.resume(lane)

    # Operations.

    def perform(self, operation: Operation) -> Any:
        if self.closing:
            return self.perform_while_closing(operation)
        lane: Lane = self.thread.context
        meter = self.meter
        if meter is not None:
            meter.cut(lane, sys._getframe(1))
        cost_ns = self._costs.get(operation.__class__)
        if cost_ns is None:
            cost_ns = self._costs[operation.__class__] = self._cost_ns(operation)
        if cost_ns:
            lane.owe(cost_ns, PY)
        if self._recording:
            lane.site = self.record.location(sys._getframe(1))
        self.operations += 1
        if not self.operations & _LOOK_MASK:
            self.look_for_a_reason_to_stop()
        if self.free_locks is not None and self.free_locks.cover(operation):
            # What comes after it still happens when its time has come.
            if lane.debt_ns or lane.earlier:
                self._simulate(lane)
            result = self.free_locks.answer(operation)
        else:
            lane.operation = operation
            if lane.debt_ns or lane.earlier or not operation.ready(lane.thread):
                return self._simulate(lane)
            lane.operation = None
            result = self._take(lane, operation)
        if meter is not None:
            meter.resume(lane)
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

    def look_for_a_reason_to_stop(self) -> None:
        """Called every some thousand operations; does not return when there is one."""
        raise TypeError("a timed world must say when it gives up")

    # Letting time pass.

    def _catch_up(self, frame: FrameType) -> None:
        """Spend what the running thread owes."""
        if self.closing:
            return
        lane: Lane = self.thread.context
        if self.meter is not None:
            self.meter.cut(lane, frame)
        if lane.debt_ns or lane.earlier:
            self._simulate(lane)
        elif self.meter is not None:
            self.meter.resume(lane)

    def _simulate(self, lane: Lane) -> Any:
        """Let the machine pass the time owed and the hub do the rest; back when the running thread may go on."""
        if greenlet.getcurrent() is not lane.thread.glet:
            raise _foreign_greenlet()
        if lane.earlier or lane.debt_kind == WAIT:
            self._spend(lane)
        else:
            duration_ns = lane.debt_ns
            # What takes no time needs no GIL for it either.
            kind = lane.debt_kind if duration_ns else NOGIL
            lane.debt_ns = 0
            at_once = self._burst_at_once
            if at_once(lane, duration_ns, kind):
                operation = lane.operation
                if operation is not None and operation.ready(lane.thread):
                    lane.operation = None
                    result = self._take(lane, operation)
                    if self.meter is not None:
                        self.meter.resume(lane)
                    return result
                if operation is None and lane.sleep_ns < 0:
                    if self.meter is not None:
                        self.meter.resume(lane)
                    return None
                duration_ns = 0  # what is left to do, waiting or giving up, is the hub's
            lane.working_set_bytes = lane.debt_bytes
            burst = self._burst
            burst(lane, duration_ns, kind, self._on_arrival)
        result = self._hub.switch()
        if self.meter is not None:
            self.meter.resume(lane)
        return result

    def _spend(self, lane: Lane) -> None:
        """Pass what is owed part by part; the lane has arrived when nothing is left."""
        if lane.earlier:
            duration_ns, kind, memory_bytes = lane.earlier.pop(0)
            done = self._on_spent
        else:
            duration_ns, kind, memory_bytes = lane.debt_ns, lane.debt_kind, lane.debt_bytes
            lane.debt_ns = 0
            done = self._on_arrival
        if kind == WAIT and duration_ns:
            self._note_sleep(lane, {"ns": duration_ns, "class": "io"})
            self.machine.sleep(lane, duration_ns, done)
        else:
            lane.working_set_bytes = memory_bytes
            self._burst(lane, duration_ns, kind if duration_ns and kind != WAIT else NOGIL, done)


def _foreign_greenlet() -> Uncontrollable:
    error = Uncontrollable(
        "the program uses greenlets of its own (gevent, eventlet), which cannot be simulated; "
        "predict its threads without them"
    )
    refusals.refusal = refusals.refusal or error
    return error
