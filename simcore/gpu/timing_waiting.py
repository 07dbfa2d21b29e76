"""Who waits for whom on simulated GPUs, and that nothing can happen any more.

It reads devices and changes nothing; what to make of the edges, and of what host threads wait for, is for others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import simpy
from simpy.core import EmptySchedule

from ..clock import Clock
from .timing import Device
from .timing_ops import Op, Reason
from .timing_work import Flag, Kernel


@dataclass(frozen=True, slots=True)
class Waiting:
    """An edge of the wait-for graph: ``op`` cannot go on before ``holder`` does; without one, before the host has issued
    something that sets ``flag``, or has set it."""

    op: Op
    reason: Reason
    holder: Op | None
    flag: Flag | None = None

    def __str__(self) -> str:
        of = f" {self.flag.name!r}" if self.flag else ""
        by = str(self.holder) if self.holder else "nothing that was issued"
        return f"{self.op} waits ({self.reason}{of}) for {by}"


class Stuck(Exception):
    """Nothing can happen any more; who waits for whom on the devices is in ``waiting``."""

    def __init__(self, waiting: Sequence[Waiting]) -> None:
        lines = [str(edge) for edge in waiting] or ["no device has anything to do: a host thread waits for another one"]
        super().__init__("stuck: no event is left that could change anything\n  " + "\n  ".join(lines))
        self.waiting = tuple(waiting)


def waiting(gpu: Device) -> list[Waiting]:
    """Who waits for whom now, by order of issue. What runs waits for nothing, unless it spins."""
    found: list[Waiting] = []
    for op in gpu.unfinished:
        found += _of(gpu, op)
        if op.kind == "graph" and op.start_ns >= 0:
            nodes = [node for node in gpu.ops if node.parent is op and not node.is_done]
            found += [Waiting(op, "nodes", node) for node in nodes]
            for node in nodes:
                found += _of(gpu, node)
    return found


def _of(gpu: Device, op: Op) -> list[Waiting]:
    if op.start_ns >= 0:
        return _of_spinning(gpu, op)
    found = [Waiting(op, reason, other) for reason, other in op._after if not other.is_done]
    head = gpu.head(op.stream)
    if op.parent is None and head is not None and head is not op:
        found.append(Waiting(op, "hardware queue", head))
    if found or not 0 <= op._ready_at <= gpu.clock.now_ns:
        return found
    reason: Reason = "SMs" if op.resource == "kernel" else "copy engine"
    return [Waiting(op, reason, other) for other in gpu.running if other.resource == op.resource]


def _of_spinning(gpu: Device, op: Op) -> list[Waiting]:
    if op._work is None or not op._work.held:
        return []
    assert isinstance(op.what, Kernel)
    flag = op.what.until
    setters = [other for other in gpu.unfinished if flag in other.sets]
    return [Waiting(op, "flag", other, flag) for other in setters or [None]]


def run_until(clock: Clock, event: simpy.Event, devices: Sequence[Device] = ()) -> Any:
    """Let time pass until ``event`` (a process, for example) has happened; its value.

    Raises:
        Stuck: nothing is left that could bring it about. Why, as far as the devices know.
    """
    while not event.processed:
        try:
            clock.step()
        except EmptySchedule:
            raise Stuck([edge for gpu in devices for edge in waiting(gpu)]) from None
    return event.value
