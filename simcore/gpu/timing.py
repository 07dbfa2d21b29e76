"""The time of a GPU: streams, events, hardware queues, SMs and copy engines as a discrete-event simulation.

It moves operations that host threads issue through virtual time, in integer nanoseconds; it knows neither torch nor the
host's cores and locks. What it models and what it leaves out is said at :class:`Device`, rates in :mod:`.timing_rates`,
what calls cost a host thread in :mod:`.timing_host`, and who waits for whom in :mod:`.timing_waiting`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappush
from typing import Any, Literal, cast

import simpy

from ..clock import Alarm, Clock
from .device_profile import DeviceProfile
from .rows import StreamKind
from .timing_ops import Event, Op, OpKind, Reason, Stream, intervals
from .timing_rates import ONE, Fluid, Phase, Work
from .timing_work import Copy, Direction, Flag, Graph, Kernel, Node

__all__ = [
    "ONE",
    "Copy",
    "Device",
    "Direction",
    "Event",
    "Flag",
    "Graph",
    "Kernel",
    "Node",
    "Op",
    "Stream",
    "intervals",
]

_LATE = 2
"""After everything else that happens at an instant (SimPy's NORMAL is 1), so that it is decided once, with all known."""


class Device:
    """One GPU.

    *Streams* are first in, first out. An operation becomes visible ``gpu_start_ns`` after it was issued. A stream belongs
    to hardware queue (number of the stream) mod ``connections``; of a queue, whose entries stand in the order of issue,
    only the oldest that has not started can start: one that cannot yet, a wait included, keeps those behind it.
    *The legacy default stream* waits, with each operation, for all that blocking and per-thread streams had to do when it
    was issued, and they wait for it afterwards; non-blocking streams have nothing to do with it (NVIDIA, stream
    synchronization behavior). *Events* are snapshots: a wait is for the last record issued before it, and for nothing
    when there is none; then nothing is queued.

    *Kernels* start when the room of a block is free, the most important stream first, then in order of issue; what runs
    is never interrupted. *Copies* wait for an engine of their direction in the order in which they could have started.
    *Graphs* are one entry of their stream; their nodes need no hardware queue.

    *Not modelled*: several devices and copies between them, shared engines and L2, interference other than for SMs,
    links and memory bandwidth, clocks and power, the cost of allocations and of first uses, priorities among blocks of
    kernels that run, small pageable copies that return early, separate hardware queues for copies and for priorities.

    Ties are broken by order of issue, so equal inputs give equal histories.

    Args:
        clock: May be shared with other machines.
        profile: The device's costs.
        listener: Called with the time and, by operation, the rate of all that runs (in units of ``ONE``) whenever
            rates are set.
    """

    def __init__(
        self,
        clock: Clock,
        profile: DeviceProfile,
        listener: Callable[[int, dict[Op, int]], None] | None = None,
    ) -> None:
        self.clock = clock
        self.profile = profile
        self.ops: list[Op] = []
        """All that was issued, in order; a graph's nodes come after it when it has started."""
        self.runtime_lock = simpy.Resource(clock, 1)
        """The CUDA runtime lock of the process: for host threads, who take it around calls."""
        self.streams: list[Stream] = []
        self.default_stream = self._new_stream("legacy", 0, "default stream")
        self._fluid = Fluid(profile)
        self._queues: list[deque[Op]] = [deque() for _ in range(profile.connections)]
        self._nodes: list[Op] = []
        """Of graphs: what waits for nothing but time and room."""
        self._unfinished: dict[Op, None] = {}
        """Without nodes. Invariant: at most ``queue_depth`` (tests/simcore/gpu/test_timing_host.py)."""
        self._busy: dict[Direction, int] = {"h2d": 0, "d2h": 0}
        self._engines: dict[Direction, int] = {"h2d": profile.h2d_engines, "d2h": profile.d2h_engines}
        self._launches: dict[Graph, Op] = {}
        self._want_room: list[simpy.Event] = []
        self._issued = 0
        self._alarm: Alarm | None = None
        self._alarm_at = 0
        self._listener = listener

    # Issuing: each takes no time, and needs room in the launch queue.

    def stream(self, kind: StreamKind = "non-blocking", priority: int = 0, name: str = "") -> Stream:
        """A new stream."""
        if kind == "legacy":
            raise ValueError("a device has one legacy default stream: default_stream")
        return self._new_stream(kind, priority, name or f"stream {len(self.streams)}")

    def launch(self, stream: Stream, kernel: Kernel) -> Op:
        return self._issue("kernel", stream, kernel)

    def copy(self, stream: Stream, direction: Direction, size: int, pinned: bool = True) -> Op:
        """An asynchronous copy of ``size`` bytes; that the host waits for a pageable one is up to the caller."""
        return self._issue("copy", stream, Copy(direction, size, pinned))

    def graph(self, stream: Stream, graph: Graph) -> Op:
        """Launch a graph; it waits for its own last launch, too."""
        last = self._launches.get(graph)
        op = self._issue("graph", stream, graph, () if last is None else (("graph", last),))
        self._launches[graph] = op
        return op

    def record(self, event: Event, stream: Stream) -> Op:
        event.record = op = self._issue("record", stream, event)
        return op

    def wait(self, stream: Stream, event: Event) -> Op | None:
        """Let ``stream`` wait for the event's last record; None, and nothing is queued, when there is none."""
        if event.record is None:
            return None
        return self._issue("wait", stream, event, (("event", event.record),))

    def set_flag(self, flag: Flag) -> None:
        """The host writes it."""
        flag.is_set = True
        self._release(flag)
        self._look_at(self.clock.now_ns)

    # What a host thread can wait for: SimPy events, whose value is the time.

    @property
    def has_room(self) -> bool:
        """May something be issued now?"""
        return len(self._unfinished) < self.profile.queue_depth

    def room(self) -> simpy.Event:
        """For room in the launch queue. Somebody else may be faster: look at :attr:`has_room` again."""
        told = self.clock.event()
        if self.has_room:
            self._tell(told)
        else:
            self._want_room.append(told)
        return told

    def op_done(self, op: Op) -> simpy.Event:
        return self._when_done((op,))

    def event_done(self, event: Event) -> simpy.Event:
        """For the last record so far; at once when there is none."""
        return self._when_done(() if event.record is None else (event.record,))

    def stream_done(self, stream: Stream) -> simpy.Event:
        """For all that the stream has to do now: of the default stream, what blocking streams have, too."""
        return self._when_done([op for _, op in self._ends(stream)])

    def device_done(self) -> simpy.Event:
        """For all that was issued so far."""
        return self._when_done(tuple(self._unfinished))

    # What became of it.

    @property
    def in_flight(self) -> int:
        """How many operations were issued and are not done; a graph is one."""
        return len(self._unfinished)

    @property
    def unfinished(self) -> list[Op]:
        """They, in order of issue."""
        return list(self._unfinished)

    @property
    def running(self) -> list[Op]:
        """What goes on now or spins, in the order in which it started; nodes of graphs, not graphs."""
        return [work.owner for work in self._fluid.running]

    def head(self, stream: Stream) -> Op | None:
        """What is to start next in the stream's hardware queue."""
        queue = self._queue(stream)
        return queue[0] if queue else None

    @property
    def is_standing(self) -> bool:
        """Is something not done, and nothing on its way that would change it without the host?"""
        return bool(self._unfinished) and self._alarm is None

    def busy(self, what: Literal["kernel", "h2d", "d2h"]) -> list[tuple[int, int]]:
        """From when to when at least one kernel ran, or a copy of that direction, of all that is done."""
        return intervals(op for op in self.ops if op.is_done and op.resource == what)

    # Queueing.

    def _new_stream(self, kind: StreamKind, priority: int, name: str) -> Stream:
        stream = Stream(len(self.streams), kind, priority, name)
        self.streams.append(stream)
        return stream

    def _queue(self, stream: Stream) -> deque[Op]:
        return self._queues[stream.number % len(self._queues)]

    def _ends(self, stream: Stream) -> Iterator[tuple[Reason, Op]]:
        """What an operation issued on the stream now comes after."""
        if stream._last is not None and not stream._last.is_done:
            yield "stream", stream._last
        if stream.kind == "legacy":
            others = [other for other in self.streams if other.kind in ("blocking", "per-thread")]
        elif stream.kind == "non-blocking":
            return
        else:
            others = [self.default_stream]
        for other in others:
            if other._last is not None and not other._last.is_done:
                yield "default stream", other._last

    def _issue(
        self,
        kind: OpKind,
        stream: Stream,
        what: Kernel | Copy | Graph | Event,
        after: Iterable[tuple[Reason, Op]] = (),
    ) -> Op:
        if not self.has_room:
            raise RuntimeError(
                f"the launch queue is full: {self.profile.queue_depth} operations are not done; wait for room() first"
            )
        now = self.clock.now_ns
        op = Op(self._issued, kind, what, stream, now)
        self._issued += 1
        op._after = [*self._ends(stream), *((reason, other) for reason, other in after if not other.is_done)]
        op._visible_at = now + self.profile.gpu_start_ns
        stream._last = op
        self.ops.append(op)
        self._unfinished[op] = None
        queue = self._queue(stream)
        queue.append(op)
        if queue[0] is op:
            self._look_at(op._visible_at)
        return op

    # Time passes.

    def _look_at(self, time_ns: int) -> None:
        """Look what can end and start at that time, unless it is looked earlier anyway."""
        if self._alarm is not None:
            if self._alarm_at <= time_ns:
                return
            self._alarm.concern = None
            self.clock.pending -= 1
        self._alarm = Alarm(self._look, self)
        self._alarm_at = time_ns
        self.clock.pending += 1
        heappush(self.clock.entries, (time_ns, _LATE, next(self.clock.numbers), self._alarm))

    def _look(self, alarm: Alarm) -> None:
        if alarm.concern is None:
            return
        self._alarm = None
        self.clock.pending -= 1
        now = self.clock.now_ns
        for work in self._fluid.over(now):
            self._finish(work.owner, now)
        while (op := self._next_to_start(now)) is not None:
            self._start(op, now)
        if self._fluid.set_rates(now) and self._listener is not None:
            self._listener(now, {work.owner: work.rate for work in self._fluid.running})
        times = [op._ready_at for op in self._first() if op._ready_at > now]
        end_ns = self._fluid.next_end_ns()
        if end_ns is not None:
            times.append(end_ns)
        if times:
            self._look_at(min(times))

    def _first(self) -> Iterator[Op]:
        """What could be next: the heads of the hardware queues, and nodes of graphs."""
        for queue in self._queues:
            if queue:
                yield queue[0]
        yield from self._nodes

    def _next_to_start(self, now: int) -> Op | None:
        """What needs no room goes first, since it may uncover something more important."""
        best: Op | None = None
        rank: tuple[int, ...] = ()
        for op in self._first():
            if self._is_ready(op, now) and self._has_room(op):
                if op.kind == "kernel":
                    its = (1, op.stream.priority, op.number)
                else:
                    its = (0, op._ready_at if op.kind == "copy" else -1, op.number)
                if best is None or its < rank:
                    best, rank = op, its
        return best

    def _is_ready(self, op: Op, now: int) -> bool:
        """Does it wait for nothing but room? From when on, if only time is missing, is in ``_ready_at``."""
        if op._ready_at < 0:
            at = op._visible_at
            for _, other in op._after:
                if not other.is_done:
                    return False
            if op.kind not in ("record", "wait"):
                at = max(at, op.stream._free_at)
            op._ready_at = max(at, now)
        return op._ready_at <= now

    def _has_room(self, op: Op) -> bool:
        if isinstance(op.what, Kernel):
            return self._fluid.has_room(op.what.shares)
        return not isinstance(op.what, Copy) or self._busy[op.what.direction] < self._engines[op.what.direction]

    def _start(self, op: Op, now: int) -> None:
        op.start_ns = now
        if op.parent is None:
            self._queue(op.stream).popleft()
        else:
            self._nodes.remove(op)
        what = op.what
        held = False
        if isinstance(what, Graph):
            self._start_nodes(op, what, now)
            return
        if isinstance(what, Kernel):
            phases = what.phases()
            held = what.until is not None and not what.until.is_set
        elif isinstance(what, Copy):
            phases = what.phases(self.profile)
            self._busy[what.direction] += 1
        else:
            cost_ns = self.profile.record_device_ns if op.kind == "record" else self.profile.wait_device_ns
            phases = (Phase(cost_ns * ONE),)
        op._work = Work(op, phases, held=held)
        if op._work.is_nothing:
            self._finish(op, now)
        else:
            self._fluid.start(op._work)

    def _start_nodes(self, launch: Op, graph: Graph, now: int) -> None:
        nodes: list[Op] = []
        for node in graph.nodes:
            kind: OpKind = "kernel" if isinstance(node.work, Kernel) else "copy"
            op = Op(launch.number, kind, node.work, launch.stream, launch.issue_ns, parent=launch)
            for place in dict.fromkeys(node.after):
                nodes[place]._before.append(op)
                op._after.append(("graph", nodes[place]))
            op._missing = len(op._after)
            nodes.append(op)
            if not op._missing:
                op._ready_at = now
                self._nodes.append(op)
        self.ops += nodes
        launch._missing = len(nodes)
        if not nodes:
            self._finish(launch, now)

    def _finish(self, op: Op, now: int) -> None:
        op.end_ns = now
        if isinstance(op.what, Copy):
            self._busy[op.what.direction] -= 1
        elif isinstance(op.what, Kernel) and op.what.sets is not None:
            op.what.sets.is_set = True
            self._release(op.what.sets)
        for call in op._told:
            call()
        if op.parent is not None:
            self._finish_node(op, op.parent, now)
            return
        if op.kind not in ("record", "wait"):
            op.stream._free_at = now + self.profile.gap_ns
        del self._unfinished[op]
        for told in self._want_room:
            self._tell(told)
        self._want_room.clear()

    def _finish_node(self, op: Op, launch: Op, now: int) -> None:
        for node in op._before:
            node._missing -= 1
            if not node._missing:
                node._ready_at = now + self.profile.graph_gap_ns
                self._nodes.append(node)
        launch._missing -= 1
        if not launch._missing:
            self._finish(launch, now)

    def _release(self, flag: Flag) -> None:
        for work in self._fluid.running:
            if work.held and work.owner.what.until is flag:
                work.held = False
                self._fluid.change()

    # Telling.

    def _when_done(self, ops: Sequence[Op]) -> simpy.Event:
        told = self.clock.event()
        missing = {op for op in ops if not op.is_done}
        if not missing:
            self._tell(told)
            return told
        left = len(missing)

        def one_less() -> None:
            nonlocal left
            left -= 1
            if not left:
                self._tell(told)

        for op in ops:
            if op in missing:
                missing.remove(op)
                op._told.append(one_less)
        return told

    def _tell(self, told: simpy.Event) -> None:
        self.clock.pending += 1
        cast("Any", told).callbacks.append(self._was_told)
        told.succeed(self.clock.now_ns)

    def _was_told(self, _: simpy.Event) -> None:
        self.clock.pending -= 1
