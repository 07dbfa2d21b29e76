"""``priority(n)``: how important the calling thread is. It counts where cores are simulated, and nowhere else.

It knows nothing of cores or schedules; CPython threads have no priorities of their own.
"""

from __future__ import annotations

from . import world as _world

PRIORITY_MARK = "priority "
"""How a change of priority reads as a mark in a trace: ``priority 3``."""


def priority(level: int, *, nice: int | None = None, realtime: bool | None = None) -> None:
    """Set the calling thread's priority: higher counts more. A thread starts with that of the thread that starts it, the
    main thread with 0.

    In the timed world (``weft predict``) the most important ready threads have the cores from then on, as real-time
    threads do under POSIX ``SCHED_RR``. With ``realtime`` the thread comes before all that are not, whatever their
    level, and keeps its core until it waits or gives way (``SCHED_FIFO``). ``nice``, -20 to 19, changes no order: it
    scales the thread's time slices as the kernel does, about 1.25 times for each step down. None leaves things as they
    are. In the explored world and in a real run all of this does nothing.

    Raises:
        TypeError: ``level`` or ``nice`` is not an integer.
        ValueError: ``nice`` is not between -20 and 19.
    """
    if isinstance(level, bool) or not isinstance(level, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"priority({level!r}): the level must be an integer; higher counts more, 0 is the default")
    if nice is not None:
        if isinstance(nice, bool) or not isinstance(nice, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"priority(nice={nice!r}): a nice level is an integer, -20 (much) to 19 (little); 0 is usual"
            )
        if not -20 <= nice <= 19:
            raise ValueError(f"priority(nice={nice!r}): a nice level lies between -20 (much) and 19 (little)")
    world = _world.active
    if world is not None:
        world.prioritise(level, nice=nice, realtime=realtime)
