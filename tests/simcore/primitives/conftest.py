"""Runs small programs on the dual primitives: under one schedule, under all, and under the reduced ones."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from weft.checkers.exploration.dpor import OptimalDpor
from weft.simcore.explored import Execution, ExploredWorld, Outcome
from weft.simcore.takeover import takeover
from weft.simcore.threads import VirtualThread
from weft.simcore.world import Operation

Program = Callable[[], Any]


@dataclass
class Ran:
    """One execution: what the program returned, the labels of its steps, and the world to look into."""

    execution: Execution
    value: Any
    steps: list[str]
    world: ExploredWorld

    @property
    def outcome(self) -> Outcome:
        return self.execution.outcome

    details: dict[str, str] = field(default_factory=dict)
    """For each thread that never ended, what its operation says about the object it waits for."""


class Script:
    """A schedule by thread names, one a scheduling point; afterwards (or when the named one cannot move) whoever
    moved last goes on, else the first that can. Keeps the choices for the exhaustive search."""

    def __init__(self, names: list[str] | None = None, uids: list[int] | None = None) -> None:
        self.names = list(names or [])
        self.uids = list(uids or [])
        self.choices: list[list[int]] = []
        self.taken: list[int] = []
        self.steps: list[str] = []

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        enabled = [thread for thread in world.live if world.enabled(thread)]
        if not enabled:
            return None
        chosen = last if last in enabled else enabled[0]
        if self.names:
            name = self.names.pop(0)
            chosen = next((thread for thread in enabled if thread.name == name), chosen)
        elif len(self.taken) < len(self.uids):
            chosen = next(thread for thread in enabled if thread.uid == self.uids[len(self.taken)])
        self.choices.append([thread.uid for thread in enabled])
        self.taken.append(chosen.uid)
        return chosen

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None:
        self.steps.append(f"{thread.name} {operation.label}")


def _run(program: Program, strategy: Any, **tables: Any) -> Ran:
    returned: list[Any] = [None]
    details: dict[str, str] = {}

    class Details:
        def registered(self, primitive: object) -> None: ...
        def registered_outside(self, primitive: object) -> None: ...
        def performing(self, thread: object, operation: object) -> None: ...
        def took(self, *step: object) -> None: ...
        def ended(self, world: ExploredWorld) -> None:
            for thread in world.live:
                if thread.pending is not None:
                    details[thread.name] = thread.pending.detail()

    def body() -> None:
        returned[0] = program()

    with takeover():
        world = ExploredWorld(strategy, observer=Details(), **tables)
        execution = world.run(body)
    return Ran(execution, returned[0], getattr(strategy, "steps", []), world, details)


def _outcome_of(ran: Ran) -> Any:
    failures = tuple(sorted(f"{thread.name}: {thread.failure[0]!r}" for thread in ran.execution.failures))
    if ran.outcome is Outcome.DEADLOCK:
        return ("deadlock", *sorted(ran.details), *failures)
    return ran.value if not failures else (ran.value, *failures)


def _all_outcomes(program: Program, most: int = 20_000) -> set[Any]:
    """The outcomes of every schedule, by plain depth-first search."""
    tables: dict[str, Any] = {"thread_uids": {}, "outside": {}}
    found: set[Any] = set()
    todo: list[list[int]] = [[]]
    runs = 0
    while todo:
        prefix = todo.pop()
        script = Script(uids=prefix)
        found.add(_outcome_of(_run(program, script, **tables)))
        runs += 1
        assert runs <= most, f"more than {most} schedules: make the program smaller"
        for position in range(len(prefix), len(script.taken)):
            todo += [
                [*script.taken[:position], uid] for uid in script.choices[position] if uid != script.taken[position]
            ]
    return found


def _reduced_outcomes(program: Program) -> tuple[set[Any], int]:
    """The outcomes that partial-order reduction reaches, and in how many executions."""
    tables: dict[str, Any] = {"thread_uids": {}, "outside": {}}
    found: set[Any] = set()
    strategy = OptimalDpor()
    runs = 0
    while True:
        ran = _run(program, strategy, **tables)
        runs += 1
        strategy.finished(ran.world)
        if ran.outcome is not Outcome.REDUNDANT:
            found.add(_outcome_of(ran))
        if not strategy.next_execution():
            return found, runs


@pytest.fixture
def run() -> Callable[..., Ran]:
    """``run(program, ["a", "b"])`` executes once, choosing threads by name."""

    def once(program: Program, names: list[str] | None = None) -> Ran:
        ran = _run(program, Script(names))
        failure = ran.world.threads[0].failure
        if failure is not None and isinstance(failure[0], Exception):
            raise failure[0]
        return ran

    return once


@pytest.fixture
def explore() -> Callable[[Program], set[Any]]:
    """All outcomes of a program; asserts that partial-order reduction finds the same, in no more executions."""

    def outcomes(program: Program) -> set[Any]:
        everything = _all_outcomes(program)
        reduced, _ = _reduced_outcomes(program)
        assert reduced == everything
        return everything

    return outcomes


class AtRandom:
    """Schedules drawn at random."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        enabled = [thread for thread in world.live if world.enabled(thread)]
        return self._random.choice(enabled) if enabled else None

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None: ...


@pytest.fixture
def explore_many() -> Callable[[Program], set[Any]]:
    """All outcomes of a program with too many schedules for :func:`explore`: those that partial-order reduction finds;
    asserts that schedules drawn at random have no other."""

    def outcomes(program: Program) -> set[Any]:
        reduced, _ = _reduced_outcomes(program)
        drawn = {_outcome_of(_run(program, AtRandom(seed))) for seed in range(200)}
        assert drawn <= reduced
        return reduced

    return outcomes


class Notes:
    """What each thread saw, by thread: independent of the order in which independent threads wrote it down."""

    def __init__(self) -> None:
        self._seen: dict[str, list[Any]] = {}

    def __call__(self, value: Any) -> None:
        self._seen.setdefault(threading.current_thread().name, []).append(value)

    def all(self) -> str:
        return ", ".join(f"{name}: {' '.join(map(str, seen))}" for name, seen in sorted(self._seen.items()))


@pytest.fixture
def notes() -> type[Notes]:
    return Notes


@pytest.fixture
def together() -> Callable[..., None]:
    """``together(a=f, b=g)`` runs functions in threads of these names and joins them."""

    def run_all(**functions: Callable[[], Any]) -> None:
        started = [threading.Thread(target=function, name=name) for name, function in functions.items()]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()

    return run_all


def _raised(call: Callable[[], Any]) -> str:
    try:
        return f"returned {call()!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.fixture
def raised() -> Callable[[Callable[[], Any]], str]:
    """What a call came to, as text: for comparing ours with CPython's."""
    return _raised
