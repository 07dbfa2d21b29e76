"""``priority(n)``: how important the calling thread is. It counts where cores are simulated, and nowhere else.

It knows nothing of cores or schedules; CPython threads have no priorities of their own.
"""

from __future__ import annotations

from . import world as _world

PRIORITY_MARK = "priority "
"""How a change of priority reads as a mark in a trace: ``priority 3``."""


def priority(level: int) -> None:
    """Set the calling thread's priority: higher counts more. A thread starts with that of the thread that starts it, the
    main thread with 0.

    In the timed world (``weft predict``) the most important ready threads have the cores from then on, as real-time
    threads do under POSIX ``SCHED_RR``. In the explored world and in a real run it does nothing.

    Raises:
        TypeError: ``level`` is not an integer.
    """
    if isinstance(level, bool) or not isinstance(level, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"priority({level!r}): the level must be an integer; higher counts more, 0 is the default")
    world = _world.active
    if world is not None:
        world.prioritise(level)
