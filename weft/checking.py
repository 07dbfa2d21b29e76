"""One check from target to result, in this process: explore, repeat what failed, run the checkers, save the failures.

The command line runs this in a fresh child (weft.worker); tests and the Python API may call it where they are.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from . import __version__
from .checkers import shared
from .checkers.exploration.explore import Exploration, Problem, Recorded, explore, record, record_problems
from .checkers.finding import Finding, Result, Verdict
from .failure_file import FAILURES, write_failure
from .options import Options
from .simcore.in_place import rewritten_in_place
from .simcore.modules_used import modules_used
from .simcore.target import TargetError, check_parameters
from .simcore.trace import Header, Trace
from .sources import program_files

if TYPE_CHECKING:
    from .simcore.gpu.rows import AnyRow
    from .simcore.opcodes import Opcodes

NO_TORCH = "--gpu virtual needs torch, which is not installed here; install it with: pip install 'weft[torch]'"
NO_ACCESSES = (
    "shared variables are not watched: data races and lost updates (R001, R002) are not looked for, and threads switch "
    "at synchronisation only"
)


class Runnable(Protocol):
    """A program as the explorer needs it: a name, one execution from a fresh state, and its variables for names."""

    text: str

    def run(self, parameters: dict[str, Any]) -> None: ...

    def names(self) -> list[tuple[str, dict[str, Any]]]: ...

    def not_seen(self) -> list[str]:
        """What of its code is not watched for accesses to shared variables, a sentence each."""
        ...


class GaveUp(Exception):
    """Nothing could be explored; the message says what stopped the first execution (exit code 4)."""


@dataclass(slots=True)
class Checked:
    """A result with what does not go into its JSON: the traces behind the findings, and an interruption."""

    result: Result
    traces: list[Trace] = field(default_factory=list)
    interrupted: bool = False
    device_rows: list[AnyRow] = field(default_factory=list["AnyRow"])
    """What the simulated devices were asked to do, where that was to be kept."""


def check(
    target: Runnable,
    parameters: dict[str, Any],
    options: Options,
    *,
    argv: list[str] | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> Checked:
    """Explore ``target`` and return the result.

    Raises:
        GaveUp: the first execution could not be completed.
        KeyboardInterrupt: the user stopped the first execution, so there is no partial result.
        TargetError: the target cannot be loaded or called.
        Divergence: the program does not repeat its own steps.
    """
    with _devices(options), _watched(target, options), _precisely(target, options) as precise:
        return _check(target, parameters, options, argv, progress, precise)


def _check(
    target: Runnable,
    parameters: dict[str, Any],
    options: Options,
    argv: list[str] | None,
    progress: Callable[[int, int, float], None] | None,
    precise: Opcodes | None,
) -> Checked:
    started = perf_counter()
    loaded = set(sys.modules)
    header = Header(target.text, "explored", __version__, parameters, options.seed)
    exploration = explore(
        lambda: target.run(parameters),
        options.strategy,
        options.budget(),
        seed=options.seed,
        progress=None if progress is None else lambda now: progress(now.executions, now.steps, now.seconds),
        races=options.races,
        modules=target.names,
    )
    if exploration.gave_up and exploration.interrupted:
        raise KeyboardInterrupt(exploration.gave_up)
    if exploration.gave_up:
        raise GaveUp(exploration.gave_up)
    rows = record_problems(
        lambda: target.run(parameters),
        exploration,
        header,
        target=_named(target),
        budget=options.budget(),
        strict=options.strict_races,
    )
    forecast = (
        []
        if exploration.exhaustive or exploration.interrupted
        else _lock_orders(target, parameters, header, options, rows)
    )
    traces = [recorded.trace for _, _, recorded in rows]
    findings = [finding for finding, _, _ in rows] + forecast
    unsaved = ""
    if options.save:
        for finding, problem, recorded in rows:
            try:
                finding.replay = str(_save(target, parameters, argv or [], options, finding, problem, recorded))
            except OSError as error:
                unsaved = f"nothing to replay: the failure could not be written into {FAILURES} ({error.strerror})"
    device_rows = rows[0][2].execution.device_rows if rows else []
    if (options.traces or options.rows) and not rows and exploration.executions:
        good = record(lambda: target.run(parameters), (), header, target=_named(target), budget=options.budget())
        traces, device_rows = [good.trace], good.execution.device_rows
    limits = [*exploration.limits, *_unseen(target, options, loaded, precise)]
    notes: list[str] = []
    if exploration.consequences is not None:
        notes = exploration.consequences.notes(exploration.reported, exploration.exhaustive)
    notes += _about_torch(options)
    if unsaved:
        limits.append(unsaved)
    if exploration.interrupted:
        limits.insert(0, "interrupted by the user")
    return Checked(
        Result(
            weft=__version__,
            command="check",
            target=target.text,
            seed=options.seed,
            parameters=parameters,
            verdict=_verdict(findings, exploration),
            exhaustive=exploration.exhaustive,
            executions=exploration.executions,
            steps=exploration.steps,
            seconds=round(perf_counter() - started, 3),
            engine=options.strategy,
            gpus=options.gpus if options.gpu == "virtual" else 0,
            limits=limits,
            notes=notes,
            findings=findings,
            files=program_files(target, [recorded.trace for _, _, recorded in rows]),
        ),
        traces,
        exploration.interrupted,
        device_rows if options.rows else [],
    )


def _lock_orders(
    target: Runnable,
    parameters: dict[str, Any],
    header: Header,
    options: Options,
    rows: list[tuple[Finding, Problem, Recorded]],
) -> list[Finding]:
    """Where not every schedule was run: the deadlocks that the lock order of one run predicts (D002). Those reached by
    steering the program go into ``rows``, unless exploration found them; the others are returned."""
    from .checkers.exploration.directed import predict_and_confirm
    from .checkers.lock_order.report import same_waits

    forecast = predict_and_confirm(
        lambda: target.run(parameters),
        header,
        target=_named(target),
        budget=options.budget(),
        accesses=options.races,
    )
    found = [finding for finding, _, _ in rows]
    rows += (row for row in forecast.confirmed if not any(same_waits(other, row[0]) for other in found))
    return [finding for finding in forecast.findings if finding.certainty == "predicted"]


@contextmanager
def _watched(target: Runnable, options: Options) -> Generator[None]:
    """See the accesses of a function that was loaded without hooks; a target of the command line has them already."""
    instrument = options.watching()
    if instrument is None or not isinstance(target, FunctionTarget):
        yield
        return
    with rewritten_in_place(target.function, instrument) as target.unseen:
        yield


@contextmanager
def _devices(options: Options) -> Generator[None]:
    """Simulate torch's devices, if that was asked for.

    Raises:
        TargetError: torch is not installed.
    """
    if options.gpu == "none":
        yield
        return
    if importlib.util.find_spec("torch") is None:
        raise TargetError(NO_TORCH)
    from .simcore.gpu.torch_cuda import virtual_gpus

    with virtual_gpus(options.gpus):
        yield


def _about_torch(options: Options) -> list[str]:
    if options.gpu == "none":
        return []
    from .simcore.gpu.torch_cuda import torch, untested

    words = untested(torch.__version__)
    return [words] if words else []


def _precisely(target: Runnable, options: Options) -> AbstractContextManager[Opcodes | None]:
    if not options.precise:
        return nullcontext()
    from .simcore import opcodes

    return opcodes.watching(target.names)


def _unseen(target: Runnable, options: Options, loaded: set[str], precise: Opcodes | None) -> list[str]:
    """What of the program's accesses to shared variables was not watched; ``loaded`` were imported before it ran."""
    if not options.races:
        return [NO_ACCESSES]
    instrument = options.watching()
    own = {name for name, _ in target.names()}
    libraries: set[str] = set()
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None) or ""
        top = name.partition(".")[0]
        if name in loaded or name in own or top in loaded or "/site-packages/" not in file:
            continue
        if instrument is None or not instrument.matches(name):
            libraries.add(top)
    parts = target.not_seen() if precise is None else precise.unseen(target.not_seen())
    unseen = [f"accesses in {part} were not watched" if part.startswith("async ") else part for part in parts]
    if libraries:
        unseen.append(f"accesses inside {', '.join(sorted(libraries))} were not watched (--instrument NAME)")
    if isinstance(target, FunctionTarget) and precise is None:
        elsewhere = [
            name for name in modules_used(target.function) if instrument is None or not instrument.matches(name)
        ]
        if elsewhere:
            unseen.append(f"accesses inside {', '.join(elsewhere)} were not watched (instrument={elsewhere})")
    return unseen


def _named(target: Runnable) -> Any:
    return target


def _verdict(findings: list[Finding], exploration: Exploration) -> Verdict:
    if findings:
        return "findings"
    return "clean" if exploration.exhaustive else "incomplete"


def _save(
    target: Runnable,
    parameters: dict[str, Any],
    argv: list[str],
    options: Options,
    finding: Finding,
    problem: Problem,
    recorded: Recorded,
) -> Path:
    """Write the failure file that ``weft replay`` reads; returns its path relative to the working directory."""
    content = {
        "weft": __version__,
        "target": target.text,
        "argv": argv,
        "parameters": parameters,
        "options": asdict(options),
        "finding": {"rule": finding.rule, "fingerprint": finding.fingerprint, "message": finding.message},
        "outcome": problem.outcome.value,
        "schedule": list(problem.schedule),
        "visible": sorted(problem.visible),
        "signature": list(problem.signature),
        "labels": recorded.labels,
    }
    return write_failure(finding.fingerprint, content)


def replay(target: Runnable, failure: Mapping[str, Any], *, pdb: bool = False) -> Checked:
    """Run the recorded schedule of a failure file once more.

    Raises:
        Divergence: the program left the schedule; the message names the first differing step.
    """
    options = Options(**failure["options"])
    parameters = dict(failure["parameters"])
    started = perf_counter()
    header = Header(target.text, "explored", __version__, parameters, options.seed)
    with _devices(options), _watched(target, options), _precisely(target, options):
        recorded = record(
            lambda: target.run(parameters),
            tuple(failure["schedule"]),
            header,
            target=_named(target),
            labels=list(failure["labels"]),
            budget=options.budget(),
            visible=frozenset(failure.get("visible", ())) if options.races else None,
            fresh=True,
        )
    findings = shared.find(recorded.trace, tuple(failure.get("signature") or ("",))) or recorded.findings
    if pdb:
        _post_mortem(recorded)
    return Checked(
        Result(
            weft=__version__,
            command="replay",
            target=target.text,
            seed=options.seed,
            parameters=parameters,
            verdict="findings" if findings else "incomplete",
            exhaustive=False,
            executions=1,
            steps=recorded.execution.steps,
            seconds=round(perf_counter() - started, 3),
            engine="replay",
            gpus=options.gpus if options.gpu == "virtual" else 0,
            limits=["one recorded schedule was repeated"],
            findings=findings,
        ),
        [recorded.trace],
    )


def _post_mortem(recorded: Recorded) -> None:
    """Open the debugger where the failing thread raised."""
    import pdb
    import sys

    for thread in recorded.execution.failures:
        if thread.failure is not None and thread.failure[1] is not None:
            print(f"{thread.name}: {thread.failure[0]!r}", file=sys.stderr)
            pdb.post_mortem(thread.failure[1])
            return


@dataclass(slots=True)
class FunctionTarget:
    """A Python function as a target: called anew for every execution, its module is not executed again."""

    function: Callable[..., Any]
    text: str = ""
    unseen: list[str] = field(default_factory=lambda: list[str]())

    def __post_init__(self) -> None:
        module = getattr(self.function, "__module__", "?")
        self.text = self.text or f"{module}:{getattr(self.function, '__qualname__', repr(self.function))}"

    def run(self, parameters: dict[str, Any]) -> None:
        check_parameters(self.text, self.function, parameters)
        self.function(**parameters)

    def not_seen(self) -> list[str]:
        return self.unseen

    def names(self) -> list[tuple[str, dict[str, Any]]]:
        module = sys.modules.get(getattr(self.function, "__module__", ""))
        return [] if module is None else [(module.__name__, vars(module))]
