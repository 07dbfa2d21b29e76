"""Sleeping and ``weft.work``, recorded; reading a clock is no event.

It does not measure how long they took: the time-stamps around them say so.
"""

from __future__ import annotations

import time

from ...simcore import work as _work
from ...simcore.trace import NOTHING, Op
from ..log import now
from .notes import Recording, note

real_sleep = time.sleep
real_work = _work.work


def sleep(seconds: float, /) -> None:
    recorder = Recording.recorder
    note(recorder, Op.SLEEP, NOTHING, now(), extra=recorder.extra(("sleep", seconds), {"seconds": seconds}))
    real_sleep(seconds)


def work(seconds: float, gil: bool = True) -> None:
    recorder = Recording.recorder
    values = {"class": "py" if gil else "nogil", "seconds": seconds}
    note(recorder, Op.COMPUTE, NOTHING, now(), extra=recorder.extra(("work", seconds, gil), values))
    real_work(seconds, gil)
