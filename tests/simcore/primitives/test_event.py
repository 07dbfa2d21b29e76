"""Events: waiting, looking, pulses, errors as CPython's, and every outcome of small programs."""

from __future__ import annotations

import threading

import pytest

from weft.simcore.explored import Outcome
from weft.simcore.primitives.event import Event, Wait


def test_a_pulse_is_seen_or_missed(explore, together, notes) -> None:
    def program() -> str:
        event, note = threading.Event(), notes()

        def wait() -> None:
            note(event.wait())

        def pulse() -> None:
            event.set()
            event.clear()

        together(a=wait, b=pulse)
        return note.all()

    assert explore(program) == {"a: True", ("deadlock", "MainThread", "a")}


def test_a_look_and_a_timed_wait_see_the_flag_up_or_down(explore, together, notes) -> None:
    def program() -> str:
        event, note = threading.Event(), notes()
        together(a=lambda: note(event.is_set()), b=lambda: note(event.wait(1)), c=event.set)
        return note.all()

    assert explore(program) == {f"a: {a}, b: {b}" for a in (True, False) for b in (True, False)}


def test_waiting_for_an_event_that_is_set_is_one_step(run) -> None:
    def program() -> bool:
        event = threading.Event()
        event.set()
        return event.wait()

    ran = run(program)
    assert ran.value is True
    assert ran.steps == ["MainThread begin", "MainThread Event.set", "MainThread Event.wait", "MainThread end"]


def test_a_blocked_thread_says_it_is_not_set(run) -> None:
    ran = run(lambda: threading.Event().wait())
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.details == {"MainThread": "not set"}


def test_where_time_decides_a_pulse_lets_those_pass_who_waited(run) -> None:
    passes = []

    def program() -> None:
        event = threading.Event()
        early = Wait(event, event.raised)
        event.set()
        event.clear()
        late = Wait(event, event.raised)
        passes.extend([early.ready(None), late.ready(None), event._wait.ready(None)])

    run(program)
    assert passes == [True, False, False]


def test_the_old_name_warns_as_cpython_does(run, recwarn) -> None:
    with pytest.warns(DeprecationWarning, match=r"isSet\(\) is deprecated, use is_set\(\) instead"):
        assert run(lambda: threading.Event().isSet()).value is False


def test_outside_it_is_the_real_thing_and_enters_as_it_is(run) -> None:
    event, answer = Event(), Event()

    def wait() -> None:
        event.wait()
        answer.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not answer.wait(0)
    event.set()
    assert answer.wait(10)
    thread.join()

    def program() -> tuple[bool, bool]:
        before = event.is_set()
        event.clear()
        return before, event.is_set()

    assert run(program).value == (True, False)
    assert run(program).value == (True, False)
    assert event.is_set()
    assert repr(event).endswith(": set>")


def test_born_inside_it_works_outside(run) -> None:
    event = run(threading.Event).value
    assert not event.wait(0)
    event.set()
    assert event.wait()
    event.clear()
    assert not event.is_set()


def test_unwinding_sets_without_effect(run, together) -> None:
    kept = []

    def program() -> None:
        event, never = threading.Event(), threading.Event()
        kept.append(event)

        def stuck() -> None:
            try:
                never.wait()
            finally:
                event.set()

        together(a=stuck)

    assert run(program).outcome is Outcome.DEADLOCK
    assert kept[0].flag is False
