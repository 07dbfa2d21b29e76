"""Barriers: rounds, actions, breaking, resetting, errors as CPython's, and every outcome of small programs."""

from __future__ import annotations

import threading

import pytest

from weft.api import check
from weft.simcore.explored import Outcome
from weft.simcore.primitives.barrier import Barrier, Phase

BROKEN = "BrokenBarrierError: "


def test_two_threads_meet(explore, together, notes) -> None:
    def program() -> str:
        barrier, note = threading.Barrier(2), notes()
        together(a=lambda: note(barrier.wait()), b=lambda: note(barrier.wait()))
        return f"{note.all()}, {barrier.n_waiting}"

    assert explore(program) == {"a: 0, b: 1, 0", "a: 1, b: 0, 0"}


def test_rounds_do_not_mix(explore, together, notes) -> None:
    def program() -> str:
        barrier, note = threading.Barrier(2), notes()

        def twice() -> None:
            note(barrier.wait())
            note(barrier.wait())

        together(a=lambda: note(barrier.wait()), b=lambda: note(barrier.wait()), c=twice)
        return note.all()

    outcomes = explore(program)
    assert ("deadlock", "MainThread", "c") in outcomes  # a and b met each other
    assert len(outcomes) == 7


def test_what_was_done_before_the_barrier_is_seen_after_it(run, together) -> None:
    """The step of leaving comes after every arrival."""
    edges: list[list[int]] = []

    def program() -> None:
        barrier = threading.Barrier(3)

        def meet() -> None:
            barrier.wait()
            edges.append(sorted(barrier._world.edges))

        together(a=meet, b=meet, c=meet)

    ran = run(program)
    arrivals = [step for step, label in enumerate(ran.steps) if label.endswith("Barrier.wait")][:3]
    assert arrivals in edges


def test_the_last_one_runs_the_action_before_anybody_leaves(explore, together) -> None:
    def program() -> tuple[str, ...]:
        done: list[str] = []
        barrier = threading.Barrier(2, action=lambda: done.append("action"))

        def meet(name: str) -> None:
            barrier.wait()
            done.append(name)

        together(a=lambda: meet("x"), b=lambda: meet("x"))
        return tuple(done)

    assert explore(program) == {("action", "x", "x")}


def test_nothing_happens_to_a_barrier_while_its_action_runs(explore, together, notes, raised) -> None:
    def program() -> str:
        lock, note = threading.Lock(), notes()

        def action() -> None:
            with lock:
                pass

        barrier = threading.Barrier(2, action)
        together(a=lambda: note(raised(barrier.wait)), b=lambda: note(raised(barrier.wait)), c=barrier.abort)
        return note.all()

    assert explore(program) == {
        f"a: {BROKEN}, b: {BROKEN}",
        "a: returned 0, b: returned 1",
        "a: returned 1, b: returned 0",
        f"a: returned 1, b: {BROKEN}",
        f"a: {BROKEN}, b: returned 1",
    }


def test_a_failing_action_breaks_it(explore, together, notes, raised) -> None:
    def program() -> str:
        barrier, note = threading.Barrier(2, action=lambda: 1 // 0), notes()
        together(a=lambda: note(raised(barrier.wait)), b=lambda: note(raised(barrier.wait)))
        return f"{note.all()}, {barrier.broken}"

    failed = "ZeroDivisionError: integer division or modulo by zero"
    assert explore(program) == {f"a: {BROKEN}, b: {failed}, True", f"a: {failed}, b: {BROKEN}, True"}


@pytest.mark.parametrize("as_default", [True, False])
def test_giving_up_breaks_it_for_all(explore, together, notes, raised, as_default: bool) -> None:
    def program() -> str:
        barrier, note = threading.Barrier(2, timeout=1 if as_default else None), notes()
        together(
            a=lambda: note(raised(barrier.wait if as_default else lambda: barrier.wait(1))),
            b=lambda: note(raised(barrier.wait)),
        )
        return f"{note.all()}, {barrier.broken}"

    assert explore(program) == {
        f"a: {BROKEN}, b: {BROKEN}, True",
        "a: returned 0, b: returned 1, False",
        "a: returned 1, b: returned 0, False",
    }


def test_reset_sends_those_who_wait_away(explore, together, notes, raised) -> None:
    def program() -> str:
        barrier, note = threading.Barrier(2), notes()
        together(a=lambda: note(raised(barrier.wait)), b=barrier.reset)
        return f"{note.all()}, {barrier.broken}"

    assert explore(program) == {f"a: {BROKEN}, False", ("deadlock", "MainThread", "a")}


def test_a_broken_barrier_can_be_reset(run, raised) -> None:
    def program() -> list[str]:
        barrier = threading.Barrier(1)
        barrier.abort()
        seen = [raised(barrier.wait), str(barrier.broken)]
        barrier.reset()
        return [*seen, raised(barrier.wait), str(barrier.broken)]

    assert run(program).value == [BROKEN, "True", "returned 0", "False"]


def test_a_blocked_thread_says_how_many_came(run, together) -> None:
    def program() -> None:
        barrier = threading.Barrier(3)
        together(a=barrier.wait, b=barrier.wait)

    ran = run(program)
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.details["a"] == ran.details["b"] == "2 of 3 arrived"


CALLS = {
    "alone": lambda make: [make(1).wait(), make(1).wait()],
    "at once": lambda make: make(2).wait(0),
    "negative timeout": lambda make: make(2).wait(-1),
    "aborted": lambda make: [barrier := make(2), barrier.abort(), barrier.wait()],
    "state": lambda make: [barrier := make(2), barrier.parties, barrier.n_waiting, barrier.broken][1:],
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_as_cpython(run, raised, call) -> None:
    expected = raised(lambda: call(threading.Barrier))
    assert run(lambda: raised(lambda: call(Barrier))).value == expected
    assert raised(lambda: call(Barrier)) == expected


def test_outside_it_is_the_real_thing(run) -> None:
    barrier, seen = Barrier(2, action=lambda: seen.append("action")), []
    thread = threading.Thread(target=barrier.wait)
    thread.start()
    barrier.wait(10)
    thread.join()
    assert seen == ["action"]
    assert run(lambda: barrier.n_waiting).value == 0
    inside = run(lambda: threading.Barrier(1)).value
    assert inside.wait() == 0


def test_unwinding_raises_nothing_else(run, together) -> None:
    kept = []

    def program() -> None:
        barrier, never = threading.Barrier(1, action=lambda: never.acquire()), threading.Lock()
        kept.append(barrier)
        never.acquire()

        def stuck() -> None:
            try:
                barrier.wait()
            finally:
                barrier.abort()

        together(a=stuck)

    ran = run(program)
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.execution.failures == []
    assert kept[0]._phase is Phase.ACTING


@pytest.mark.parametrize("action", [None, lambda: None])
def test_the_last_one_to_come_knows_what_the_others_did(action: object) -> None:
    """No unordered access, not even a note: whoever comes last is ordered after those that came before."""

    def program() -> None:
        barrier, written, sums = threading.Barrier(2, action), [0, 0], [0, 0]

        def exchange(number: int) -> None:
            written[number] = 1
            barrier.wait()
            sums[number] = sum(written)

        threads = [threading.Thread(target=exchange, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sums == [2, 2]

    result = check(program, strict_races=True)
    assert (result.findings, result.notes, result.exhaustive, result.executions) == ([], [], True, 2)
