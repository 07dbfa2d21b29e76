"""A recorded schedule repeats exactly, or the first step that differs is named."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from weft.checkers.exploration.explore import Budget, Problem, Recorded, explore, record, record_problems
from weft.simcore.explored import Divergence, Outcome
from weft.simcore.trace import Header

HEADER = Header("test", "explored")
Program = Callable[[], None]


def in_order(*names: str, extra: int = 0, swapped: bool = False) -> Program:
    """Threads of these names; the first takes two locks in one order, the others in the other."""

    def program() -> None:
        one, two = threading.Lock(), threading.Lock()

        def work(first: threading.Lock, second: threading.Lock) -> None:
            for _ in range(extra):
                threading.Event().set()
            with first, second:
                pass

        pairs = [(one, two) if bool(number) == swapped else (two, one) for number, _ in enumerate(names)]
        threads = [threading.Thread(target=work, args=pair, name=name) for name, pair in zip(names, pairs, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return program


@pytest.fixture
def problem() -> Problem:
    """The deadlock of two threads."""
    exploration = explore(in_order("a", "b"), "dpor", Budget(keep_going=True))
    (found,) = exploration.problems.values()
    assert found.outcome is Outcome.DEADLOCK
    return found


def labelled(problem: Problem) -> Recorded:
    return record(in_order("a", "b"), problem.schedule, HEADER)


def test_a_recorded_schedule_gives_the_same_trace_every_time(problem: Problem) -> None:
    first = labelled(problem)
    traces = {
        record(in_order("a", "b"), problem.schedule, HEADER, labels=first.labels).trace.to_json_lines()
        for _ in range(5)
    }
    assert traces == {first.trace.to_json_lines()}
    assert first.execution.outcome is Outcome.DEADLOCK
    assert [finding.rule for finding in first.findings] == ["D001"]
    assert len(first.labels) == len(problem.schedule)


def test_every_problem_repeats_with_few_switches() -> None:
    program = in_order("a", "b", "c")
    exploration = explore(program, "dpor", Budget(keep_going=True))
    rows = record_problems(program, exploration, HEADER)
    assert {finding.rule for finding, _, _ in rows} == {"D001"}
    for finding, problem, recorded in rows:
        assert recorded.execution.outcome is problem.outcome
        assert finding.seen == sum(exploration.seen.values())


def test_a_step_more_is_named(problem: Problem) -> None:
    labels = labelled(problem).labels
    with pytest.raises(Divergence, match=r"at step \d+ .*recorded was"):
        record(in_order("a", "b", extra=1), problem.schedule, HEADER, labels=labels)


def test_a_thread_less_is_named(problem: Problem) -> None:
    labels = labelled(problem).labels
    with pytest.raises(Divergence, match=r"at step \d+ .*run `weft check` again"):
        record(in_order("a"), problem.schedule, HEADER, labels=labels)


def test_the_first_differing_step_is_the_one_named(problem: Problem) -> None:
    labels = labelled(problem).labels
    step = labels.index("acquire")
    wrong = [*labels]
    wrong[step] = "Queue.put"
    with pytest.raises(Divergence, match=rf"at step {step + 1} \w+ did acquire, recorded was Queue.put"):
        record(in_order("a", "b"), problem.schedule, HEADER, labels=wrong)


def test_a_thread_that_cannot_move_is_named_with_what_it_waits_for(problem: Problem) -> None:
    """Both threads take the locks in the same order now, so the second cannot take its first lock."""
    with pytest.raises(Divergence, match=r"at step \d+ (a|b) cannot move \(it waits in acquire: held by (a|b)\)"):
        record(same_order, problem.schedule, HEADER)


def same_order() -> None:
    one, two = threading.Lock(), threading.Lock()

    def work() -> None:
        with one, two:
            pass

    threads = [threading.Thread(target=work, name=name) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_thread_that_never_was_cannot_move() -> None:
    with pytest.raises(Divergence, match=r"at step 1 MainThread moved, not thread number 7"):
        record(in_order("a"), (7,) * 3, HEADER)


def test_after_the_recorded_steps_the_execution_goes_on() -> None:
    recorded = record(in_order("a", "b"), (), HEADER)
    assert recorded.execution.outcome is Outcome.COMPLETED
    assert recorded.findings == []


def test_a_program_that_does_not_repeat_itself_is_refused() -> None:
    runs: list[int] = []

    def program() -> None:
        runs.append(1)
        in_order("a", "b", extra=len(runs) % 3)()

    with pytest.raises(Divergence, match="behaved differently when its schedule was repeated: at step"):
        explore(program, "dpor", Budget(keep_going=True))
