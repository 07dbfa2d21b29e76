"""Recorded sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

import weft
from weft.real_runs.recorded import clock
from weft.simcore.trace import Op, Trace

Recorded = Callable[[Callable[[], object]], Trace]


def test_sleep_and_its_length(recorded: Recorded) -> None:
    trace = recorded(lambda: time.sleep(0.001))
    assert [event.extra for event in trace if event.operation is Op.SLEEP] == [{"seconds": 0.001}]


def test_stand_ins_and_what_they_stand_for(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[object, ...]] = []
    monkeypatch.setattr(clock, "real_work", lambda *values: done.append(values))
    monkeypatch.setattr(clock, "real_io", lambda *values: done.append(values))

    def program() -> None:
        weft.work(1)
        weft.work(2, gil=False)
        weft.work(3, gil=False, memory_bytes=1 << 20)
        weft.io(4, "database", at_once=8)

    trace = recorded(program)
    noted = [event.extra for event in trace if event.operation in (Op.COMPUTE, Op.SLEEP)]
    assert noted == [
        {"class": "py", "seconds": 1},
        {"class": "nogil", "seconds": 2},
        {"class": "mem", "seconds": 3},
        {"seconds": 4, "device": "database"},
    ]
    assert done == [(1, True, 0), (2, False, 0), (3, False, 1 << 20), (4, "database", 8)]
