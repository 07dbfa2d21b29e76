"""Directed replay: what one good run predicts is reached when the program is steered along the witness."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.checkers.exploration.directed import Forecast, confirm, predict_and_confirm
from weft.checkers.exploration.explore import Budget, explore, record_problems
from weft.checking import FunctionTarget
from weft.simcore.trace import Header

Body = Callable[[], None]
BUDGET = Budget(max_steps=2_000, keep_going=True)


def forecast(program: Body) -> Forecast:
    return predict_and_confirm(program, Header("test", "explored"), target=FunctionTarget(program), budget=BUDGET)


def both(*bodies: Body, names: str = "12345") -> None:
    threads = [threading.Thread(target=body, name=name) for body, name in zip(bodies, names, strict=False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def nested(*locks: Any) -> Body:
    def body() -> None:
        for lock in locks:
            lock.acquire()
        for lock in reversed(locks):
            lock.release()

    return body


def cycle() -> None:
    a, b = threading.Lock(), threading.Lock()
    both(nested(a, b), nested(b, a))


def gate() -> None:
    g, a, b = threading.Lock(), threading.Lock(), threading.Lock()
    both(nested(g, a, b), nested(g, b, a))


def same_thread() -> None:
    a, b = threading.Lock(), threading.Lock()
    nested(a, b)()
    nested(b, a)()
    both(nested(a), nested(b))


def join_ordered() -> None:
    a, b = threading.Lock(), threading.Lock()
    both(nested(a, b))
    both(nested(b, a))


@pytest.mark.parametrize(
    ("program", "confirmed", "rejected"),
    [
        (cycle, 1, {}),
        (gate, 0, {"gate": 1}),
        (same_thread, 0, {"same thread": 1}),
        (join_ordered, 0, {"order": 1}),
    ],
    ids=["cycle", "gate", "same thread", "join-ordered"],
)
def test_the_four_variants(program: Body, confirmed: int, rejected: dict[str, int]) -> None:
    found = forecast(program)
    assert [finding.certainty for finding in found.findings] == ["confirmed"] * confirmed
    assert found.order.rejected == rejected
    exploration = explore(program, "dpor", BUDGET)
    assert exploration.exhaustive
    assert len(exploration.problems) >= confirmed
    assert bool(exploration.problems) == bool(confirmed), "the whole exploration must agree"


def test_a_confirmed_prediction_is_a_deadlock_that_replays() -> None:
    found = forecast(cycle)
    ((finding, problem, recorded),) = found.confirmed
    assert finding.rule == "D002"
    assert "Confirmed by replay" in finding.why
    assert [other.rule for other in recorded.findings] == ["D001"]
    assert problem.schedule
    assert recorded.execution.steps == len(problem.schedule)


def test_a_thread_beyond_the_witness_is_held_back() -> None:
    """The third thread would take both locks in between, and is started before the others."""

    def program() -> None:
        a, b = threading.Lock(), threading.Lock()
        both(nested(a, b), nested(a, b), nested(b, a), nested(a), nested(b))

    found = forecast(program)
    assert [finding.certainty for finding in found.findings] == ["confirmed"]


def test_starts_left_out_of_the_witness_do_not_shift_the_threads() -> None:
    def program() -> None:
        a, b, c = threading.Lock(), threading.Lock(), threading.Lock()

        def starter() -> None:
            extra = threading.Thread(target=nested(c), name="extra")
            extra.start()
            extra.join()

        both(starter, nested(a, b), nested(b, a))

    found = forecast(program)
    assert [finding.certainty for finding in found.findings] == ["confirmed"]
    assert [state.name for state in found.findings[0].threads] == ["2", "3"]


def test_what_a_value_prevents_stays_predicted() -> None:
    """The second thread takes the locks the other way round only when the first has been through both: weft is told
    nothing of the flag here, so that only a replay can know."""

    def program() -> None:
        a, b, first = threading.Lock(), threading.Lock(), threading.Lock()
        seen: list[int] = []

        def one() -> None:
            nested(a, b)()
            seen.append(1)

        def two() -> None:
            nested(first)()
            if seen:
                nested(b, a)()

        both(one, two)

    found = forecast(program)
    assert [finding.certainty for finding in found.findings] == ["predicted"]
    assert not found.confirmed
    assert found.executions == 2


def test_three_threads_and_a_join() -> None:
    """One joins the second under the lock that the third holds the second's up for."""

    def program() -> None:
        first, second = threading.Lock(), threading.Lock()
        two = threading.Thread(target=nested(second), name="two")
        three = threading.Thread(target=nested(second, first), name="three")
        two.start()
        three.start()
        first.acquire()
        two.join()
        first.release()
        three.join()

    found = forecast(program)
    assert [finding.certainty for finding in found.findings] == ["confirmed"]
    assert {state.name: state.waits.operation for state in found.findings[0].threads if state.waits} == {
        "MainThread": "join",
        "two": "acquire",
        "three": "acquire",
    }


@pytest.mark.parametrize("seats", [5, 8, 20])
def test_philosophers_need_two_executions(seats: int) -> None:
    """One run predicts it, one replay reaches it; without a bound on the length of a cycle there is no limit to tell."""

    def dinner() -> None:
        forks = [threading.Lock() for _ in range(seats)]
        philosophers = [
            threading.Thread(target=nested(forks[seat], forks[(seat + 1) % seats])) for seat in range(seats)
        ]
        for philosopher in philosophers:
            philosopher.start()
        for philosopher in philosophers:
            philosopher.join()

    found = forecast(dinner)
    assert found.executions == 2
    ((finding, problem, recorded),) = found.confirmed
    assert (finding.rule, finding.certainty, len(finding.threads)) == ("D002", "confirmed", seats)
    assert problem.schedule
    assert any(each.rule == "D001" for each in recorded.findings)
    assert found.order.limits == []


def test_a_result_awaited_under_the_lock_that_the_task_takes() -> None:
    def program() -> None:
        lock = threading.Lock()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            task = pool.submit(nested(lock))
            with lock:
                task.result()

    found = forecast(program)
    assert found.first.findings or [finding.certainty for finding in found.findings] == ["confirmed"]


def test_a_prediction_can_be_confirmed_by_itself() -> None:
    found = forecast(cycle)
    header = Header("test", "explored")
    reached = confirm(cycle, found.first.trace, found.order.predicted[0], header, budget=BUDGET)
    assert reached is not None


# Random programs without branches: there every witness is a schedule of the program.

LOCKS, OPERATIONS = 3, st.tuples(st.integers(0, 11), st.integers(0, 2))
PROGRAMS = st.lists(st.lists(OPERATIONS, min_size=1, max_size=6), min_size=2, max_size=3)


def run_random(bodies: list[list[tuple[int, int]]], joined: int) -> None:
    """Straight-line threads over locks (blocking, try and timed), a condition, a semaphore, an event and a queue."""
    import queue

    locks = [threading.RLock() for _ in range(LOCKS)]
    condition = threading.Condition(locks[0])
    event, permits, channel = threading.Event(), threading.Semaphore(2), queue.Queue[int]()

    def body(operations: list[tuple[int, int]]) -> Body:
        def run() -> None:
            held: list[int] = []
            for code, which in operations:
                if code < 5:
                    locks[which].acquire()
                    held.append(which)
                elif code < 7 and held:
                    locks[held.pop(which % len(held))].release()
                elif code == 7:
                    if locks[which].acquire(blocking=False):
                        held.append(which)
                elif code == 8:
                    event.set() if which else event.is_set()
                elif code == 9:
                    channel.put(which)
                elif code == 10:
                    permits.acquire()
                    permits.release()
                elif code == 11:
                    with condition:
                        condition.notify()
                        if which:
                            condition.wait(timeout=1)
            for which in held:
                locks[which].release()

        return run

    threads = [threading.Thread(target=body(operations), name=f"t{i}") for i, operations in enumerate(bodies)]
    for thread in threads[joined:]:
        thread.start()
    for thread in threads[:joined]:
        thread.start()
        thread.join()


@settings(max_examples=80, deadline=None)
@given(bodies=PROGRAMS, joined=st.integers(0, 1))
def test_what_is_predicted_of_a_program_without_branches_is_always_reached(
    bodies: list[list[tuple[int, int]]], joined: int
) -> None:
    found = forecast(lambda: run_random(bodies, joined))
    assert all(finding.certainty == "confirmed" for finding in found.findings)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(bodies=st.lists(st.lists(OPERATIONS, min_size=1, max_size=4), min_size=2, max_size=2))
def test_predictions_are_among_the_deadlocks_of_all_schedules(bodies: list[list[tuple[int, int]]]) -> None:
    def program() -> None:
        run_random(bodies, 0)

    found = forecast(program)
    exploration = explore(program, "dpor", Budget(max_steps=2_000, max_executions=3_000, keep_going=True))
    rows = record_problems(program, exploration, Header("test", "explored"), budget=BUDGET)
    real = {
        frozenset((state.name, state.waits.at) for state in finding.threads if state.waits)
        for finding, _, _ in rows
        if finding.rule == "D001"
    }
    predicted = {
        frozenset((state.name, state.waits.at) for state in finding.threads if state.waits)
        for finding in found.findings
    }
    assert predicted <= real or not exploration.exhaustive
