"""Condition variables: waking in order, lost wake-ups, time-outs, errors as CPython's."""

from __future__ import annotations

import threading

import pytest

from weft.simcore.explored import Outcome
from weft.simcore.primitives.condition import Condition, RealCondition
from weft.simcore.primitives.lock import Lock


def test_a_notify_before_the_wait_is_lost(explore, together) -> None:
    def program() -> str:
        condition = threading.Condition()

        def wait() -> None:
            with condition:
                condition.wait()

        def notify() -> None:
            with condition:
                condition.notify()

        together(a=wait, b=notify)
        return "woken"

    assert explore(program) == {"woken", ("deadlock", "MainThread", "a")}


def test_a_predicate_makes_it_safe(explore, together, notes) -> None:
    def program() -> str:
        condition, ready, note = threading.Condition(), [], notes()

        def wait() -> None:
            with condition:
                note(condition.wait_for(lambda: ready))

        def notify() -> None:
            with condition:
                ready.append(1)
                condition.notify_all()

        together(a=wait, b=wait, c=notify)
        return note.all()

    assert explore(program) == {"a: [1], b: [1]"}


def test_a_timed_wait_is_woken_or_gives_up(explore, together, notes) -> None:
    def program() -> str:
        condition, note = threading.Condition(), notes()

        def wait() -> None:
            with condition:
                note(condition.wait(1))

        def notify() -> None:
            with condition:
                condition.notify()

        together(a=wait, b=notify)
        return note.all()

    assert explore(program) == {"a: True", "a: False"}


def test_waiters_are_woken_in_the_order_they_came(run, together) -> None:
    def program() -> list[str]:
        condition, woken, waiting = threading.Condition(), [], []

        def wait() -> None:
            name = threading.current_thread().name
            with condition:
                waiting.append(name)
                condition.wait()
                woken.append(name)

        def notify() -> None:
            for count in (1, 1):
                with condition:
                    condition.notify(count)

        together(a=wait, b=wait, c=notify)
        return [waiting, woken]

    waiting, woken = run(program).value
    assert waiting == woken


def test_a_blocked_thread_says_so_and_its_lock_is_free(run) -> None:
    kept = []

    def program() -> None:
        condition = threading.Condition()
        kept.append(condition)
        with condition:
            condition.wait()

    ran = run(program)
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.details == {"MainThread": "nobody has notified it"}
    assert kept[0].lock.owner is None


def test_the_depth_of_a_reentrant_lock_comes_back(run, together) -> None:
    def program() -> int:
        condition, depth = threading.Condition(), []

        def wait() -> None:
            with condition, condition:
                condition.wait()
                depth.append(condition.lock.depth)

        def notify() -> None:
            with condition:
                condition.notify()

        together(a=wait, b=notify)
        return depth[0]

    assert run(program).value == 2


CALLS = {
    "wait without the lock": lambda condition: condition.wait(),
    "notify without the lock": lambda condition: condition.notify(),
    "notify_all without the lock": lambda condition: condition.notify_all(),
    "nobody to notify": lambda condition: [condition.acquire(), condition.notify(), condition.release()],
    "gives up at once": lambda condition: [condition.acquire(), condition.wait(0), condition.release()],
    "true already": lambda condition: [condition.acquire(), condition.wait_for(lambda: 7), condition.release()],
    "never true": lambda condition: [condition.acquire(), condition.wait_for(lambda: 0, 0), condition.release()],
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_as_cpython(run, raised, call) -> None:
    expected = raised(lambda: call(RealCondition()))
    assert run(lambda: raised(lambda: call(Condition()))).value == expected
    assert raised(lambda: call(Condition())) == expected


def test_outside_it_is_the_real_thing() -> None:
    condition, seen = Condition(Lock()), []
    waiting = threading.Event()

    def wait() -> None:
        with condition:
            waiting.set()
            seen.append(condition.wait(10))

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(10)
    with condition:
        condition.notify()
    thread.join()
    assert seen == [True]


def test_unwinding_raises_nothing_else(run, together) -> None:
    def program() -> None:
        condition = threading.Condition()

        def stuck() -> None:
            with condition:
                try:
                    condition.wait()
                finally:
                    condition.notify_all()

        together(a=stuck, b=stuck)

    ran = run(program)
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.execution.failures == []
