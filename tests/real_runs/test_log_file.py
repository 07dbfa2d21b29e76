"""The file of a recording: everything once, in order of time, however it came in and however much it is."""

from __future__ import annotations

import random
from _thread import RLock
from pathlib import Path

import pytest

from weft.real_runs import log_file
from weft.real_runs.log_file import LogFile
from weft.real_runs.thread_log import FORM_BITS, Row, ThreadLog, now
from weft.simcore.trace import NOTHING, Header, ObjectInfo, Op, Tables, ThreadInfo, load

FORMS: list[Row] = [(0, int(operation), 0, 0, NOTHING, NOTHING, 0) for operation in (Op.ACQUIRE, Op.RELEASE)]


class Written:
    """A file with two threads and three objects, and what it should hold."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.weft"
        self.tables = Tables()
        self.tables.threads += [ThreadInfo("one"), ThreadInfo("two")]
        self.tables.objects += [ObjectInfo("Lock", name) for name in "abc"]
        self.forms = FORMS.copy()
        self.logs = [ThreadLog(index, lambda *_: 0) for index in range(2)]
        self.file = LogFile(self.path, Header("test", "real"), self.tables, RLock(), self.logs, self.forms)
        self.expected: list[tuple[int, int, int, int]] = []

    def log(self, thread: int, form: int, target: int, time_ns: int) -> None:
        self.logs[thread].put((target << FORM_BITS | form, self.file.origin_ns + time_ns))
        self.expected.append((time_ns, thread, self.forms[form][1], target))

    def read(self) -> list[tuple[int | None, int, int, int]]:
        return [(event.time_ns, event.thread, event.operation, event.object) for event in load(self.path)]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


@pytest.mark.parametrize("events", [1, 7, 8, 9, 16, 17, 40])
def test_all_events_come_out_in_order_of_time_in_chunks_of_any_size(
    written: Written, monkeypatch: pytest.MonkeyPatch, events: int
) -> None:
    monkeypatch.setattr(log_file, "_TAKEN", 4)
    monkeypatch.setattr(log_file, "_CHUNK", 8)
    chosen = random.Random(events)
    for time_ns in range(events):
        written.log(chosen.randrange(2), chosen.randrange(2), chosen.randrange(3), time_ns)
    assert written.file.count() == events
    written.file.flush(everything=True)
    assert written.file.count() == events
    written.file.close()
    assert written.read() == written.expected


def test_what_seems_to_come_from_later_waits_for_its_time(written: Written) -> None:
    """Between taking the time of a flush and taking the events out, a thread may have logged more."""
    later_ns = now() - written.file.origin_ns + 3_600_000_000_000
    written.log(0, 0, 0, 1)
    written.log(0, 1, 0, later_ns)
    written.file.flush()
    assert written.file.count() == 2
    assert len(load(written.path)) == 1
    written.log(1, 0, 1, 2)
    written.file.flush()
    assert len(load(written.path)) == 2
    written.file.close()
    assert written.read() == sorted(written.expected)


def test_forms_that_came_after_a_flush_are_known_to_the_next(written: Written) -> None:
    written.log(0, 1, 2, 1)
    written.file.flush()
    written.forms.append((0, int(Op.WAIT), 3, 0, NOTHING, NOTHING, 0))
    written.log(0, 2, NOTHING, 2)
    written.file.close()
    assert written.read() == written.expected
    assert [event.outcome for event in load(written.path)] == [0, 3]


def test_a_closed_file_takes_nothing_more(written: Written) -> None:
    written.log(0, 0, 0, 1)
    written.file.close()
    size = written.path.stat().st_size
    written.log(0, 1, 0, 2)
    written.file.flush(everything=True)
    written.file.close()
    assert written.path.stat().st_size == size
