"""Host threads that drive a simulated GPU: what each call costs, when it returns, and the runtime lock between them.

It knows the host side of CUDA's calls as SimPy processes, each on a core of its own; cores, the GIL and Python are for the
machine that runs real programs, which pays the same costs there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

import simpy

from .timing import Device, Event, Op, Stream
from .timing_work import Direction, Graph, Kernel

Result = TypeVar("Result")
Steps = Generator[simpy.Event, Any, Result]
"""What a call does: ``yield from`` it in a SimPy process."""


class Host:
    """A host thread.

    Launches, copies and graphs end with ``launch_lock_ns`` under the device's runtime lock, in which the operation is
    issued; with a full launch queue they wait for room without giving the lock back, as the order of issue is that of the
    lock. Records and waits take no lock (HTA's model of the lock: launches, copies and host allocations).
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.clock = device.clock
        self.profile = device.profile

    def launch(self, stream: Stream, kernel: Kernel) -> Steps[Op]:
        op = yield from self._locked(self.profile.launch_ns, lambda: self.device.launch(stream, kernel))
        yield from self._after_launch(stream)
        return op

    def copy(self, stream: Stream, direction: Direction, size: int, pinned: bool = True) -> Steps[Op]:
        """Returns when it is issued; a copy from or to pageable memory when it is done."""
        op = yield from self._locked(
            self.profile.copy_call_ns, lambda: self.device.copy(stream, direction, size, pinned)
        )
        if pinned:
            yield from self._after_launch(stream)
        else:
            yield from self._wait_for(self.device.op_done(op))
        return op

    def graph(self, stream: Stream, graph: Graph) -> Steps[Op]:
        cost_ns = self.profile.graph_launch_ns + self.profile.graph_node_ns * len(graph.nodes)
        op = yield from self._locked(cost_ns, lambda: self.device.graph(stream, graph))
        yield from self._after_launch(stream)
        return op

    def record(self, event: Event, stream: Stream) -> Steps[Op]:
        yield from self.compute(self.profile.record_ns)
        yield from self._find_room()
        return self.device.record(event, stream)

    def wait(self, stream: Stream, event: Event) -> Steps[Op | None]:
        """``stream.wait_event(event)``: the stream will wait, not the host."""
        yield from self.compute(self.profile.wait_ns)
        yield from self._find_room()
        return self.device.wait(stream, event)

    def event_done(self, event: Event) -> Steps[None]:
        """``event.synchronize()``."""
        yield from self._wait_for(self.device.event_done(event))

    def stream_done(self, stream: Stream) -> Steps[None]:
        """``stream.synchronize()``."""
        yield from self._wait_for(self.device.stream_done(stream))

    def device_done(self) -> Steps[None]:
        """``torch.cuda.synchronize()``."""
        yield from self._wait_for(self.device.device_done())

    def compute(self, duration_ns: int) -> Steps[None]:
        """The host thread does something else."""
        if duration_ns:
            yield self.clock.timeout(duration_ns)

    def _locked(self, cost_ns: int, issue: Callable[[], Op]) -> Steps[Op]:
        lock_ns = min(self.profile.launch_lock_ns, cost_ns)
        yield from self.compute(cost_ns - lock_ns)
        turn: Any = self.device.runtime_lock.request()
        with turn:
            yield turn
            yield from self.compute(lock_ns)
            yield from self._find_room()
            return issue()

    def _find_room(self) -> Steps[None]:
        while not self.device.has_room:
            yield self.device.room()

    def _after_launch(self, stream: Stream) -> Steps[None]:
        if self.profile.launch_blocking:
            yield from self.stream_done(stream)

    def _wait_for(self, told: simpy.Event) -> Steps[None]:
        yield told
        yield from self.compute(self.profile.sync_wake_ns)
