"""Semaphores: permits in order, holders, errors as CPython's, and every outcome of small programs."""

from __future__ import annotations

import threading

import pytest

from weft.simcore.explored import Outcome
from weft.simcore.primitives.semaphore import BoundedSemaphore, Semaphore


def test_a_semaphore_of_one_excludes(explore, together) -> None:
    def program() -> tuple[int, ...]:
        semaphore, order = threading.Semaphore(1), []

        def use(number: int) -> None:
            with semaphore:
                order.append(number)
                order.append(number)

        together(a=lambda: use(1), b=lambda: use(2))
        return tuple(order)

    assert explore(program) == {(1, 1, 2, 2), (2, 2, 1, 1)}


def test_a_try_sees_a_release_or_not(explore, together, notes) -> None:
    def program() -> str:
        semaphore, note = threading.Semaphore(0), notes()
        together(
            a=lambda: note(semaphore.acquire(blocking=False)),
            b=lambda: note(semaphore.acquire(timeout=5)),
            c=semaphore.release,
        )
        return note.all()

    assert explore(program) == {"a: True, b: False", "a: False, b: True", "a: False, b: False"}


def test_a_release_of_several_lets_several_pass(run, together) -> None:
    def program() -> int:
        semaphore = threading.Semaphore(0)
        together(a=semaphore.acquire, b=semaphore.acquire, c=lambda: semaphore.release(3))
        return semaphore._value

    assert run(program).value == 1


def test_permits_are_taken_in_the_order_they_were_given(run) -> None:
    seen = []

    def program() -> None:
        semaphore = threading.Semaphore(1)
        semaphore.release()
        seen.append(list(semaphore.permits))
        semaphore.acquire()
        seen.append(list(semaphore.permits))

    run(program)
    assert seen == [[-1, 1], [1]]


def test_a_blocked_thread_names_who_holds_the_permits(run, together) -> None:
    def program() -> None:
        semaphore = threading.Semaphore(1)
        together(a=semaphore.acquire, b=semaphore.acquire)

    ran = run(program, ["a", "b"])
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.details["b"] == "0 permits, held by a"


def test_a_permit_handed_over_is_held_by_nobody(run) -> None:
    kept = []

    def program() -> None:
        semaphore = threading.Semaphore(2)
        kept.append(semaphore)
        semaphore.acquire()
        thread = threading.Thread(target=semaphore.release)
        thread.start()
        thread.join()

    run(program)
    assert kept[0].holders == []


def test_a_stray_release_of_a_bounded_semaphore_races_with_takes(explore, together, notes, raised) -> None:
    def program() -> str:
        semaphore, note = threading.BoundedSemaphore(1), notes()

        def use() -> None:
            semaphore.acquire()
            note(raised(semaphore.release))

        together(a=use, b=lambda: note(raised(semaphore.release)), c=semaphore.acquire)
        return note.all()

    over = "ValueError: Semaphore released too many times"
    assert explore(program) == {
        "a: returned None, b: returned None",
        f"a: {over}, b: returned None",
        f"a: returned None, b: {over}",
        ("deadlock", "MainThread", "a"),
    }


def test_own_releases_of_a_bounded_semaphore_commute_with_takes(run) -> None:
    codes = []

    def program() -> None:
        from weft.simcore.dependency import Access
        from weft.simcore.primitives.semaphore import BoundedGive

        semaphore = threading.BoundedSemaphore(2)
        semaphore.acquire()
        main = semaphore._world.thread
        codes.append(BoundedGive(semaphore, 1, main).pending == Access.PERMIT_GIVE)
        codes.append(BoundedGive(semaphore, 2, main).pending == Access.PERMIT_GIVE_STRAY)

    run(program)
    assert codes == [True, True]


CALLS = {
    "too many": lambda make: make(1).release(),
    "too few": lambda make: make(1).release(0),
    "negative": lambda make: make(-1),
    "try with timeout": lambda make: make(1).acquire(False, 1),
    "try": lambda make: (make(0).acquire(False), make(1).acquire(False)),
    "timed out": lambda make: make(0).acquire(timeout=0),
    "negative timeout": lambda make: (make(0).acquire(timeout=-1), make(1).acquire(timeout=-1)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
def test_as_cpython(run, raised, kind: str, call) -> None:
    real, ours = getattr(threading, kind), {"Semaphore": Semaphore, "BoundedSemaphore": BoundedSemaphore}[kind]
    expected = raised(lambda: call(real))
    assert run(lambda: raised(lambda: call(ours))).value == expected
    assert raised(lambda: call(ours)) == expected


def test_outside_it_is_the_real_thing_and_enters_with_its_value(run) -> None:
    semaphore = BoundedSemaphore(2)
    taken = threading.Event()

    def use() -> None:
        with semaphore:
            taken.set()

    with semaphore:
        thread = threading.Thread(target=use)
        thread.start()
        assert taken.wait(10)
        thread.join()
        assert semaphore._value == 1
        assert run(lambda: (semaphore.acquire(False), semaphore.acquire(False))).value == (True, False)
    assert semaphore._value == 2
    assert "value=2/2" in repr(semaphore)


def test_born_inside_it_works_outside(run) -> None:
    semaphore = run(lambda: threading.Semaphore(1)).value
    assert semaphore.acquire(False)
    assert not semaphore.acquire(timeout=0)
    semaphore.release()
    assert semaphore.acquire(False)


def test_unwinding_raises_nothing_else(run, together) -> None:
    errors = []

    def program() -> None:
        semaphore, never = threading.BoundedSemaphore(1), threading.Lock()
        never.acquire()

        def stuck() -> None:
            try:
                never.acquire()
            finally:
                try:
                    semaphore.release()
                except ValueError as error:
                    errors.append(error)

        together(a=stuck)

    assert run(program).outcome is Outcome.DEADLOCK
    assert errors == []
