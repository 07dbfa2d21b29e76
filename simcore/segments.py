"""Which C calls let go of the GIL: their time in a timed run becomes a burst without GIL, everything else holds it.

The library functions that the rooms beside this one list are wrapped while a run lasts. What they cannot see (operators
such as ``@``, methods of arrays, C functions nobody listed) counts as holding the GIL unless :mod:`gil_probe` has looked
at it, and :meth:`Watched.limits` says so.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from .metering import Meter, OwnCost
from .runner import MEM, NOGIL

UNSEEN = (
    "C calls other than those of hashlib (2 KiB and more), zlib, bz2, lzma, os, numpy's functions and linalg and torch "
    "count as holding the GIL, and so do methods of arrays and the @ operator"
)
Row = tuple[Any, str, Any]
"""(module, name, what stands there while a run lasts)."""


class MeasuringWorld(Protocol):
    """What the timed world offers here."""

    measure: bool
    meter: Meter | None

    def is_active(self) -> bool:
        """Is the calling code inside this run?"""
        ...

    def leave_python(self) -> bool:
        """The running thread is about to enter C code that releases the GIL; False: it is in such code already."""
        ...

    def enter_python(self, kind: int, memory_bytes: int, call: str) -> None:
        """It is back. ``kind`` of burst, the memory gone over if it is bound by that, and the function's name."""
        ...


class Watched:
    """The calls of one run that were seen to release the GIL."""

    __slots__ = ("calls", "own", "passed_ns", "unseen_imports", "world")

    def __init__(self, world: MeasuringWorld, own: OwnCost | None = None) -> None:
        self.world = world
        self.own = own or OwnCost()
        """What stand-ins cost."""
        self.passed_ns = 0
        """What the way through those that do not call :meth:`call` has cost in the present segment."""
        self.calls: Counter[str] = Counter()
        self.unseen_imports = [name for name in ("numpy", "torch") if name not in sys.modules]
        """Libraries whose functions cannot be wrapped, since they are not there yet."""

    def call(
        self,
        name: str,
        real: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        memory_bytes: Callable[[tuple[Any, ...], Any], int] | None = None,
    ) -> Any:
        """Call ``real`` with its time counted as free of the GIL, when this run is the active world.

        ``memory_bytes`` tells from arguments and result what memory a call goes over that is bound by it, or 0.
        """
        world = self.world
        if not world.is_active() or not world.leave_python():
            return real(*args, **kwargs)
        self.calls[name] += 1
        touched = 0
        try:
            result = real(*args, **kwargs)
            if memory_bytes is not None:
                touched = memory_bytes(args, result)
            return result
        finally:
            world.enter_python(MEM if touched else NOGIL, touched, name)

    def limits(self) -> list[str]:
        """What a prediction must say about segments it could not see through."""
        found = [UNSEEN]
        for name in self.unseen_imports:
            if name in sys.modules:
                found.append(f"{name} was first imported during the run: all its calls count as holding the GIL")
        return found


class Released:
    """Stands for a function or ufunc that releases the GIL; everything but the call is the original's.

    To ``isinstance``, ``==`` and dictionaries it is the original: libraries keep tables of functions.
    """

    __slots__ = ("_bytes", "_least", "_name", "_real", "_watched")

    def __init__(
        self,
        watched: Watched,
        name: str,
        real: Any,
        least: Callable[[tuple[Any, ...], dict[str, Any]], bool] | None = None,
        memory_bytes: Callable[[tuple[Any, ...], Any], int] | None = None,
    ) -> None:
        self._watched = watched
        self._name = name
        self._real = real
        self._least = least
        """Do these arguments make it let go of the GIL?"""
        self._bytes = memory_bytes

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._least is not None and not self._least(args, kwargs):
            watched = self._watched
            watched.passed_ns += watched.own.short_ns
            return self._real(*args, **kwargs)
        return self._watched.call(self._name, self._real, args, kwargs, self._bytes)

    @property
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - nobody sets it
        return self._real.__class__

    def __eq__(self, other: object) -> bool:
        return self._real == (other._real if type(other) is Released else other)

    def __hash__(self) -> int:
        return hash(self._real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __repr__(self) -> str:
        return repr(self._real)


def replacements(watched: Watched) -> list[Row]:
    """What is put in place of the listed functions."""
    from . import segments_standard

    table = segments_standard.replacements(watched)
    # numba compiles calls of numpy's functions by what stands there, and knows the originals only.
    if "numpy" in sys.modules and "numba" not in sys.modules:
        from . import segments_numpy

        table += segments_numpy.replacements(watched)
    return table


@contextmanager
def watched(world: MeasuringWorld) -> Generator[Watched]:
    """While it lasts, the calls of the tables report to ``world``; without measuring, nothing is replaced."""
    meter = world.meter
    found = Watched(world, None if meter is None else meter.own_cost)
    saved: list[Row] = []
    with ExitStack() as more:
        try:
            if meter is not None:
                meter.stand_ins = found
            if world.measure:
                for holder, name, value in replacements(found):
                    saved.append((holder, name, getattr(holder, name)))
                    setattr(holder, name, value)
                if "torch" in sys.modules:
                    from . import segments_torch

                    more.enter_context(segments_torch.operations(found))
            yield found
        finally:
            if meter is not None:
                meter.stand_ins = None
            for holder, name, value in reversed(saved):
                setattr(holder, name, value)
