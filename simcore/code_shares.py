"""How much of each segment was spent in code that a what-if scales: seen by tracing one run.

Tracing makes code slower, most of all short functions; so only the shares are taken from such a run, and the times from
runs without it. It knows frames and clocks, and no world.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from .scaled_code import ScaledCode
from .sites import Site
from .timed_lane import Lane


class _State:
    """Where one thread is."""

    __slots__ = ("entered", "inside", "product", "since", "weighted", "whole")

    def __init__(self) -> None:
        self.inside: dict[str, int] = {}
        """By name, how often the thread has entered that code and not left it."""
        self.entered: set[str] = set()
        """What it has entered in this segment."""
        self.product = 1.0
        self.since = 0
        self.whole = 0
        self.weighted = 0.0


class CodeShares:
    """Follows the running thread of one run into scaled code and out of it."""

    def __init__(self, code: ScaledCode, now_ns: Callable[[], int]) -> None:
        self.code = code
        self._spent: dict[int, list[float]] = {}
        """By edge, the time of its segments, and the same multiplied by the factors."""
        self._now_ns = now_ns
        self._states: dict[Lane, _State] = {}
        self._state = _State()

    @contextmanager
    def tracing(self) -> Generator[None]:
        """While it lasts; whoever traced before goes on afterwards."""
        before = sys.gettrace()
        try:
            yield
        finally:
            sys.settrace(before)

    def resume(self, lane: Lane) -> None:
        """A segment of this thread begins."""
        found = self._states.get(lane)
        if found is None:
            found = self._states[lane] = _State()
        self._state = found
        found.entered.clear()
        found.whole = 0
        found.weighted = 0.0
        found.since = self._now_ns()

    def cut(self, lane: Lane, way: int, end: Site) -> None:
        """It ends here. A segment that ends at a named line belongs to that as a whole: a report tells it by this line."""
        # For every greenlet anew: each has its own switch for tracing.
        sys.settrace(self._trace)
        state = self._state
        self._count(state)
        weighted = state.weighted
        if end.call and end.call not in state.entered:
            weighted *= self.code.named(end.call)
        if str(end) in self.code.factors:
            weighted = state.whole * self.code.named(str(end))
        spent = self._spent.setdefault(way, [0.0, 0.0])
        spent[0] += state.whole
        spent[1] += weighted

    def factors(self) -> dict[int, float]:
        """By edge, by what its segments as a whole are multiplied."""
        return {way: weighted / whole for way, (whole, weighted) in self._spent.items() if whole}

    def _count(self, state: _State) -> None:
        now_ns = self._now_ns()
        spent_ns = now_ns - state.since
        state.since = now_ns
        state.whole += spent_ns
        state.weighted += spent_ns * state.product

    def _move(self, name: str, step: int) -> None:
        state = self._state
        self._count(state)
        state.inside[name] = state.inside.get(name, 0) + step
        state.entered.add(name)
        state.product = 1.0
        for inner, depth in state.inside.items():
            if depth:
                state.product *= self.code.factors[inner]

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        name = self.code.function_name(frame)
        lined = self.code.has_line(frame.f_code)
        if not name and not lined:
            return None
        frame.f_trace_lines = lined
        if name:
            self._move(name, 1)
        return _Local(self._move, name, self.code, lined)


class _Local:
    """Follows one call of a function that was named, or that has a line that was."""

    __slots__ = ("_code", "_lined", "_move", "_name", "_on")

    def __init__(self, move: Callable[[str, int], None], name: str, code: ScaledCode, lined: bool) -> None:
        self._move = move
        self._name = name
        self._code = code
        self._lined = lined
        self._on = ""
        """The named line that it is at."""

    def __call__(self, frame: FrameType, event: str, arg: Any) -> _Local:
        if event == "line" and self._lined:
            line = self._code.line_name(frame)
            if line != self._on:
                self._leave_line()
                if line:
                    self._move(line, 1)
                self._on = line
        elif event == "return":
            self._leave_line()
            if self._name:
                self._move(self._name, -1)
        return self

    def _leave_line(self) -> None:
        if self._on:
            self._move(self._on, -1)
            self._on = ""
