"""Nine classic bugs that other Python schedulers were measured on: all found, told in few switches with names and lines.

Their near-twins without the bug stay clean, and every order of a lock is seen that there is.
"""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pytest

from weft.checkers.exploration.explore import Budget, explore
from weft.checkers.finding import Finding, Result
from weft.checking import check
from weft.options import Options
from weft.simcore.target import parse_target
from weft.text import render_finding

CORPUS = Path(__file__).parent / "corpus"


def result_of(program: str) -> Result:
    options = Options(save=False, keep_going=True)
    target = parse_target(str(CORPUS / f"{program}.py"))
    target.prepare(options.watching())
    try:
        return check(target, {}, options).result
    finally:
        target.close()


def found(program: str) -> Finding:
    """The finding with the fewest switches of a program that is explored to its end."""
    result = result_of(program)
    assert result.exhaustive, result.limits
    return min(result.findings, key=lambda finding: (finding.switches, finding.message))


@pytest.mark.parametrize(
    ("program", "rule", "switches", "waits"),
    [
        pytest.param(
            "fail/lock/opposite_orders",
            "D001",
            3,
            {"forwards": ("first", 11, "second", 11), "backwards": ("second", 16, "first", 16)},
            id="two locks in opposite orders",
        ),
        pytest.param(
            "fail/lock/dining_four",
            "D001",
            7,
            {f"philosopher-{seat}": (f"forks[{seat}]", 10, f"forks[{(seat + 1) % 4}]", 10) for seat in range(4)},
            id="four philosophers",
        ),
        pytest.param(
            "fail/queue/put_while_holding_the_consumers_lock",
            "D003",
            1,
            {"producer": ("lock", 14, "items", 15), "consumer": ("", 0, "lock", 20)},
            id="a queue under the lock of the other side",
        ),
        pytest.param(
            "fail/queue/join_without_task_done",
            "D003",
            2,
            {"MainThread": ("", 0, "work", 17)},
            id="nobody calls task_done",
        ),
        pytest.param(
            "fail/pool/waits_for_itself_1",
            "D005",
            0,
            {"ThreadPoolExecutor-0_0": ("", 0, "Future of pool", 10)},
            id="a pool of one waits for itself",
        ),
        pytest.param(
            "fail/pool/waits_for_itself_2",
            "D005",
            2,
            {f"ThreadPoolExecutor-0_{number}": ("", 0, "Future of pool", 10) for number in range(2)},
            id="a pool of two waits for itself",
        ),
        pytest.param(
            "fail/condition/lost_wakeup",
            "D004",
            1,
            {"waiter": ("", 0, "changed", 14)},
            id="a lost wake-up",
        ),
        pytest.param(
            "fail/thread/threads_start_threads_that_deadlock",
            "D001",
            3,
            {"forwards": ("first", 11, "second", 11), "backwards": ("second", 11, "first", 11)},
            id="threads started by a worker",
        ),
    ],
)
def test_who_is_stuck_is_said_with_names_and_lines(
    program: str, rule: str, switches: int, waits: dict[str, tuple[str, int, str, int]]
) -> None:
    """A cycle of n threads is told in 2n − 1 switches: each comes once to take what it holds and once to ask for more."""
    finding = found(program)
    file = f"{Path(program).name}.py"
    assert (finding.rule, finding.certainty) == (rule, "confirmed")
    assert finding.switches <= switches
    told = {
        thread.name: (
            *((thread.holds[0].object, thread.holds[0].at) if thread.holds else ("", "")),
            *((thread.waits.object, thread.waits.at) if thread.waits else ("", "")),
        )
        for thread in finding.threads
        if thread.waits
    }
    assert told == {
        name: (held, f"{file}:{line}" if line else "", wanted, f"{file}:{at}")
        for name, (held, line, wanted, at) in waits.items()
    }


def test_a_lost_update_is_told_by_its_three_accesses() -> None:
    finding = found("fail/memory/attribute_increment")
    assert (finding.rule, finding.certainty, finding.switches) == ("R002", "confirmed", 2)
    place = "attribute_increment.py:16"
    assert [(place.text, place.at) for place in finding.related] == [
        ("Thread-1 (serve) reads statistics.requests (0)", place),
        ("Thread-2 (serve) writes it (1)", place),
        ("Thread-1 (serve) writes it (1)", place),
    ]


@pytest.mark.parametrize(
    ("program", "lines"),
    [
        ("fail/lock/opposite_orders", 21),
        ("fail/lock/dining_four", 46),
        ("fail/memory/attribute_increment", 27),
        ("fail/queue/put_while_holding_the_consumers_lock", 24),
        ("fail/queue/join_without_task_done", 19),
        ("fail/pool/waits_for_itself_1", 20),
        ("fail/pool/waits_for_itself_2", 29),
        ("fail/condition/lost_wakeup", 28),
        ("fail/thread/threads_start_threads_that_deadlock", 22),
    ],
)
def test_a_report_is_short_and_holds_only_what_matters(program: str, lines: int) -> None:
    finding = found(program)
    text = render_finding(finding).splitlines()
    assert len(text) <= lines
    # Only the heading, which names the file, may be longer: it is one line for tools that read it.
    assert all(len(line) <= 80 for line in text[1:])
    involved = {thread.name for thread in finding.threads} | {
        place.text.split(" reads")[0] for place in finding.related
    }
    woke = {step.thread for step in finding.steps if step.operation in ("notify", "get")}
    assert {step.thread for step in finding.steps} <= involved | woke | {
        step.thread for step in finding.steps if finding.rule == "R002"
    }


@pytest.mark.parametrize(
    ("program", "executions"),
    [
        ("success/lock/one_order", 2),
        ("success/lock/dining_four", 14),
        ("success/lock/two_locks_for_one_counter", 2),
        ("success/thread/threads_start_threads", 24),
    ],
)
def test_the_twins_are_clean_after_every_order(program: str, executions: int) -> None:
    """The number of executions is the number of orders in which the locks can be taken: 4! for four leaves."""
    result = result_of(program)
    assert (result.verdict, result.findings, result.executions) == ("clean", [], executions)


@pytest.mark.parametrize(("threads", "times"), [(2, 1), (2, 2), (3, 1), (3, 2)])
def test_every_order_of_appends_under_one_lock_is_seen(threads: int, times: int) -> None:
    """There are (threads × times)! / (times!)^threads of them: 2, 6, 6, 90."""
    seen: set[tuple[int, ...]] = set()

    def program() -> None:
        lock = threading.Lock()
        items: list[int] = []

        def append(number: int) -> None:
            for _ in range(times):
                with lock:
                    items.append(number)

        workers = [threading.Thread(target=append, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seen.add(tuple(items))

    exploration = explore(program, "dpor", Budget())
    orders = math.factorial(threads * times) // math.factorial(times) ** threads
    assert exploration.exhaustive
    assert len(seen) == exploration.executions == orders


def test_threads_of_a_worker_are_scheduled_too() -> None:
    ends: set[str] = set()

    def program() -> None:
        lock = threading.Lock()
        text: list[str] = []

        def leaf(letter: str) -> None:
            with lock:
                text.append(letter)

        def worker() -> None:
            leaves = [threading.Thread(target=leaf, args=(letter,)) for letter in "ab"]
            for each in leaves:
                each.start()
            for each in leaves:
                each.join()

        thread = threading.Thread(target=worker)
        thread.start()
        thread.join()
        ends.add("".join(text))

    assert explore(program, "dpor", Budget()).exhaustive
    assert ends == {"ab", "ba"}
