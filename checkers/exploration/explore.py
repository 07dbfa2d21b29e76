"""The driver: run executions under a strategy until everything is explored or a budget is used up, then say what was
found, what was bounded, and how each finding can be repeated.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from time import perf_counter
from types import FrameType
from typing import Any, Protocol

from ...simcore import hooks, watch
from ...simcore.access import AccessMonitor, Stale
from ...simcore.explored import (
    MAX_STEPS,
    POLLS_IN_A_ROW,
    Divergence,
    Execution,
    ExploredWorld,
    Outcome,
    Stalled,
    Strategy,
)
from ...simcore.recorder import Recorder, failure_place, user_frame
from ...simcore.takeover import takeover
from ...simcore.target import Target, TargetError
from ...simcore.threads import VirtualThread
from ...simcore.trace import Header, Location, Trace
from ...simcore.world import Primitive
from .. import deadlock, failure, shared
from .. import partial as partial_deadlock
from ..finding import Finding
from ..gpu import findings as gpu
from .dpor import OptimalDpor
from .racing import Consequences, Heard, left_behind, place
from .replay import Replay
from .sampling import Once, Pct, Pos, Uniform

STRATEGIES = ("dpor", "random", "pct", "pos", "once")
_EXECUTIONS_AFTER_A_FINDING = 1000
"""Without ``keep_going``: how many more executions look for findings of other kinds (or as many as it took, if more).
A count, not a time, so that the same seed gives the same result."""
_STEPS_AFTER_A_FINDING = 200_000
"""The same in steps, for programs whose executions are long."""
_SAMPLES = 50
"""How many random schedules are run when executions are too long for partial-order reduction."""
_RECORDINGS_MAX = 50
_COLLECT_EVERY = 200
_RESTARTS_MAX = 3
_ON_DEVICES = "devices"
"""Begins the signature of an execution that shows a hazard on a device."""
_PROMOTIONS_MAX = 40
"""How often an exploration starts over because accesses turned out to be unordered; each time knows more of them."""


class Explorer(Strategy, Protocol):
    """A strategy that can run many executions. ``redundant`` counts executions given up as explored elsewhere."""

    name: str
    redundant: int
    infeasible: int
    deadline: float
    truncated: bool

    def finished(self, world: ExploredWorld) -> None:
        """The execution has ended; called before its threads are gone."""
        ...

    def next_execution(self) -> bool:
        """Prepare the next execution; False when there is none."""
        ...


def make_strategy(name: str, seed: int) -> Explorer:
    """The strategy called ``name`` (one of STRATEGIES)."""
    if name == "dpor":
        return OptimalDpor()
    return {"random": Uniform, "pct": Pct, "pos": Pos, "once": Once}[name](seed)


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop. ``stall_s``: how long one thread may run without reaching an operation."""

    max_executions: int | None = None
    max_seconds: float = 60.0
    max_steps: int = MAX_STEPS
    stall_s: float = 10.0
    keep_going: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """An execution worth showing: how to repeat it, and what kind of end it had."""

    schedule: tuple[int, ...]
    """The index of the thread that moved, for each step."""
    outcome: Outcome
    signature: tuple[Any, ...]
    switches: int
    visible: frozenset[str] = frozenset()
    """The groups of variables whose accesses were steps."""


@dataclass(slots=True)
class Exploration:
    """What an exploration came to, before anything is put into words."""

    executions: int = 0
    steps: int = 0
    redundant: int = 0
    exhaustive: bool = False
    problems: dict[tuple[Any, ...], Problem] = field(default_factory=dict)
    seen: dict[tuple[Any, ...], int] = field(default_factory=dict)
    limits: list[str] = field(default_factory=list)
    gave_up: str = ""
    """Why nothing was explored at all; empty when something was."""
    interrupted: bool = False
    seconds: float = 0.0
    consequences: Consequences | None = None
    """What is known of accesses to shared variables; None when they were not watched."""
    promoted: bool = False
    """Stopped because more variables have to be steps."""
    reported: set[str] = field(default_factory=lambda: set[str]())
    """The groups of variables that a finding speaks of."""


class Interrupted(Exception):
    """The user asked to stop; the partial result is kept."""


class _Watch:
    """What the signal handlers look at."""

    world: ExploredWorld | None = None
    step = -1
    interrupted = False
    consequences: Consequences | None = None
    promotions = 0

    @staticmethod
    def modules() -> list[tuple[str, dict[str, Any]]]:
        """The modules of the program, as far as somebody knows them."""
        return []


def _stalled(world: ExploredWorld, frame: FrameType | None, seconds: float) -> Stalled:
    inner = user_frame(frame)
    place = (
        "" if inner is None else f" at {Location(inner.f_code.co_filename, inner.f_lineno)} in {inner.f_code.co_name}()"
    )
    return Stalled(
        f"{world.thread.name} ran for {seconds:g} s{place} without reaching an operation weft can schedule: an "
        "endless loop, a long computation, or a call that blocks outside the simulation; raise "
        "--timeout if it only needs longer"
    )


_ALARMS = (
    (signal.SIGALRM, signal.ITIMER_REAL),
    (signal.SIGPROF, signal.ITIMER_PROF),
)
"""Signals the watchdog may use, best first: the wall clock sees calls that block, too; processor time sees only loops
(a test runner's own time limit often has the first)."""


@contextmanager
def watchdog(watch: _Watch, seconds: float) -> Generator[None]:
    """Stop an execution that makes no step for ``seconds`` (on the main thread, when a signal is free for it)."""
    free = [alarm for alarm in _ALARMS if signal.getsignal(alarm[0]) is signal.SIG_DFL]
    if not free or threading.current_thread() is not threading.main_thread():
        yield
        return
    number, timer = free[0]

    def look(_: int, frame: FrameType | None) -> None:
        world = watch.world
        if world is None or world.closing:
            return
        position = (id(world), world.step)
        if watch.step == hash(position):
            world.interrupt(_stalled(world, frame, seconds))
        watch.step = hash(position)

    signal.signal(number, look)
    signal.setitimer(timer, seconds / 2, seconds / 2)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def _interruptible(watch: _Watch) -> Generator[None]:
    """The first Ctrl-C ends the execution and keeps the partial result."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_: int, __: FrameType | None) -> None:
        watch.interrupted = True
        world = watch.world
        if world is not None and not world.closing:
            world.interrupt(Interrupted())

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _garbage_kept() -> Generator[None]:
    """No destructor runs in the middle of an execution: the driver collects in between."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _switches(schedule: list[int]) -> int:
    return sum(1 for before, after in pairwise(schedule) if before != after)


def _signature(execution: Execution) -> tuple[Any, ...] | None:
    """What tells one kind of failing end from another, quickly; None for an execution that ended well."""
    parts: list[Any] = []
    if execution.outcome is Outcome.DEADLOCK:
        for thread in execution.stuck:
            operation = thread.pending
            if operation is not None:
                parts.append((thread.uid, operation.label, operation.target.uid))
    elif execution.outcome is Outcome.STEP_LIMIT:
        parts += partial_deadlock.suspects(execution.threads)
        if execution.spinning:
            parts.append("spinning")
    elif execution.outcome is Outcome.COMPLETED:
        parts += partial_deadlock.cycle(execution.threads)
    for thread in execution.failures:
        assert thread.failure is not None
        error = thread.failure[0]
        parts.append((type(error).__name__, failure_place(error)))
    return (execution.outcome.value, *parts) if parts else None


def explore(
    program: Callable[[], None],
    strategy: str,
    budget: Budget,
    *,
    seed: int = 0,
    progress: Callable[[Exploration], None] | None = None,
    races: bool = False,
    modules: Callable[[], list[tuple[str, dict[str, Any]]]] | None = None,
) -> Exploration:
    """Run ``program`` again and again, each time as the main thread of a fresh world, under one of STRATEGIES.

    A first execution is run and not counted, so that the libraries the program imports are loaded before executions
    are compared; when a later one imports more, exploration starts over. So it does when ``races`` are looked for and
    accesses turn out to be unordered: from then on they are steps. ``modules`` gives the program's modules after an
    execution; what they hold then is part of how it ended.

    Raises:
        TargetError: the program could not be loaded (from the program itself).
        Divergence: the program does not repeat its own steps, so nothing can be concluded.
    """
    watch = _Watch()
    started = perf_counter()
    watch.consequences = Consequences() if races else None
    if modules is not None:
        watch.modules = modules
    with takeover(), _accesses_seen(races), _interruptible(watch), watchdog(watch, budget.stall_s), _garbage_kept():
        gave_up = _warm_up(program, budget, seed, watch)
        if gave_up is not None:
            return gave_up
        earlier: list[Exploration] = []
        restarts = 0
        while True:
            loaded = len(sys.modules)
            chosen = make_strategy(strategy, seed)
            try:
                result = _explore(program, chosen, budget, seed, progress, started, watch)
            except Divergence:
                restarts += 1
                if len(sys.modules) == loaded or restarts > _RESTARTS_MAX:
                    raise
                continue
            if result.promoted:
                earlier.append(result)
                continue
            if chosen.truncated and not (result.problems or result.interrupted):
                _sample_on(result, program, budget, seed, progress, started, watch)
            for before in earlier:
                result.redundant += before.redundant
                for signature, problem in before.problems.items():
                    result.problems.setdefault(signature, problem)
                    result.seen.setdefault(signature, before.seen[signature])
            return result


@contextmanager
def _accesses_seen(races: bool) -> Generator[None]:
    """Rewritten code tells the monitor of its accesses."""
    if races:
        hooks.install(watch.HOOKS)
    try:
        yield
    finally:
        if races:
            hooks.uninstall()


def _sample_on(
    result: Exploration,
    program: Callable[[], None],
    budget: Budget,
    seed: int,
    progress: Callable[[Exploration], None] | None,
    started: float,
    watch: _Watch,
) -> None:
    """Executions are too long to reverse all their races: draw some schedules at random as well."""
    left = _SAMPLES if budget.max_executions is None else min(_SAMPLES, budget.max_executions - result.executions)
    if left <= 0 or perf_counter() - started > budget.max_seconds:
        return
    drawn = _explore(program, Uniform(seed), replace(budget, max_executions=left), seed, progress, started, watch)
    result.executions += drawn.executions
    result.steps += drawn.steps
    result.seconds = drawn.seconds
    result.problems = drawn.problems
    result.seen = drawn.seen
    result.interrupted = drawn.interrupted
    result.limits.append(
        f"executions are long: beyond their first races, {drawn.executions} schedules were drawn at random"
    )


def _warm_up(program: Callable[[], None], budget: Budget, seed: int, watch: _Watch) -> Exploration | None:
    """Run once, uncounted; a result when that already shows that the program cannot be controlled."""
    consequences = watch.consequences
    monitor = None if consequences is None else consequences.monitor()
    watch.world = world = ExploredWorld(Once(seed), max_steps=budget.max_steps, seed=seed, accesses=monitor)
    try:
        execution = world.run(program)
    except Interrupted:
        return Exploration(gave_up="interrupted before the first execution ended", interrupted=True)
    finally:
        watch.world = None
    if consequences is not None and monitor is not None:
        consequences.restart(monitor.fresh)
    _raise_target_error(execution.failures)
    if execution.outcome in (Outcome.REFUSED, Outcome.STALLED):
        return Exploration(gave_up=execution.refusal)
    return None


class _Bounds:
    """What kept an exploration from being exhaustive, collected over its executions."""

    __slots__ = ("cut_off", "polling", "queried", "step_limit", "unseen")

    def __init__(self) -> None:
        self.unseen: set[str] = set()
        """Groups of variables found to be raced for when the exploration could not start over any more."""
        self.queried: set[str] = set()
        self.polling = False
        self.step_limit = False
        self.cut_off = ""

    def note(self, execution: Execution) -> None:
        self.polling |= execution.polling_bounded
        self.queried |= execution.queried
        self.step_limit |= execution.outcome is Outcome.STEP_LIMIT
        if execution.outcome in (Outcome.REFUSED, Outcome.STALLED):
            self.cut_off = execution.refusal

    @property
    def any(self) -> bool:
        return bool(self.polling or self.queried or self.step_limit or self.cut_off or self.unseen)


def _explore(
    program: Callable[[], None],
    strategy: Explorer,
    budget: Budget,
    seed: int,
    progress: Callable[[Exploration], None] | None,
    started: float,
    watch: _Watch,
) -> Exploration:
    """Executions until the strategy has no more, the budget is used up or the user stops."""
    consequences = watch.consequences
    result = Exploration(consequences=consequences)
    bounds = _Bounds()
    strategy.deadline = started + budget.max_seconds
    thread_uids: dict[tuple[int, int], int] = {}
    outside: dict[int, tuple[int, Primitive]] = {}
    first_finding = (0, 0)
    while True:
        monitor = None if consequences is None else consequences.monitor()
        watch.world = world = ExploredWorld(
            strategy,
            max_steps=budget.max_steps,
            seed=seed,
            thread_uids=thread_uids,
            outside=outside,
            accesses=monitor,
        )
        heard = Heard(sys.stdout)
        try:
            if consequences is not None and consequences.visible:
                with redirect_stdout(heard):
                    execution = world.run(program)
            else:
                execution = world.run(program)
        except Interrupted:
            result.interrupted = True
            break
        finally:
            watch.world = None
        result.steps += execution.steps
        if execution.outcome is not Outcome.REDUNDANT:
            result.executions += 1
            bounds.note(execution)
            _raise_target_error(execution.failures)
            signature = _signature(execution)
            if signature is not None:
                _remember(result, signature, execution, frozenset() if monitor is None else monitor.visible)
                first_finding = first_finding if first_finding[0] else (result.executions, result.steps)
            for finding in gpu.find(execution.device_rows) if execution.device_rows else ():
                visible = frozenset[str]() if monitor is None else monitor.visible
                _remember(result, (_ON_DEVICES, finding.fingerprint, finding.certainty), execution, visible)
                first_finding = first_finding if first_finding[0] else (result.executions, result.steps)
            if consequences is not None and monitor is not None:
                left = partial(left_behind, watch.modules(), heard)
                for stale in consequences.ended(monitor, execution, _indices(execution), left):
                    _remember(result, stale_signature(stale), execution, monitor.visible)
                    if stale.sure:
                        first_finding = first_finding if first_finding[0] else (result.executions, result.steps)
        if consequences is not None and monitor is not None and monitor.fresh:
            if watch.promotions < _PROMOTIONS_MAX:
                watch.promotions += 1
                consequences.restart(monitor.fresh)
                result.promoted = True
                world.dissolve()
                break
            bounds.unseen |= monitor.fresh
        strategy.finished(world)
        world.dissolve()
        if not strategy.next_execution():
            result.exhaustive = strategy.name == OptimalDpor.name and not (bounds.any or strategy.truncated)
            break
        result.interrupted = watch.interrupted
        reason = _used_up(result, budget, first_finding, perf_counter() - started)
        if reason:
            result.limits.append(reason)
        if reason or result.interrupted:
            break
        if result.executions % _COLLECT_EVERY == 0:
            gc.collect(1)
        if progress is not None:
            result.seconds = perf_counter() - started
            progress(result)
    result.redundant = strategy.redundant
    result.seconds = perf_counter() - started
    result.limits += _limits(bounds, strategy, budget)
    if strategy.infeasible and result.exhaustive:
        result.exhaustive = False
        result.limits.append(f"{strategy.infeasible} planned schedules could not be followed")
    return result


def _limits(bounds: _Bounds, strategy: Explorer, budget: Budget) -> list[str]:
    """What was bounded, in the words of the result."""
    limits: list[str] = []
    if bounds.cut_off:
        limits.append(f"an execution was cut off: {bounds.cut_off}")
    if bounds.polling:
        limits.append(f"a thread that polls was let look {POLLS_IN_A_ROW} times in a row, then only after a change")
    if bounds.queried:
        places = ", ".join(sorted(bounds.queried))
        limits.append(f"query() always said that the device is done, so what follows a no was not run ({places})")
    if bounds.unseen:
        limits.append(f"the order of accesses to {len(bounds.unseen)} further groups of variables was not explored")
    if bounds.step_limit:
        limits.append(f"executions longer than {budget.max_steps} steps were cut off (--max-steps)")
    if strategy.name != OptimalDpor.name:
        limits.append(f"schedules were sampled ({strategy.name}), not enumerated")
    return limits


def _raise_target_error(threads: list[VirtualThread]) -> None:
    for thread in threads:
        if thread.index == 0 and thread.failure is not None and isinstance(thread.failure[0], TargetError):
            raise thread.failure[0]


def _indices(execution: Execution) -> tuple[int, ...]:
    """The schedule as thread indices, which a replay can follow."""
    index_of = {thread.uid: thread.index for thread in execution.threads}
    return tuple(index_of[uid] for uid in execution.schedule)


def stale_signature(stale: Stale) -> tuple[Any, ...]:
    """What a problem is called whose schedule shows a stale write: the group, the three places, and what kind it is."""
    return ("stale", stale.group, *(str(place(site)) for site in stale.sites), stale.racy, stale.sure)


def _remember(result: Exploration, signature: tuple[Any, ...], execution: Execution, visible: frozenset[str]) -> None:
    schedule = list(_indices(execution))
    problem = Problem(tuple(schedule), execution.outcome, signature, _switches(schedule), visible)
    known = result.problems.get(signature)
    result.seen[signature] = result.seen.get(signature, 0) + 1
    if known is None or (problem.switches, len(problem.schedule)) < (known.switches, len(known.schedule)):
        result.problems[signature] = problem


def _used_up(result: Exploration, budget: Budget, first_finding: tuple[int, int], seconds: float) -> str:
    """Why to stop now, in the words of the result; empty to go on."""
    if budget.max_executions is not None and result.executions >= budget.max_executions:
        return f"stopped after {result.executions} executions (--max-executions)"
    if seconds > budget.max_seconds:
        return f"stopped after {budget.max_seconds:g} s (--max-seconds)"
    executions, steps = first_finding
    if executions and not budget.keep_going:
        more_executions = max(_EXECUTIONS_AFTER_A_FINDING, executions)
        more_steps = max(_STEPS_AFTER_A_FINDING, steps)
        if result.executions >= executions + more_executions or result.steps >= steps + more_steps:
            more = result.executions - executions
            return f"stopped {more} executions after the first finding (--keep-going explores on)"
    return ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A problem repeated in full: its trace, its findings, and the labels that a replay checks step by step."""

    trace: Trace
    findings: list[Finding]
    labels: list[str]
    execution: Execution
    output: str = ""


def record(
    program: Callable[[], None],
    schedule: tuple[int, ...],
    header: Header,
    *,
    target: Target | None = None,
    labels: list[str] | None = None,
    budget: Budget | None = None,
    visible: frozenset[str] | None = None,
    fresh: bool = False,
) -> Recorded:
    """Repeat one schedule with everything recorded, and run the checkers on its trace. Accesses to shared variables are
    recorded when ``visible`` says which groups of them were steps of the schedule (none: the empty set). In a ``fresh``
    process the program is run once before, as when it was explored: what it imports takes locks, the first time.

    Raises:
        Divergence: the program left the schedule; the message names the first differing step.
        TargetError: the program can no longer be loaded or called.
        Interrupted: the user asked to stop.
    """
    budget = budget or Budget()
    recorder = Recorder(header, target)
    watch = _Watch()
    monitor = None if visible is None else AccessMonitor(visible)
    if monitor is not None:
        recorder.watch(monitor)
    with (
        takeover(),
        _accesses_seen(visible is not None),
        _interruptible(watch),
        watchdog(watch, budget.stall_s),
        _garbage_kept(),
    ):
        if fresh:
            _warm_up(program, budget, header.seed, watch)
        world = ExploredWorld(
            Replay(schedule, labels or ()),
            max_steps=budget.max_steps,
            seed=header.seed,
            observer=recorder,
            accesses=monitor,
        )
        world.on_main_end = lambda: recorder.look_for_names(world)
        watch.world = world
        try:
            execution = world.run(program)
        except Divergence:
            _raise_target_error(world.threads)
            raise
        finally:
            watch.world = None
    _raise_target_error(execution.failures)
    trace = recorder.trace()
    findings: list[Finding] = []
    if execution.outcome is Outcome.DEADLOCK:
        findings += deadlock.find(trace)
    elif execution.outcome is Outcome.COMPLETED:
        findings += deadlock.find(trace, all_stuck=False)
    elif execution.outcome is Outcome.STEP_LIMIT:
        cycles = deadlock.find(trace, all_stuck=False)
        findings += cycles or ([failure.livelock(trace, execution.steps)] if execution.spinning else [])
    findings += failure.find(trace)
    if execution.device_rows:
        findings += gpu.find(execution.device_rows)
    return Recorded(trace, findings, recorder.labels, execution)


_ABOUT_MEMORY = ("stale", "race")


def _worth_showing(exploration: Exploration, *, strict: bool) -> list[Problem]:
    """The problems that are findings. A stale write is one when it has a consequence; where not every schedule was run,
    also when the value written was computed from the one read. A race without a stale write is one when the order of
    the two accesses decides how the program ends, or when asked for."""
    problems = list(exploration.problems.values())
    consequences = exploration.consequences
    if consequences is None:
        return problems
    consequences.compare_across()
    matters = consequences.consequential()
    shown = [problem for problem in problems if problem.signature[0] != "stale"]
    covered: set[str] = set()
    for problem in problems:
        if problem.signature[0] != "stale":
            continue
        _, group, _, _, _, racy, sure = problem.signature
        if not racy or group in matters or (sure and not exploration.exhaustive):
            shown.append(problem)
            covered.add(group)
    groups = {race.group for race in consequences.races.values()} if strict else matters
    for group in sorted(groups - covered):
        race = consequences.race_of(group)
        difference = consequences.differences.get(group) if group in matters else None
        if race is None or (difference is None and group not in consequences.shown):
            continue
        schedule, visible = (
            consequences.shown[group] if difference is None else (difference.schedule, difference.visible)
        )
        signature = ("race", group, *(str(place(site)) for site in race.sites), difference and difference.ends)
        outcome = Outcome.COMPLETED if difference is None else difference.outcome
        shown.append(Problem(schedule, outcome, signature, _switches(list(schedule)), visible))
    return shown


def record_problems(
    program: Callable[[], None],
    exploration: Exploration,
    header: Header,
    *,
    target: Target | None = None,
    budget: Budget | None = None,
    strict: bool = False,
) -> list[tuple[Finding, Problem, Recorded]]:
    """Every different finding of an exploration, with the problem that shows it best; same finding, one row.
    ``strict`` also shows unordered accesses without a consequence.

    Raises:
        Divergence: a problem did not repeat.
    """
    rows: dict[str, tuple[Finding, Problem, Recorded]] = {}
    ordered = sorted(
        _worth_showing(exploration, strict=strict),
        key=lambda problem: (problem.switches, len(problem.schedule), problem.schedule),
    )
    for problem in ordered[:_RECORDINGS_MAX]:
        visible = None if exploration.consequences is None else problem.visible
        try:
            recorded = record(program, problem.schedule, header, target=target, budget=budget, visible=visible)
        except Interrupted:
            exploration.interrupted, exploration.exhaustive = True, False
            exploration.limits.append("not every failing end was looked into")
            break
        if recorded.execution.outcome is not problem.outcome:
            raise Divergence(
                f"a schedule that ended in {problem.outcome.value} ended in {recorded.execution.outcome.value} when "
                "repeated: the program depends on something outside it (real clock, environment, order by id or hash)"
            )
        found = shared.find(recorded.trace, problem.signature) or recorded.findings
        if problem.signature[0] == _ON_DEVICES:
            found = [finding for finding in found if finding.fingerprint == problem.signature[1]]
        for finding in found:
            seen = exploration.seen.get(problem.signature, 1)
            known = rows.get(finding.fingerprint)
            if known is None:
                finding.seen = seen
                rows[finding.fingerprint] = (finding, problem, recorded)
            else:
                known[0].seen += seen
    if exploration.consequences is not None:
        exploration.reported = {problem.signature[1] for problem in ordered if problem.signature[0] in _ABOUT_MEMORY}
    if len(ordered) > _RECORDINGS_MAX:
        exploration.limits.append(
            f"{len(ordered) - _RECORDINGS_MAX} further kinds of failing ends were not looked into"
        )
    return list(rows.values())
