"""``multiprocessing``'s locks between threads: against the real ones outside a world, and seen inside the explored one."""

from __future__ import annotations

import _multiprocessing
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.checkers.finding import Result
from weft.checking import check
from weft.options import Options
from weft.simcore.primitives.process_lock import ProcessLock
from weft.simcore.target import parse_target

KINDS = [(0, 1, 1), (1, 1, 1), (1, 2, 2), (1, 0, _multiprocessing.SemLock.SEM_VALUE_MAX)]
"""RLock, Lock, BoundedSemaphore(2), Semaphore(0) as multiprocessing makes them: kind, value, maxvalue."""


@given(st.sampled_from(KINDS), st.lists(st.sampled_from(["try", "timed", "release"]), max_size=8))
def test_one_thread_gets_the_answers_of_the_real_one(kind: tuple[int, int, int], calls: list[str]) -> None:
    real: Any = _multiprocessing.SemLock(*kind, "/weft-test", True)
    ours: Any = ProcessLock(*kind, "/weft-test", True)
    assert (ours.kind, ours.maxvalue, ours.name) == (real.kind, real.maxvalue, real.name)
    for call in calls:
        answers: list[Any] = []
        for lock in (real, ours):
            try:
                answers.append({"try": lambda: lock.acquire(False), "timed": lambda: lock.acquire(True, -1)}[call]())  # noqa: B023
            except KeyError:
                try:
                    answers.append(lock.release())
                except (AssertionError, ValueError) as error:
                    answers.append(repr(error))
        assert answers[0] == answers[1]


def checked(tmp_path: Path, program: str) -> Result:
    path = tmp_path / "program.py"
    path.write_text("import multiprocessing, threading\n" + program)
    target = parse_target(str(path))
    target.prepare()
    try:
        return check(target, {}, Options(save=False, keep_going=True)).result
    finally:
        target.close()


def test_opposite_orders_of_two_are_a_deadlock(tmp_path: Path) -> None:
    result = checked(
        tmp_path,
        "a, b = multiprocessing.Lock(), multiprocessing.RLock()\n"
        "def forth():\n    with a, b: pass\n"
        "def back():\n    with b, a: pass\n"
        "threads = [threading.Thread(target=forth), threading.Thread(target=back)]\n"
        "for thread in threads: thread.start()\n",
    )
    assert [finding.rule for finding in result.findings] == ["D001"]


def test_one_guards_what_two_threads_do(tmp_path: Path) -> None:
    result = checked(
        tmp_path,
        "lock = multiprocessing.Semaphore(1)\n"
        "inside = []\n"
        "def work():\n"
        "    with lock:\n        inside.append(1)\n        assert len(inside) == 1\n        inside.pop()\n"
        "threads = [threading.Thread(target=work) for _ in range(2)]\n"
        "for thread in threads: thread.start()\n",
    )
    assert result.verdict == "clean"
    assert result.executions >= 2


def test_owner_and_count_are_the_caller_s(tmp_path: Path) -> None:
    result = checked(
        tmp_path,
        "lock = multiprocessing.RLock()\n"
        "with lock, lock:\n"
        "    assert lock._semlock._is_mine() and lock._semlock._count() == 2 and lock._semlock._is_zero()\n"
        "    answers = []\n"
        "    other = threading.Thread(target=lambda: answers.append(lock._semlock._is_mine()))\n"
        "    other.start(); other.join()\n"
        "    assert answers == [False]\n"
        "assert not lock._semlock._is_mine() and lock._semlock._get_value() == 1\n",
    )
    assert result.verdict == "clean", result.findings


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("multiprocessing.Queue()", "makes a queue between processes"),
        ("multiprocessing.Process(target=print).start()", "starts child processes"),
    ],
)
def test_what_needs_another_process_is_refused(tmp_path: Path, program: str, says: str) -> None:
    with pytest.raises(Exception, match=says):
        checked(tmp_path, program + "\n")


def test_outside_a_world_it_is_the_real_one() -> None:
    assert threading.active_count() >= 1
    assert not isinstance(_multiprocessing.SemLock(1, 1, 1, "/weft-test", True), ProcessLock)
