"""Places in a program where a segment can begin or end, numbered: the same place has one number in all runs.

It knows code objects and offsets; which operation happens at a place is not its business.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from types import CodeType, FrameType

from .library import is_library
from .library import known as known_files

START = 0
"""Where every thread begins: no place in the program."""


@dataclass(frozen=True, slots=True)
class Site:
    """One place. ``call`` is the library function called there when the segment is the call itself."""

    file: str
    function: str
    """Qualified name."""
    code_line: int
    """Where the function begins: lambdas of one file share their name."""
    line: int
    columns: tuple[int, int]
    """Where the expression begins and ends; a line may hold several calls."""
    call: str = ""

    def __str__(self) -> str:
        return f"{self.file.rsplit('/', 1)[-1]}:{self.line}"


_START = Site("", "", 0, 0, (0, 0))


class Sites:
    """Numbers of places, given in order of appearance. Code objects are kept, so that an id stays its own."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        """By instruction."""
        self._calls: dict[str, dict[int, int]] = {}
        """The same for each library function that is called there."""
        self._codes: list[CodeType | None] = [None]
        self._sites: list[Site] = [_START]
        self._by_site: dict[Site, int] = {_START: START}

    def __len__(self) -> int:
        return len(self._sites)

    def __getitem__(self, number: int) -> Site:
        return self._sites[number]

    def number(self, frame: FrameType, call: str = "") -> int:
        """The place of the user's innermost frame; of the outermost one in a thread that runs none of the user's."""
        code = frame.f_code
        while True:
            library = known_files.get(code.co_filename)
            if library is None:
                library = is_library(code.co_filename)
            if not library or (back := frame.f_back) is None:
                break
            frame = back
            code = frame.f_code
        # The address of code that is kept, plus an offset in it, is of one instruction only.
        key = id(code) + frame.f_lasti
        numbers = self._numbers if not call else self._calls.setdefault(call, {})
        found = numbers.get(key)
        if found is None:
            place = (code.co_filename, code.co_qualname, code.co_firstlineno, frame.f_lineno or 0)
            found = numbers[key] = self.add(Site(*place, _columns(frame), call))
            self._codes.append(code)
        return found

    def add(self, site: Site) -> int:
        """The number of a place that is known by its description (from another process, say)."""
        found = self._by_site.get(site)
        if found is None:
            found = self._by_site[site] = len(self._sites)
            self._sites.append(site)
        return found


def _columns(frame: FrameType) -> tuple[int, int]:
    """Where the expression begins and ends that the frame is at.

    Not the offset of the instruction: the interpreter makes a call in the one or the other of two instructions, once it
    has seen it often enough.
    """
    index = frame.f_lasti // 2
    for _, _, begin, end in itertools.islice(frame.f_code.co_positions(), index, index + 1):
        if begin is not None and end is not None:
            return begin, end
    return frame.f_lasti, -1


EDGE_BITS = 24


def edge(begin: int, end: int) -> int:
    """The stretch of code from one place to another, as one number."""
    return begin << EDGE_BITS | end


def begin_of(edge: int) -> int:
    return edge >> EDGE_BITS


def end_of(edge: int) -> int:
    return edge & (1 << EDGE_BITS) - 1
