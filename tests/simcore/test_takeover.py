"""The takeover: outside a world everything is the real thing, and afterwards every name is what it was."""

from __future__ import annotations

import _thread
import concurrent.futures
import logging
import os
import queue
import random
import socket
import sys
import threading
import time
import types
from collections.abc import Callable
from typing import Any

import pytest

from weft.checkers.exploration.explore import Budget, explore
from weft.checkers.exploration.sampling import Once
from weft.models import dining
from weft.simcore import refusals
from weft.simcore import takeover as room
from weft.simcore.explored import ExploredWorld, Outcome
from weft.simcore.primitives import condition, event, lock
from weft.simcore.takeover import is_library, takeover
from weft.simcore.world import Primitive


def names() -> dict[str, Any]:
    """Everything that is replaced, as it is now."""
    modules = (
        threading,
        _thread,
        queue,
        time,
        random,
        concurrent.futures,
        concurrent.futures._base,
        concurrent.futures.thread,
    )
    found = {f"{module.__name__}.{name}": value for module in modules for name, value in vars(module).items()}
    found |= {f"Thread.{name}": value for name, value in vars(threading.Thread).items()}
    found["importlib"] = sys.modules["_frozen_importlib"]._thread  # type: ignore[attr-defined]
    return found


def in_world(program: Callable[[], Any]) -> Any:
    """Run once, take what it returns."""
    returned: list[Any] = []
    with takeover():
        execution = ExploredWorld(Once(0)).run(lambda: returned.append(program()))
    assert execution.outcome is Outcome.COMPLETED
    for thread in execution.failures:
        raise thread.failure[0]
    return returned[0]


def test_afterwards_every_name_is_what_it_was() -> None:
    before = names()
    with takeover():
        during = names()
    after = names()
    assert [name for name in before if before[name] is not after[name]] == []
    changed = {name for name in before if before[name] is not during[name]}
    assert {"threading.Lock", "threading.Event", "queue.Queue", "time.sleep", "random.random"} <= changed
    assert {"Thread.start", "Thread.join", "concurrent.futures.ThreadPoolExecutor", "_thread.allocate_lock"} <= changed


def test_a_takeover_inside_a_takeover_ends_with_the_outer_one() -> None:
    real = threading.Lock
    with takeover():
        with takeover():
            assert threading.Lock is lock.Lock
        assert threading.Lock is lock.Lock
    assert threading.Lock is real


def test_an_error_inside_restores_the_names_too() -> None:
    before = names()
    with pytest.raises(LookupError), takeover():
        raise LookupError
    assert names() == before


def test_outside_a_world_the_replacements_are_the_real_thing() -> None:
    """Real threads, real waiting: the takeover alone changes nothing for whoever is not in a world."""
    with takeover():
        mutex, ready, items = threading.Lock(), threading.Event(), queue.Queue[int](1)
        condition_ = threading.Condition()
        answers: list[Any] = []

        def work() -> None:
            with mutex:
                answers.append(items.get(timeout=120))
            with condition_:
                condition_.notify()
            ready.set()

        thread = threading.Thread(target=work)
        with condition_:
            thread.start()
            items.put(7)
            assert condition_.wait(10)
        assert ready.wait(10)
        thread.join(10)
        assert not thread.is_alive()
        assert answers == [7]
        assert thread.ident != threading.get_ident()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            assert list(pool.map(abs, [-1, -2])) == [1, 2]
        assert time.time() > 1.7e9
        assert isinstance(mutex, Primitive)


def test_in_a_world_names_imported_inside_are_ours() -> None:
    def program() -> list[bool]:
        from threading import Condition, Event, Lock

        return [
            isinstance(Lock(), lock.Lock),
            isinstance(Event(), event.Event),
            isinstance(Condition(), condition.Condition),
        ]

    assert in_world(program) == [True, True, True]


def test_subclasses_of_thread_made_before_or_inside_run() -> None:
    class Before(threading.Thread):
        def __init__(self, said: list[str]) -> None:
            super().__init__(name="before")
            self.said = said

        def run(self) -> None:
            self.said.append(threading.current_thread().name)

    def program() -> list[str]:
        said: list[str] = []

        class Inside(threading.Thread):
            def run(self) -> None:
                said.append(self.name)

        threads = [Before(said), Inside(), threading.Timer(1, said.append, ["timer"])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(said)

    for _ in range(2):  # names are numbered anew in every execution
        assert in_world(program) == ["Thread-1", "before", "timer"]


def test_modules_are_imported_inside_a_world() -> None:
    """The import system keeps its real locks."""
    for name in ("colorsys", "sndhdr_that_is_not_there"):
        sys.modules.pop(name, None)

    def program() -> str:
        import colorsys

        return colorsys.__name__

    assert in_world(program) == "colorsys"


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (socket.socket, "opens a socket"),
        (lambda: os.system("true"), "runs a shell command"),
    ],
    ids=["socket", "system"],
)
def test_what_cannot_be_simulated_is_refused_in_a_world_only(call: Callable[[], Any], what: str) -> None:
    with takeover():
        execution = ExploredWorld(Once(0)).run(lambda: _drop(call()))
    assert execution.outcome is Outcome.REFUSED
    assert f"the program {what} at test_takeover.py:" in execution.refusal
    with socket.socket() as free:
        assert free.fileno() > 0


def _drop(_: object) -> None:
    return


def test_a_refusal_is_forgotten_by_the_next_world() -> None:
    with takeover():
        ExploredWorld(Once(0)).run(lambda: _drop(os.system("true")))
    assert refusals.refusal is not None
    assert in_world(lambda: "fine") == "fine"


def test_whose_file_it_is() -> None:
    assert is_library(threading.__file__)
    assert is_library(lock.__file__)
    assert is_library(room.__file__)
    assert is_library("<frozen importlib._bootstrap>")
    assert not is_library(__file__)
    assert not is_library(pytest.__file__)
    assert not is_library(dining.__file__)


class _Outcome:
    """All outcomes of a program, over every schedule."""

    def __init__(self, program: Callable[[], Any]) -> None:
        found = explore(program, "dpor", Budget(max_seconds=20))
        self.exhaustive = found.exhaustive
        self.problems = {problem.outcome for problem in found.problems.values()}


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module imported before the takeover, with every kind of lock in it."""
    module = types.ModuleType("imported_early")
    source = """
import functools, queue, threading
a, b = threading.Lock(), threading.Lock()
nested = threading.RLock()
condition, event, semaphore, barrier = (
    threading.Condition(), threading.Event(), threading.Semaphore(1), threading.Barrier(2))
items = queue.Queue(1)
class Box:
    guard = threading.Lock()
    @functools.cached_property
    def value(self): return object()
"""
    exec(source, module.__dict__)
    monkeypatch.setitem(sys.modules, "imported_early", module)
    return module


def test_locks_made_before_are_waited_for_inside_and_real_again_afterwards(early: types.ModuleType) -> None:
    real = early.a
    inner = early.condition._lock

    def takes(first: Any, second: Any) -> None:
        with first, second:
            pass

    def program() -> None:
        assert isinstance(early.a, lock.Lock)
        assert isinstance(early.Box.guard, lock.Lock)
        threads = [
            threading.Thread(target=takes, args=(early.a, early.b)),
            threading.Thread(target=takes, args=(early.b, early.a)),
        ]
        for thread in threads:
            thread.start()

    found = _Outcome(program)
    assert found.problems == {Outcome.DEADLOCK}
    assert early.a is real
    assert early.condition._lock is inner
    assert not isinstance(real, lock.Lock)
    with early.condition, real:
        early.condition.notify()


def test_what_is_made_of_early_locks_works_inside(early: types.ModuleType) -> None:
    def program() -> None:
        got: list[Any] = []

        def consume() -> None:
            got.append(early.items.get())
            with early.semaphore, early.nested, early.nested:
                early.event.wait()
            early.barrier.wait()

        thread = threading.Thread(target=consume)
        thread.start()
        early.items.put(1)
        with early.condition:
            early.condition.notify()
        early.event.set()
        early.barrier.wait()
        thread.join()
        assert got == [1]
        early.event.clear()

    found = _Outcome(program)
    assert found.exhaustive
    assert not found.problems


def test_an_early_lock_is_named_after_its_variable(early: types.ModuleType) -> None:
    names: list[str] = []
    with takeover():
        found: list[Any] = [early.a, early.Box.guard, vars(logging)["_lock"]]
        names += [one.given_name() for one in found]
    assert names == ["imported_early.a", "imported_early.Box.guard", "logging._lock"]


def test_a_takeover_that_fails_half_way_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before = names()

    def broken() -> None:
        raise RuntimeError("the dates cannot be taken over")

    with monkeypatch.context() as patched:
        patched.setattr(room.calendar, "take_over_dates", broken)
        with pytest.raises(RuntimeError, match="dates"), takeover():
            pytest.fail("the takeover is not complete")
    assert names() == before
    with takeover():
        assert threading.Lock is lock.Lock, "the next one takes over again"
    assert names() == before


class Grumbling:
    """A variable of a library that does not like to be asked what it is."""

    @property
    def __class__(self) -> Any:
        raise AttributeError("deprecated")


def test_modules_with_variables_that_mind_being_looked_at_are_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("grumbling_library")
    module.__dict__.update(old=Grumbling(), kept=threading.Lock())
    monkeypatch.setitem(sys.modules, "grumbling_library", module)
    kept: Any = module.__dict__["kept"]
    with takeover():
        assert isinstance(module.__dict__["kept"], lock.Lock), "its lock was found all the same"
    assert module.__dict__["kept"] is kept
