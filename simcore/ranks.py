"""How important a runner is and how long its turn lasts: priorities, real-time FIFO and nice levels as on Linux.

It knows the rules and the kernel's numbers, and no cores.
"""

from __future__ import annotations

NICE_MIN, NICE_MAX = -20, 19
# fmt: off
NICE_WEIGHTS = (
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
    9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
    1024, 820, 655, 526, 423, 335, 272, 215, 172, 137,
    110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
)
# fmt: on
"""Weights of the nice levels from -20 to 19: ``sched_prio_to_weight`` of Linux, kernel/sched/core.c. A level less is
some ten per cent more of a core that two share."""
_WEIGHT_OF_ZERO = 1024
_ABOVE_ALL = 1 << 40
"""A real-time runner is more important than any other, whatever their priorities."""
NEVER_NS = 1 << 62
"""A slice that no virtual time uses up (146 years)."""


def weight(nice: int) -> int:
    """The weight of a nice level.

    Raises:
        ValueError: not a level from -20 to 19.
    """
    if not NICE_MIN <= nice <= NICE_MAX:
        raise ValueError(f"nice is {nice}; levels go from {NICE_MIN} (most) to {NICE_MAX} (least)")
    return NICE_WEIGHTS[nice - NICE_MIN]


def slice_ns(quantum_ns: int, nice: int, realtime: bool) -> int:
    """How long a turn lasts: proportional to the weight, so that in turn everybody gets a share by weight; endless for
    real-time FIFO."""
    return NEVER_NS if realtime else max(1, quantum_ns * weight(nice) // _WEIGHT_OF_ZERO)


def rank(priority: int, realtime: bool) -> int:
    """What the run queue is ordered by, highest first."""
    return priority + (_ABOVE_ALL if realtime else 0)
