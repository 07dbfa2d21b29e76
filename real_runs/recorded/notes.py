"""What the recording versions share: the recorder they write to, and one note.

Nothing here knows an object or an operation in particular.
"""

from __future__ import annotations

import sys

from ...simcore.trace import NOTHING, Op
from ..log import Recorder

# Plain integers: an IntEnum member is a little slower to build a row from and to convert to a column.
ACQUIRE, ACQUIRE_FAILED, RELEASE = int(Op.ACQUIRE), int(Op.ACQUIRE_FAILED), int(Op.RELEASE)


class Recording:
    """Where the recording objects of this process write."""

    recorder: Recorder


def note(recorder: Recorder, operation: Op, target: int, time_ns: int, outcome: int = 0, extra: int = NOTHING) -> None:
    """One event of the calling thread, placed at the innermost user frame outside the function that calls this."""
    log = recorder.here.log
    log.add((log.index, operation, outcome, target, recorder.location(sys._getframe(2)), extra, time_ns))
