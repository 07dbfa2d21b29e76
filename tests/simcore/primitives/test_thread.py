"""Threads in a world: life cycle, errors as CPython words them, join and is_alive in every schedule."""

from __future__ import annotations

import _thread
import contextvars
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from weft.simcore.explored import Outcome
from weft.simcore.primitives import thread as virtual_thread

Program = Callable[[], Any]
Explore = Callable[[Program], set[Any]]
Run = Callable[..., Any]


def raised(action: Callable[[], object]) -> str:
    """What an action raises, as text."""
    try:
        action()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


ERRORS: dict[str, Callable[[], object]] = {
    "started twice": lambda: [_started(int).start()],
    "joined before it is started": lambda: threading.Thread(target=int).join(),
    "joins itself": lambda: threading.current_thread().join(),
    "no init": lambda: _NoInit().start(),
    "join without init": lambda: _NoInit().join(),
    "daemon after start": lambda: setattr(_started(int), "daemon", True),
}


def _started(target: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=target)
    thread.start()
    return thread


class _NoInit(threading.Thread):
    def __init__(self) -> None:  # the mistake of many a first subclass
        return


@pytest.mark.parametrize("mistake", ERRORS.values(), ids=ERRORS)
def test_mistakes_raise_what_cpython_raises(run: Run, mistake: Callable[[], object]) -> None:
    assert run(lambda: raised(mistake)).value == raised(mistake)
    assert raised(mistake) != "nothing"


def test_a_thread_is_alive_from_start_to_end(explore: Explore) -> None:
    def program() -> tuple[bool, bool, bool, bool]:
        go = threading.Event()
        thread = threading.Thread(target=go.wait)
        before = thread.is_alive()
        thread.start()
        during = thread.is_alive()
        go.set()
        some_time = thread.is_alive()
        thread.join()
        return before, during, some_time, thread.is_alive()

    assert explore(program) == {(False, True, True, False), (False, True, False, False)}


def test_a_join_with_a_time_out_looks_and_goes_on(explore: Explore) -> None:
    def program() -> tuple[None, bool]:
        thread = threading.Thread(target=threading.Lock().acquire)
        thread.start()
        return thread.join(1), thread.is_alive()

    assert explore(program) == {(None, False), (None, True)}


def test_a_join_of_nothing_is_a_look(explore: Explore) -> None:
    def program() -> bool:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join(-1)
        return thread.is_alive()

    assert explore(program) == {True, False}


def test_two_may_join_one(explore: Explore) -> None:
    def program() -> bool:
        first = threading.Thread(target=int)
        second = threading.Thread(target=first.join)
        first.start()
        second.start()
        first.join()
        second.join()
        return first.is_alive()

    assert explore(program) == {False}


def test_threads_that_join_each_other_are_stuck(run: Run) -> None:
    def program() -> None:
        others: list[threading.Thread] = []

        def join(index: int) -> None:
            others[index].join()

        others += [threading.Thread(target=join, args=(index,), name=name) for index, name in ((1, "a"), (0, "b"))]
        for thread in others:
            thread.start()

    ran = run(program)
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.details == {"a": "b has not ended", "b": "a has not ended"}


def test_names_and_identifiers(run: Run) -> None:
    def program() -> tuple[Any, ...]:
        seen: list[Any] = []

        def work() -> None:
            thread = threading.current_thread()
            seen.append(
                (thread.name, thread.ident == threading.get_ident(), thread.native_id == threading.get_native_id())
            )

        threads = [threading.Thread(target=work), threading.Thread(target=work, name="named")]
        before = [thread.ident for thread in threads]
        for thread in threads:
            thread.start()
            thread.join()
        threads[0].name = "renamed"
        return before, seen, threads[0].name, threads[0].ident != threads[1].ident

    before, seen, renamed, different = run(program).value
    assert before == [None, None]
    assert seen == [("Thread-1 (work)", True, True), ("named", True, True)]
    assert (renamed, different) == ("renamed", True)


def test_a_daemon_is_what_its_parent_is_unless_told(run: Run) -> None:
    def program() -> list[bool]:
        seen: list[bool] = []
        outer = threading.Thread(
            target=lambda: seen.extend([threading.Thread().daemon, threading.Thread(daemon=False).daemon]), daemon=True
        )
        outer.start()
        outer.join()
        return [threading.Thread().daemon, *seen]

    assert run(program).value == [False, True, False]


def test_a_daemon_does_not_keep_the_program_from_ending(run: Run, explore: Explore) -> None:
    def program() -> str:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        return "end"

    assert explore(program) == {"end"}


def test_a_thread_that_is_none_keeps_it_from_ending(run: Run) -> None:
    ran = run(lambda: _drop(threading.Thread(target=threading.Event().wait, name="waiter").start()))
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.details == {"waiter": "not set"}


def _drop(_: object) -> None:
    return


def test_what_a_thread_raises_is_kept_and_the_others_go_on(run: Run) -> None:
    def program() -> str:
        thread = threading.Thread(target=lambda: {}["key"], name="worker")
        thread.start()
        thread.join()
        return "went on"

    ran = run(program)
    assert ran.value == "went on"
    (failed,) = ran.execution.failures
    assert failed.name == "worker"
    assert isinstance(failed.failure[0], KeyError)


def test_a_hook_of_the_programs_own_is_called(run: Run) -> None:
    hook = threading.excepthook

    def program() -> list[Any]:
        seen: list[Any] = []
        threading.excepthook = lambda args: seen.append((args.exc_type, args.thread.name))
        thread = threading.Thread(target=lambda: {}["key"], name="worker")
        thread.start()
        thread.join()
        return seen

    try:
        assert run(program).value == [(KeyError, "worker")]
    finally:
        threading.excepthook = hook


def test_a_hook_set_before_is_not_the_programs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest sets one; it must not be told of what happens in every schedule."""
    called: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", called.append)
    ran = run(lambda: [thread.join() for thread in [_started(lambda: {}["key"])]])
    assert len(ran.execution.failures) == 1
    assert called == []


def test_a_timer_fires_or_is_cancelled(explore: Explore) -> None:
    def program() -> list[str]:
        said: list[str] = []
        timer = threading.Timer(5, said.append, args=["fired"])
        timer.start()
        timer.cancel()
        timer.join()
        return tuple(said)  # type: ignore[return-value]

    assert explore(program) == {(), ("fired",)}


def test_low_level_threads(explore: Explore) -> None:
    def program() -> tuple[int, ...]:
        done = _thread.allocate_lock()
        done.acquire()
        said: list[int] = []

        def work(number: int, *, more: int) -> None:
            said.append(number + more)
            done.release()

        ident = _thread.start_new_thread(work, (1,), {"more": 2})
        done.acquire()
        assert ident != threading.get_ident()
        return tuple(said)

    assert explore(program) == {(3,)}


def test_the_order_of_threads_is_every_order(explore: Explore) -> None:
    def program() -> str:
        lock = threading.Lock()
        order: list[str] = []

        def enter() -> None:
            with lock:
                order.append(threading.current_thread().name)

        threads = [threading.Thread(target=enter, name=name) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return "".join(order)

    assert explore(program) == {"abc", "acb", "bac", "bca", "cab", "cba"}


def test_outside_a_world_threads_are_real() -> None:
    idents: list[int] = []
    thread = threading.Thread(target=lambda: idents.append(threading.get_ident()))
    thread.start()
    thread.join()
    assert idents != [threading.get_ident()]


def test_counting_threads_sees_who_has_ended(explore, together, notes) -> None:
    def program() -> str:
        note = notes()
        together(a=lambda: note(threading.active_count()), b=lambda: None)
        note(threading.active_count())
        return note.all()

    assert explore(program) == {"MainThread: 1, a: 2", "MainThread: 1, a: 3"}


def test_an_exception_hook_of_the_programs_own_is_called(run, notes) -> None:
    def program() -> str:
        note = notes()
        before, threading.excepthook = threading.excepthook, lambda found: note(found.exc_type.__name__)
        try:
            thread = threading.Thread(target=lambda: {}["no such key"], name="a")
            thread.start()
            thread.join()
            note(repr(thread).partition(" stopped ")[1])
        finally:
            threading.excepthook = before
        return note.all()

    assert run(program).value == "MainThread:  stopped , a: KeyError"


def test_what_only_a_thread_knew_is_gone_when_it_has_ended(run) -> None:
    class Value:
        pass

    def program() -> bool:
        data, seen = threading.local(), []

        def use() -> None:
            data.value = Value()
            seen.append(weakref.ref(data.value))

        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
        return seen[0]() is None

    assert run(program).value


@pytest.mark.parametrize("given", [True, False])
def test_a_thread_runs_in_its_own_context(run, monkeypatch: pytest.MonkeyPatch, given: bool) -> None:
    """As in CPython 3.14; the attribute is the one its ``Thread`` has there."""
    monkeypatch.setattr(virtual_thread, "_has_context", True)
    number = contextvars.ContextVar("number", default=0)

    def program() -> tuple[list[int], int]:
        seen: list[int] = []
        context = contextvars.Context()
        context.run(number.set, 7)

        def use() -> None:
            seen.append(number.get())
            number.set(number.get() + 1)
            with threading.Lock():  # others may run in between
                seen.append(number.get())

        threads: list[Any] = [threading.Thread(target=use) for _ in range(2)]
        for thread in threads:
            thread._context = context.copy() if given else None
            thread.start()
        for thread in threads:
            thread.join()
        return seen, number.get()

    seen, outside = run(program).value
    assert sorted(seen) == ([7, 7, 8, 8] if given else [0, 0, 1, 1])
    assert outside == 0
