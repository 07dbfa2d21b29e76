"""What the recording versions share: the recorder they write to, and how an event gets its mark.

Nothing here knows an object or an operation in particular.
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType

from ..log import Recorder
from ..places import Place
from ..thread_log import FORM_BITS

getframe = sys._getframe
Known = tuple[CodeType | None, int, int, int]
"""An instruction (code and offset), the mark of the operation there, and the mark of the one that ends it."""
UNKNOWN: Known = (None, -1, 0, 0)
"""Of no instruction: stands for those of the library's, too, whose caller's counts."""


class Recording:
    """Where the recording objects of this process write."""

    recorder: Recorder


class Marks:
    """The marks of one operation on one object, by the instruction that it is called from.

    ``last`` is that of the last call, and ``by_offset`` has, for each offset, that of the last call from there in any code.
    One of them is looked at first: by :meth:`at`, and by callers so frequent that they do this themselves. ``end`` is the
    operation that ends what this one begins and has its place: the release of a ``with``.
    """

    __slots__ = ("_end", "_known", "_operation", "_outcome", "_recorder", "_target", "by_offset", "last")

    def __init__(
        self, recorder: Recorder, operation: int, target: int, *, outcome: int = 0, end: int | None = None
    ) -> None:
        self._recorder = recorder
        self._operation = operation
        self._end = operation if end is None else end
        self._target = target << FORM_BITS
        self._outcome = outcome
        self._known: dict[int, Known] = {}
        self.by_offset: dict[int, Known] = {}
        # Replaced whole: threads that come here at once find the parts of one place.
        self.last = UNKNOWN

    def at(self, frame: FrameType) -> int:
        """The mark for the innermost place in the user's code, from ``frame`` outwards."""
        code, lasti, mark, _ = self.last
        if frame.f_lasti == lasti and frame.f_code is code:
            return mark
        return self.elsewhere(frame)

    def elsewhere(self, frame: FrameType) -> int:
        """:meth:`at` another place than last time; called through the library every time counts as another place."""
        found = self.by_offset.get(frame.f_lasti, UNKNOWN)
        if found[0] is not frame.f_code:
            found = self._find(frame)
        self.last = found
        return found[2]

    def _find(self, frame: FrameType) -> Known:
        known = self._known
        outer: FrameType | None = frame
        while outer is not None:
            # The address of code that is kept (Places), plus an offset in it, is of one instruction only.
            found = known.get(id(outer.f_code) + outer.f_lasti) or self._learn(outer)
            if found is not UNKNOWN:
                if outer is frame:
                    self.by_offset[frame.f_lasti] = found
                return found
            outer = outer.f_back
        return self._marks(self._recorder.places.nowhere, None, -1)

    def _learn(self, frame: FrameType) -> Known:
        places, code = self._recorder.places, frame.f_code
        known = UNKNOWN if places.hidden(code) else self._marks(places.at(frame), code, frame.f_lasti)
        self._known[id(code) + frame.f_lasti] = known
        return known

    def _marks(self, place: Place, code: CodeType | None, lasti: int) -> Known:
        form_at, target = self._recorder.form_at, self._target
        mark = target | form_at(place, self._operation, self._outcome)
        return code, lasti, mark, target | form_at(place, self._end)


def note(recorder: Recorder, operation: int, target: int, time_ns: int, outcome: int = 0, *, depth: int = 2) -> None:
    """One event of the calling thread, placed in the user's code outside so many of our functions, this one included."""
    form = recorder.form_at(recorder.places.at(getframe(depth)), operation, outcome)
    recorder.here.put((target << FORM_BITS | form, time_ns))
