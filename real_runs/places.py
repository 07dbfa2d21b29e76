"""Where in the user's code an event happens: the innermost frame that is neither the standard library's nor ours.

It knows frames and the table of locations; which operation happens there, and on what, is not its business.
"""

from __future__ import annotations

from _thread import RLock
from collections.abc import Iterable
from types import CodeType, FrameType
from typing import Any

from ..simcore.library import is_library
from ..simcore.trace import NOTHING, Tables


class Place:
    """An instruction of the user's code: its row in the table of locations, and what is known of events there.

    ``code`` is the code object that it is in: a frame with another one reached this place through the library.
    """

    __slots__ = ("code", "forms", "location")

    def __init__(self, code: CodeType | None, location: int) -> None:
        self.code = code
        self.location = location
        self.forms: dict[int, int] = {}
        """Those without extra, by operation and outcome: :meth:`Recorder.form_at`."""


_FURTHER_OUT = Place(None, NOTHING)
"""Stands for instructions that are not shown; their caller's place is."""


class Places:
    """The places of one recording, each worked out once.

    A code object holds its instructions, so its address plus an offset belong to one instruction only, as long as it
    lives: hence ``_kept``.
    """

    def __init__(self, tables: Tables, lock: RLock) -> None:
        self.nowhere = Place(None, NOTHING)
        """Stands for the place of what no code of the user's called."""
        self._tables = tables
        self._lock = lock
        self._places: dict[int, Place] = {}
        self._hidden: dict[int, bool] = {}
        self._kept: list[CodeType] = []

    def at(self, frame: FrameType | None) -> Place:
        """The innermost place in the user's code, from ``frame`` outwards; ``nowhere`` when there is none."""
        places = self._places
        while frame is not None:
            place = places.get(id(frame.f_code) + frame.f_lasti) or self._learn(frame)
            if place is not _FURTHER_OUT:
                return place
            frame = frame.f_back
        return self.nowhere

    def _learn(self, frame: FrameType) -> Place:
        code = frame.f_code
        place = _FURTHER_OUT
        hidden = self.hidden(code)
        with self._lock:
            if not hidden:
                place = Place(code, self._tables.location(code.co_filename, frame.f_lineno, code.co_qualname))
            return self._places.setdefault(id(code) + frame.f_lasti, place)

    def location(self, frame: FrameType | None) -> int:
        """The table index of :meth:`at`; -1 when there is none."""
        return self.at(frame).location

    def add(self, file: str, line: int, function: str) -> int:
        """The table index of a place that is not a frame's."""
        with self._lock:
            return self._tables.location(file, line, function)

    def hidden(self, code: CodeType) -> bool:
        """Is this code not shown: the standard library's, or ours?"""
        found = self._hidden.get(id(code))
        if found is None:
            name = code.co_filename
            # Generated code ("<string>": a dataclass's __init__) has no place to show; its caller has.
            found = name.startswith("<") or is_library(name)
            with self._lock:
                self._kept.append(code)
                self._hidden[id(code)] = found
        return found

    def users(self, frame: FrameType | None) -> FrameType | None:
        """The innermost frame of the user's code, from ``frame`` outwards."""
        known = self._hidden
        while frame is not None:
            code = frame.f_code
            hidden = known.get(id(code))
            if hidden is None:
                hidden = self.hidden(code)
            if not hidden:
                return frame
            frame = frame.f_back
        return None

    def made_by_library(self, frame: FrameType | None) -> bool:
        """Is the code that makes an object here the standard library's (or ours), for its own use?"""
        while frame is not None and frame.f_code.co_filename.startswith("<string"):
            frame = frame.f_back
        return frame is None or self.hidden(frame.f_code)

    def variables(self, frames: Iterable[FrameType]) -> list[dict[str, Any]]:
        """What the user's functions on these stacks see: their modules' variables, then their own from outside in."""
        modules: dict[int, dict[str, Any]] = {}
        own: list[dict[str, Any]] = []
        for innermost in frames:
            stack: list[FrameType] = []
            frame = self.users(innermost)
            while frame is not None:
                stack.append(frame)
                modules[id(frame.f_globals)] = frame.f_globals
                frame = self.users(frame.f_back)
            own += [frame.f_locals for frame in reversed(stack) if frame.f_code.co_name != "<module>"]
        return [*modules.values(), *own]
