"""What-if: some code takes another time than it does. Which code is it that is running?

Code is named by a function (``model.forward``, ``Net.forward``), by a library call (``hashlib.sha256``) or by a line
(``train.py:41``); all that happens until it returns belongs to it. Reads frames; what time is, others know.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import CodeType, FrameType

from .library import is_library

_SHOWN_MAX = 12


class ScaledCode:
    """Finds the factors of running code; code within code is scaled by both."""

    def __init__(self, factors: Mapping[str, float]) -> None:
        self.factors = dict(factors)
        self.found: set[str] = set()
        """Those of the names that were met."""
        self.functions: dict[str, None] = {}
        """The user's functions that were met, and library calls."""
        self._names: dict[int, tuple[CodeType, str]] = {}
        self._has_line: dict[int, tuple[CodeType, bool]] = {}
        self._lines: dict[str, list[tuple[int, str]]] = {}
        for name in self.factors:
            file, colon, line = name.rpartition(":")
            if colon and line.isdecimal():
                self._lines.setdefault(file, []).append((int(line), name))

    def function_name(self, frame: FrameType) -> str:
        """The name that the frame's function was given a factor by, or an empty string."""
        code = frame.f_code
        known = self._names.get(id(code))
        if known is None:
            known = self._names[id(code)] = (code, self._match(code, str(frame.f_globals.get("__name__", ""))))
        return known[1]

    def _match(self, code: CodeType, module: str) -> str:
        qualified = code.co_qualname.replace("<locals>.", "")
        if not is_library(code.co_filename) and not code.co_filename.startswith("<") and "<" not in qualified:
            self.functions[qualified] = None
        parts = qualified.split(".")
        file = code.co_filename.rsplit("/", 1)[-1].removesuffix(".py")
        for name in self.factors:
            wanted = name.split(".")
            for prefix in ([], module.split("."), [file]):
                if [*prefix, *parts][-len(wanted) :] == wanted:
                    self.found.add(name)
                    return name
        return ""

    def has_line(self, code: CodeType) -> bool:
        """Was a line of this code given a factor?"""
        if not self._lines:
            return False
        known = self._has_line.get(id(code))
        if known is None:
            asked = self._lines.get(code.co_filename.rsplit("/", 1)[-1], [])
            own = {line for _, _, line in code.co_lines()} if asked else set[int | None]()
            known = self._has_line[id(code)] = (code, any(line in own for line, _ in asked))
        return known[1]

    def line_name(self, frame: FrameType) -> str:
        """The name of the line that the frame is at, if it was given a factor."""
        if self._lines:
            for line, name in self._lines.get(frame.f_code.co_filename.rsplit("/", 1)[-1], ()):
                if line == frame.f_lineno:
                    self.found.add(name)
                    return name
        return ""

    def named(self, name: str) -> float:
        """The factor of a library call, or of a line, by its name alone."""
        if ":" not in name:
            self.functions[name] = None
        factor = self.factors.get(name)
        if factor is None:
            return 1.0
        self.found.add(name)
        return factor

    def factor(self, frame: FrameType | None, call: str = "") -> float:
        """Of what runs now at ``frame``, by all that called it."""
        result = self.named(call) if call else 1.0
        met: set[str] = set()
        while frame is not None:
            met.add(self.function_name(frame))
            met.add(self.line_name(frame))
            frame = frame.f_back
        for name in met:
            if name and name != call:
                result *= self.factors[name]
        return result

    def unknown(self) -> list[str]:
        """The names that nothing had."""
        return sorted(self.factors.keys() - self.found)


def unknown_name(what: str, name: str, seen: Iterable[str]) -> str:
    """One sentence: there is no such name; which there were (a name may be followed by the place it is at)."""
    every = [*dict.fromkeys(seen)]
    near = difflib.get_close_matches(name, [text.partition(" ")[0] for text in every], 1)
    if near:
        return f"no {what} is called {name!r}; did you mean {near[0]!r}?"
    if not every:
        return f"no {what} is called {name!r}; the program has none"
    more = f" and {len(every) - _SHOWN_MAX} more" if len(every) > _SHOWN_MAX else ""
    return f"no {what} is called {name!r}; seen: {', '.join(every[:_SHOWN_MAX])}{more}"
