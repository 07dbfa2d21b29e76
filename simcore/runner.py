"""A simulated operating-system thread: what the machine keeps about it.

It decides nothing; the machine and its parts move it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .trace import Op

if TYPE_CHECKING:
    from .clock import Alarm
    from .rates import Flow

RUNNING, READY, BLOCKED, GIL, SLEEPING, OUTSIDE = range(6)
"""Where a runner spends its time. ``OUTSIDE``: not started yet or ended."""
STATE_NAMES = ("running", "ready", "lock wait", "gil wait", "sleeping")
ENTERED = (Op.RUN, Op.READY, Op.BLOCK, Op.GIL_REQUEST, Op.SLEEP, Op.END)
"""By state, the operation that says that a runner has entered it."""

NOGIL, PY, MEM = range(3)
"""Kinds of bursts: without the GIL, with it, and without it but bound by memory. A bool says whether with the GIL."""


class Runner:
    """A simulated operating-system thread.

    ``time_in[state]`` is the time spent in each state up to ``since``.
    """

    __slots__ = (
        "alarm",
        "core",
        "done",
        "expired",
        "flow",
        "granted",
        "kind",
        "name",
        "nice",
        "priority",
        "rank",
        "realtime",
        "remaining_ns",
        "since",
        "slice_end",
        "slice_ns",
        "state",
        "time_in",
        "until",
        "waking",
        "working_set_bytes",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = OUTSIDE
        self.since = 0
        self.time_in = [0, 0, 0, 0, 0, 0]
        self.core = -1
        """Where it runs, or ran last."""
        self.priority = 0
        """Who counts more than others runs before them (:meth:`Machine.prioritise`)."""
        self.nice = 0
        self.realtime = False
        """Under ``SCHED_FIFO``: before all others, and until it waits or somebody more important comes."""
        self.rank = 0
        self.kind = NOGIL
        """What it burns."""
        self.working_set_bytes = 0
        """How much memory its memory-bound bursts go over; 0 when it is not known."""
        self.remaining_ns = 0
        """What is left of the current burst after the stretch that it burns now."""
        self.done: Callable[[Any], None] = nothing_to_do
        """Called on the core when the burst is over, or after a wake-up, with the runner."""
        self.until = 0
        """When the stretch that it burns ends: the slice or the burst."""
        self.slice_ns = 0
        """How long its turns are."""
        self.slice_end = 0
        """When its time slice is used up."""
        self.expired = False
        """It runs on beyond its slice while nobody waits."""
        self.granted = False
        """It was handed the GIL while off its core and has not run with it yet."""
        self.alarm: Alarm
        """The end of what it burns. It is used again until it has to be cancelled."""
        self.waking: Alarm
        """Its way from a wake-up, a sleep or a device to being ready."""
        self.flow: Flow | None = None
        """How fast it burns, where that varies."""

    def __repr__(self) -> str:
        state = "outside" if self.state == OUTSIDE else STATE_NAMES[self.state]
        return f"<Runner {self.name} {state}>"


def nothing_to_do(runner: Runner) -> None:
    raise RuntimeError(f"{runner!r} came to its core with nothing to do; call burst() or block() first")
