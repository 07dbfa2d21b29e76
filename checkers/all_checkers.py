"""Every checker that needs nothing but a trace, in the order in which their findings are told.

Races are not among them: besides findings they give notes, and need to know how strict to be (:mod:`race.findings`).
"""

from __future__ import annotations

from collections.abc import Callable

from ..simcore.trace import Trace
from . import atomicity, deadlock, failure, lock_order, priority, starvation
from .finding import Finding


def deadlocks(trace: Trace) -> list[Finding]:
    """What the trace ends in: D001, D003 to D006, whether or not some threads go on."""
    return deadlock.find(trace, all_stuck=None)


def lock_orders(trace: Trace) -> list[Finding]:
    """D002, without the cycles that were rejected and why."""
    return lock_order.find(trace).findings


TRACE_CHECKERS: tuple[Callable[[Trace], list[Finding]], ...] = (
    deadlocks,
    failure.find,
    lock_orders,
    atomicity.find,
    starvation.find,
    priority.find,
)
"""Each takes a trace of any world and returns what it finds; none of them raises on a trace that lacks what it needs."""
