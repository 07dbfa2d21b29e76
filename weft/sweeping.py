"""Sweeps from the parent's side: one child process, or several that simulate what one has measured before.

Segments of code are only ever measured by one process at a time: two that measure beside each other disturb one
another, and a prediction would say how busy this machine was. What is shared out is simulation, which virtual time
keeps exact however slowly it goes. joblib does the sharing, over processes here (loky) or over a Dask cluster.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
from msgspec.structs import replace

from . import __version__
from .explanation import Explanation
from .process import ChildError, run_job
from .simcore.laws import fit_laws
from .simcore.prediction import (
    DRAWN_MAX,
    Base,
    Configuration,
    PredictedRun,
    Prediction,
    UnfinishedRun,
    few_drawn,
    worth_drawing,
)
from .simcore.profile import Profile
from .sweep_estimate import Progress, SweepError, Watch

LIMIT_S = 3600.0
"""How long a sweep may take that nobody said yes to: its estimate was too low."""
_LIMIT_WITH_YES_S = 30 * 86_400.0
_CONNECT_S = 10
_SHARES_A_WORKER = 2
"""More than one, so that no worker waits long for the last one; each costs the start of a process, which reads all that
was measured."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is asked for. ``timelines`` are numbers of configurations whose traces go into the folder ``traces_in``;
    ``what_if`` is a list of changes (:mod:`weft.what_if`)."""

    target: str
    argv: list[str]
    configurations: list[Configuration]
    profile: Profile
    repeat: int = 5
    seed: int = 0
    inheritance: bool = False
    timeout_s: float = 60.0
    traces_in: str = ""
    timelines: tuple[int, ...] = ()
    what_if: str = ""

    def job(self, configurations: Sequence[Configuration], **more: Any) -> dict[str, Any]:
        """The job of one child."""
        return {
            "command": "predict",
            "target": self.target,
            "argv": self.argv,
            "configurations": [asdict(configuration) for configuration in configurations],
            "profile": asdict(self.profile),
            "repeat": self.repeat,
            "seed": self.seed,
            "inheritance": self.inheritance,
            "quiet": True,
            "traces_in": "",
            "timelines": [],
            **more,
        }


@dataclass(frozen=True, slots=True)
class Swept:
    """What came out. ``traces`` are files, one for each timeline whose configuration completed."""

    prediction: Prediction
    explanation: Explanation
    traces: list[str]


def run(
    sweep: Sweep, *, workers: int = 1, cluster: str = "", yes: bool = False, progress: Progress | None = None
) -> Swept:
    """Predict and explain a sweep in ``workers`` processes, or on the Dask cluster at the address ``cluster``.

    ``progress`` is told (runs made, runs in all).

    Raises:
        SweepError: it would take long and there is no ``yes``; what shares it out is not installed, or not there.
        ChildError: bad target, a program that fails or cannot be simulated, or out of time.
    """
    watch = Watch(sweep.configurations, sweep.repeat, workers=workers, yes=yes, progress=progress)
    if (workers > 1 or cluster) and len(sweep.configurations) > 1:
        return _shared_out(sweep, workers, cluster, yes, watch)
    timelines = {"traces_in": sweep.traces_in, "timelines": [*sweep.timelines]}
    answer = _child(sweep, sweep.job(sweep.configurations, **timelines, **_explained(sweep)), yes, watch.saw)
    return Swept(
        msgspec.convert(answer["result"], Prediction),
        msgspec.convert(answer["explanation"], Explanation),
        answer["traces"],
    )


def _explained(sweep: Sweep, prediction: Prediction | None = None) -> dict[str, Any]:
    """What to explain: the child's own prediction, or the whole one that it has only a share of."""
    whole = None if prediction is None else msgspec.to_builtins(prediction)
    return {
        "explain": {"changes": sweep.what_if, "scale": sweep.configurations[0].scale, "prediction": whole},
    }


def _child(
    sweep: Sweep, job: dict[str, Any], yes: bool, saw: Callable[[dict[str, Any]], None] | None
) -> dict[str, Any]:
    limit_s = _LIMIT_WITH_YES_S if yes else LIMIT_S
    return run_job(job, limit_s=limit_s, stall_s=0.0, silence_s=sweep.timeout_s, seed=sweep.seed, progress=saw)


# Several processes.


def _shared_out(sweep: Sweep, workers: int, cluster: str, yes: bool, watch: Watch) -> Swept:
    """Measure in one child, simulate in several, explain in one."""
    started = monotonic()
    few = len(sweep.configurations) > DRAWN_MAX
    limit_s = _LIMIT_WITH_YES_S if yes else LIMIT_S
    with (
        _parallel(workers, cluster) as parallel,
        tempfile.TemporaryDirectory(prefix="weft-") as scratch,
        warnings.catch_warnings(),
    ):
        # joblib warns that work was cancelled when we stop at the first error, which is what we want.
        warnings.simplefilter("ignore", UserWarning)
        file = Path(scratch) / "tables"
        measured = _child(sweep, sweep.job(_one_each(sweep), tables_to=str(file), draws=False), yes, watch.saw)
        tables = file.read_bytes()

        def over(jobs: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
            return parallel.over(jobs, tables, limit_s, sweep.timeout_s, sweep.seed) if jobs else ()

        count = _SHARES_A_WORKER * parallel.workers
        jobs = [sweep.job(share, draws=not few) for share in shares(sweep.configurations, count)]
        parts: list[Prediction] = []
        for part in _predictions(over(jobs)):
            parts.append(part)
            watch.told(len(parts), len(jobs))
        prediction = merged(sweep.configurations, parts)
        known = msgspec.convert(measured["result"], Prediction)
        text = f"simulated in {parallel.workers} processes, by what one measured before for each set of parameters"
        prediction = replace(prediction, limits=[*dict.fromkeys([*known.limits, *prediction.limits]), text])
        drawn = over([sweep.job([found]) for found in _drawn(sweep, prediction)] if few else [])
        # While those are simulated, what all of it means, in a child of this process.
        job = sweep.job(
            [sweep.configurations[number] for number in sweep.timelines] or sweep.configurations[:1],
            tables_from=str(file),
            traces_in=sweep.traces_in,
            timelines=[*range(len(sweep.timelines))],
            draws=False,
            **_explained(sweep, prediction),
        )
        answer = _child(sweep, job, yes, None)
        if few:
            prediction = _with_intervals(prediction, [*_predictions(drawn)])
        prediction = replace(prediction, seconds=round(monotonic() - started, 3))
    return Swept(prediction, msgspec.convert(answer["explanation"], Explanation), answer["traces"])


def _predictions(answers: Iterable[dict[str, Any]]) -> Generator[Prediction]:
    for answer in answers:
        if "error" in answer:
            raise ChildError(answer["error"], answer["code"])
        yield msgspec.convert(answer["result"], Prediction)


def _drawn(sweep: Sweep, prediction: Prediction) -> list[Configuration]:
    """The configurations of a large sweep that get an interval."""
    runs = prediction.runs
    wanted = {_key_of(runs[number]) for number in worth_drawing([(run.gil, run.seconds) for run in runs])}
    return [configuration for configuration in sweep.configurations if _key(asdict(configuration)) in wanted]


def _with_intervals(prediction: Prediction, drawn: Sequence[Prediction]) -> Prediction:
    """The prediction with the intervals of those that were drawn for."""
    intervals = {_key_of(run): run.seconds_interval for part in drawn for run in part.runs}
    base = {base.gil: run.seconds for base in prediction.base for run in prediction.runs if _is_at(run, base)}
    runs = [
        _relative(replace(run, seconds_interval=intervals.get(_key_of(run), run.seconds_interval)), base[run.gil])
        for run in prediction.runs
    ]
    return replace(prediction, runs=runs, limits=[*prediction.limits, *few_drawn(len(runs))])


def _is_at(run: PredictedRun, base: Base) -> bool:
    return (run.params, run.cores, run.gil) == (base.params, base.cores, base.gil)


def _one_each(sweep: Sweep) -> list[Configuration]:
    """A configuration for each set of parameters: what is measured is the same for all of them."""
    found: dict[str, Configuration] = {}
    for configuration in sweep.configurations:
        found.setdefault(repr(configuration.params), configuration)
    return [*found.values()]


def shares(configurations: Sequence[Configuration], count: int) -> list[list[Configuration]]:
    """At most ``count`` shares of about equal size, neighbours together; none is empty."""
    count = min(count, len(configurations))
    bounds = [len(configurations) * number // count for number in range(count + 1)]
    return [[*configurations[start:end]] for start, end in pairwise(bounds)]


def simulate_share(job: dict[str, Any], tables: bytes, limit_s: float, timeout_s: float, seed: int) -> dict[str, Any]:
    """One share, in a child of the calling process, wherever that is: the answer, or an error with its exit code."""
    with tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        file = Path(scratch) / "tables"
        file.write_bytes(tables)
        try:
            return run_job(
                {**job, "tables_from": str(file)}, limit_s=limit_s, stall_s=0.0, silence_s=timeout_s, seed=seed
            )
        except ChildError as error:
            return {"error": str(error), "code": error.code}


@dataclass(frozen=True, slots=True)
class _Parallel:
    """joblib with its workers."""

    workers: int
    make: Callable[[], Any]

    def over(self, jobs: Sequence[dict[str, Any]], *more: Any) -> Iterable[dict[str, Any]]:
        """The answers, in the order in which they come."""
        joblib: Any = import_module("joblib")
        return self.make()(joblib.delayed(simulate_share)(job, *more) for job in jobs)


@contextmanager
def _parallel(workers: int, cluster: str) -> Generator[_Parallel]:
    """What shares work out, or a word on why it is not there."""
    joblib = _installed("joblib", "more than one worker", "or leave --workers out")
    if not cluster:
        yield _Parallel(
            workers, lambda: joblib.Parallel(n_jobs=workers, backend="loky", return_as="generator_unordered")
        )
        return
    distributed = _installed("dask.distributed", "--cluster", "or use --workers N on this machine")
    try:
        client: Any = distributed.Client(cluster, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise SweepError(
            f"no Dask scheduler answers at {cluster} ({error}); start one with `dask scheduler`, or use --workers N on "
            "this machine"
        ) from None
    try:
        there = sum(client.nthreads().values())
        if not there:
            raise SweepError(f"the Dask scheduler at {cluster} has no workers; start one with `dask worker {cluster}`")
        with joblib.parallel_config(backend="dask"):
            yield _Parallel(there, joblib.Parallel)
    finally:
        client.close()


def _installed(module: str, what: str, instead: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise SweepError(
            f"{what} needs {name}, which is not installed; pip install 'weft[cluster]', {instead}"
        ) from None


def merged(configurations: Sequence[Configuration], parts: Sequence[Prediction]) -> Prediction:
    """One prediction of several that share ``configurations`` among them: in that order, relative to one base."""
    order = {_key(asdict(configuration)): number for number, configuration in enumerate(configurations)}

    def number(row: Any) -> int:
        return order[_key_of(row)]

    rows: list[PredictedRun] = sorted((run for part in parts for run in part.runs), key=number)
    unfinished: list[UnfinishedRun] = sorted((run for part in parts for run in part.unfinished), key=number)
    base: dict[bool, PredictedRun] = {}
    for run in rows:
        base.setdefault(run.gil, run)
    found = [_relative(run, base[run.gil].seconds) for run in rows]
    return replace(
        parts[0],
        weft=__version__,
        base=[Base(run.params, run.cores, run.gil) for run in base.values()],
        runs=found,
        unfinished=unfinished,
        laws=fit_laws(found),
        limits=[*dict.fromkeys(limit for part in parts for limit in part.limits)],
        observed=[observed for part in parts for observed in part.observed],
    )


def _key(values: dict[str, Any]) -> str:
    return json.dumps({**values, "free_locks": [*values["free_locks"]]}, sort_keys=True, default=str)


def _key_of(row: Any) -> str:
    return _key({name: getattr(row, name) for name in ("params", "cores", "gil", "scale", "free_locks")})


def _relative(run: PredictedRun, base_seconds: float) -> PredictedRun:
    low, high = run.seconds_interval

    def ratio(seconds: float) -> float:
        return base_seconds / seconds if seconds else 1.0

    return replace(run, speedup=ratio(run.seconds), interval=(ratio(high), ratio(low)))
