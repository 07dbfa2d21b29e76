"""Lock and RLock: exclusion, tries, time-outs, re-entrance, errors as CPython's."""

from __future__ import annotations

import threading

import pytest

from weft.simcore.explored import Outcome
from weft.simcore.primitives.lock import Lock, RealRLock, RLock, allocate_real_lock

REAL = {"Lock": allocate_real_lock, "RLock": RealRLock}
OURS = {"Lock": Lock, "RLock": RLock}
KINDS = sorted(REAL)


@pytest.mark.parametrize("kind", KINDS)
def test_critical_sections_exclude_each_other(explore, together, kind: str) -> None:
    def program() -> tuple[int, ...]:
        lock, order = getattr(threading, kind)(), []

        def use(number: int) -> None:
            for _ in range(2):
                with lock:
                    order.append(number)

        together(a=lambda: use(1), b=lambda: use(2))
        return tuple(order)

    assert len(explore(program)) == 6  # 4! / (2! 2!)


@pytest.mark.parametrize("kind", KINDS)
def test_tries_and_looks_see_it_held_or_not(explore, together, notes, kind: str) -> None:
    def program() -> str:
        lock, note = getattr(threading, kind)(), notes()

        def hold() -> None:
            with lock:
                pass

        together(a=hold, b=lambda: note(lock.acquire(blocking=False)), c=lambda: note(lock.acquire(timeout=1)))
        return note.all()

    outcomes = {outcome for outcome in explore(program) if isinstance(outcome, str)}
    assert outcomes == {"b: True, c: False", "b: False, c: True", "b: False, c: False"}


def test_two_locks_in_two_orders_deadlock(explore, together) -> None:
    def program() -> str:
        left, right = threading.Lock(), threading.Lock()

        def use(first: threading.Lock, second: threading.Lock) -> None:
            with first, second:
                pass

        together(a=lambda: use(left, right), b=lambda: use(right, left))
        return "fine"

    assert explore(program) == {"fine", ("deadlock", "MainThread", "a", "b")}


def test_a_blocked_thread_names_the_holder(run) -> None:
    def program() -> None:
        lock = threading.Lock()
        with lock:
            threading.Thread(target=lock.acquire, name="other").start()
            lock.acquire()

    ran = run(program)
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.details == {"MainThread": "held by MainThread", "other": "held by MainThread"}


def test_inner_levels_of_a_reentrant_lock_are_no_steps(run) -> None:
    def program() -> bool:
        lock = threading.RLock()
        with lock, lock, lock:
            owned = lock._is_owned()
        return owned and not lock._is_owned()

    ran = run(program)
    assert ran.value is True
    assert ran.steps == ["MainThread begin", "MainThread acquire", "MainThread release", "MainThread end"]


def test_a_lock_may_be_released_by_another_thread(run) -> None:
    def program() -> bool:
        lock = threading.Lock()
        lock.acquire()
        thread = threading.Thread(target=lock.release)
        thread.start()
        thread.join()
        return lock.acquire(blocking=False)

    assert run(program).value is True


CALLS = {
    "not held": lambda lock: lock.release(),
    "try with timeout": lambda lock: lock.acquire(False, 1),
    "negative timeout": lambda lock: lock.acquire(True, -2),
    "timeout too large": lambda lock: lock.acquire(True, 1e20),
    "acquired": lambda lock: [lock.acquire(), lock.release()],
    "with": lambda lock: lock.__enter__(),
    "locked": lambda lock: lock.locked(),  # an RLock has it from CPython 3.14 on
    "has locked": lambda lock: hasattr(lock, "locked"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("kind", KINDS)
def test_as_cpython(run, raised, kind: str, call) -> None:
    expected = raised(lambda: call(REAL[kind]()))
    assert run(lambda: raised(lambda: call(OURS[kind]()))).value == expected
    assert raised(lambda: call(OURS[kind]())) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_outside_it_is_the_real_thing_and_enters_free(run, kind: str) -> None:
    lock, tried = OURS[kind](), []
    with lock:
        thread = threading.Thread(target=lambda: tried.append(lock.acquire(blocking=False)))
        thread.start()
        thread.join()
        assert run(lambda: lock.acquire(blocking=False)).value is True
    assert tried == [False]
    inside = run(lambda: getattr(threading, kind)()).value
    assert inside.acquire(blocking=False)


@pytest.mark.parametrize("kind", KINDS)
def test_unwinding_raises_nothing_else(run, together, kind: str) -> None:
    def program() -> None:
        lock, never = getattr(threading, kind)(), threading.Lock()
        never.acquire()

        def stuck() -> None:
            with lock:
                never.acquire()

        together(a=stuck, b=stuck)

    ran = run(program)
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.execution.failures == []
