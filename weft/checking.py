"""One check from target to result, in this process: explore, repeat what failed, run the checkers, save the failures.

The command line runs this in a fresh child (weft.worker); tests and the Python API may call it where they are.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, Protocol, cast

import msgspec

from . import __version__
from .checkers import shared
from .checkers.exploration.directed import predict_and_confirm
from .checkers.exploration.explore import (
    STRATEGIES,
    Budget,
    Exploration,
    Problem,
    Recorded,
    explore,
    record,
    record_problems,
)
from .checkers.finding import Finding, Result, Verdict
from .checkers.lock_order.report import same_waits
from .simcore import opcodes
from .simcore.in_place import rewritten_in_place
from .simcore.target import Instrument, check_parameters
from .simcore.trace import Header, Trace
from .sources import program_files

FAILURE_SCHEMA = "weft.failure/1"
FAILURES = Path(".weft") / "failures"

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


def _cache() -> Path | None:
    """Where rewritten code is kept, per user; None where there is no home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weft" / "code"
    except RuntimeError:
        return None


class GaveUp(Exception):
    """Nothing could be explored; the message says what stopped the first execution (exit code 4)."""


class FailureFileError(Exception):
    """A failure file cannot be read or does not fit; the message says why (exit code 2)."""


@dataclass(frozen=True, slots=True)
class Options:
    """What ``weft check`` was asked to do. Times in seconds."""

    strategy: str = "dpor"
    max_executions: int | None = None
    max_seconds: float = 60.0
    max_steps: int = 20_000
    timeout: float = 10.0
    keep_going: bool = False
    seed: int = 0
    save: bool = True
    traces: bool = False
    """Also keep the trace of each finding (or of one good execution), for the HTML report."""
    races: bool = True
    """See the program's accesses to shared variables."""
    strict_races: bool = False
    """Unordered accesses are findings even when every explored order gave the same outcome."""
    instrument: tuple[str, ...] = ()
    """Modules and packages to see accesses of besides the program's own."""
    precise: bool = False
    """See the accesses of the program's code that was not rewritten, too, instruction by instruction."""

    def __post_init__(self) -> None:
        if self.precise and not opcodes.supported():
            raise ValueError(opcodes.REFUSAL)
        if self.precise and not self.races:
            raise ValueError(opcodes.NOTHING_TO_SEE)
        if self.strategy not in STRATEGIES:
            raise ValueError(f"strategy is {self.strategy!r}; it must be one of {', '.join(STRATEGIES)}")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")
        for name in ("max_executions", "max_seconds", "max_steps", "timeout"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}; it must be more than 0")

    def watching(self) -> Instrument | None:
        """What ``Target.prepare`` has to rewrite."""
        return Instrument(tuple(self.instrument), folder=_cache()) if self.races else None

    def budget(self) -> Budget:
        return Budget(
            max_executions=self.max_executions,
            max_seconds=self.max_seconds,
            max_steps=self.max_steps,
            stall_s=self.timeout,
            keep_going=self.keep_going,
        )


@dataclass(slots=True)
class Checked:
    """A result with what does not go into its JSON: the traces behind the findings, and an interruption."""

    result: Result
    traces: list[Trace] = field(default_factory=list)
    interrupted: bool = False


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
    with _watched(target, options), _precisely(target, options) as precise:
        return _check(target, parameters, options, argv, progress, precise)


def _check(
    target: Runnable,
    parameters: dict[str, Any],
    options: Options,
    argv: list[str] | None,
    progress: Callable[[int, int, float], None] | None,
    precise: opcodes.Opcodes | None,
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
    if options.traces and not rows and exploration.executions:
        traces = [
            record(lambda: target.run(parameters), (), header, target=_named(target), budget=options.budget()).trace
        ]
    limits = [*exploration.limits, *_unseen(target, options, loaded, precise)]
    notes: list[str] = []
    if exploration.consequences is not None:
        notes = exploration.consequences.notes(exploration.reported, exploration.exhaustive)
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
            limits=limits,
            notes=notes,
            findings=findings,
            files=program_files(target, [recorded.trace for _, _, recorded in rows]),
        ),
        traces,
        exploration.interrupted,
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


def _precisely(target: Runnable, options: Options) -> AbstractContextManager[opcodes.Opcodes | None]:
    return opcodes.watching(target.names) if options.precise else nullcontext()


def _unseen(target: Runnable, options: Options, loaded: set[str], precise: opcodes.Opcodes | None) -> list[str]:
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
    path = FAILURES / f"{finding.fingerprint}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "schema": FAILURE_SCHEMA,
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
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


class _Failure(msgspec.Struct):
    """What a failure file must hold."""

    target: str
    parameters: dict[str, Any]
    options: Options
    schedule: list[Annotated[int, msgspec.Meta(ge=0)]]
    labels: list[str]
    outcome: str
    argv: list[str] = []
    visible: list[str] = []
    signature: list[Any] = []


_OPTIONAL = ("argv", "visible", "signature")


def read_failure(path: Path) -> dict[str, Any]:
    """Read a failure file.

    Raises:
        FailureFileError: missing, not JSON, of another schema, or incomplete.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FailureFileError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FailureFileError(f"{path} is not a failure file: it is not JSON, or cut short ({error})") from error
    if not isinstance(content, dict) or cast("dict[str, Any]", content).get("schema") != FAILURE_SCHEMA:
        raise FailureFileError(f'{path} is not a failure file: its "schema" must be {FAILURE_SCHEMA!r}')
    missing = [key for key in _Failure.__struct_fields__ if key not in (*_OPTIONAL, *content)]
    if missing:
        raise FailureFileError(f"{path} is not a whole failure file: it has no {', '.join(missing)}")
    try:
        whole = msgspec.convert(content, _Failure)
        unknown = cast("dict[str, Any]", content["options"]).keys() - {option.name for option in fields(Options)}
    except msgspec.ValidationError as error:
        raise FailureFileError(f"{path} is not a whole failure file: {error}") from error
    if unknown:
        raise FailureFileError(f"{path} has options this version does not know: {', '.join(sorted(unknown))}")
    given = {key: getattr(whole, key) for key in _OPTIONAL}
    return {**cast("dict[str, Any]", content), "options": asdict(whole.options), **given}


def replay(target: Runnable, failure: Mapping[str, Any], *, pdb: bool = False) -> Checked:
    """Run the recorded schedule of a failure file once more.

    Raises:
        Divergence: the program left the schedule; the message names the first differing step.
    """
    options = Options(**failure["options"])
    parameters = dict(failure["parameters"])
    started = perf_counter()
    header = Header(target.text, "explored", __version__, parameters, options.seed)
    with _watched(target, options), _precisely(target, options):
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
