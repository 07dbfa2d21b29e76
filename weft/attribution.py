"""What holds a program back, with the gain of taking it away: critical paths, and the simulation without their worst.

It asks for simulations and words their results; how one is made, or printed, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .checkers.critical_path import CriticalPath, Part, critical_path, duration_ns
from .models.laws import published_speedup
from .real_runs.envelope import Belief, belief
from .simcore.bottlenecks import Attribution, PathShare
from .simcore.laws import CriticalPathBound
from .simcore.prediction import Configuration, PredictedRun, Prediction, PredictionError
from .simcore.trace import Trace

WAITS = frozenset({"lock", "gil", "core", "wake-up", "time-out", "wait", "start"})
"""Kinds of a path's parts in which nothing gets done."""
HARDLY_ANY = 0.05
"""Waiting below this share of the path holds nobody back."""
_AS_FAST = 1.005
"""Times closer than that are the same: more cores or threads for it are not worth a word."""
_PARTS_MAX = 6
_HOLDERS_MAX = 3
_TWICE = 0.5


RunTimeline = Callable[[Configuration], Trace]
"""Simulates a configuration once and returns the trace with scheduler events; the same one each time.

Raises PredictionError when the program fails or comes to no end.
"""


RunSeconds = Callable[[Configuration], float]
"""The same run without a trace, which costs less: what it takes in virtual time. Raises as that does."""


@dataclass(slots=True)
class _Simulated:
    duration_ns: int
    threads: int
    path: CriticalPath | None = None
    belief: Belief | None = None


class Simulations:
    """Configurations simulated when they are asked for first. Paths are kept, traces are not: they are large."""

    def __init__(
        self,
        run_timeline: RunTimeline,
        scale: Mapping[str, float] | None = None,
        prediction: Prediction | None = None,
        run_seconds: RunSeconds | None = None,
    ) -> None:
        self._run_timeline = run_timeline
        self._run_seconds = run_seconds
        self._scale = dict(scale or {})
        self._known: dict[str, _Simulated] = {}
        runs = [] if prediction is None else prediction.runs
        self._seconds = {
            repr(Configuration(run.params, run.cores, run.gil, scale=run.scale, free_locks=run.free_locks)): run.seconds
            for run in runs
        }
        """Of what the prediction has already."""

    def configuration(self, run: PredictedRun) -> Configuration:
        """What was simulated for ``run``."""
        return Configuration(run.params, run.cores, run.gil, scale=self._scale)

    def seconds(self, configuration: Configuration) -> float:
        """How long it takes, in virtual time."""
        key = repr(configuration)
        found = self._seconds.get(key)
        if found is None and self._run_seconds is not None and key not in self._known:
            found = self._seconds[key] = self._run_seconds(configuration)
        return self._simulated(configuration).duration_ns / 1e9 if found is None else found

    def threads(self, configuration: Configuration) -> int:
        """How many threads there were."""
        return self._simulated(configuration).threads

    def path(self, configuration: Configuration) -> CriticalPath:
        path = self._simulated(configuration, with_path=True).path
        assert path is not None
        return path

    def belief(self, run: PredictedRun) -> Belief:
        """Whether the time of a predicted run is to be believed."""
        found = self._simulated(self.configuration(run), believed=run).belief
        assert found is not None
        return found

    def _simulated(
        self, configuration: Configuration, *, with_path: bool = False, believed: PredictedRun | None = None
    ) -> _Simulated:
        known = self._known.get(repr(configuration))
        wanted = with_path or believed is not None
        if known is None or (wanted and known.path is None) or (believed is not None and known.belief is None):
            trace = self._run_timeline(configuration)
            known = _Simulated(duration_ns(trace), len(trace.tables.threads))
            if believed is not None:
                known.belief = belief(believed, trace)
                known.path = known.belief.path
            elif wanted:
                known.path = critical_path(trace)
            self._known[repr(configuration)] = known
        return known


def attribute(prediction: Prediction, run_timeline: RunTimeline | Simulations) -> list[Attribution]:
    """What holds the fastest configuration of each GIL mode back.

    A part of the critical path that is waiting is taken away and the rest simulated again; without any, what computes
    most is made twice as fast.
    """
    simulations = run_timeline if isinstance(run_timeline, Simulations) else Simulations(run_timeline)
    return [_attributed(run, simulations) for run in fastest(prediction.runs)]


def fastest(runs: Sequence[PredictedRun]) -> list[PredictedRun]:
    """The fastest of each GIL mode, with the GIL first; of those that are as fast, the first."""
    found: list[PredictedRun] = []
    for gil in (True, False):
        rows = [run for run in runs if run.gil is gil]
        if rows:
            limit = _AS_FAST * min(run.seconds for run in rows)
            found.append(next(run for run in rows if run.seconds <= limit))
    return found


def worst_part(path: CriticalPath) -> Part | None:
    """The longest wait if it matters, else the longest computation or sleep; None for a run that takes no time."""
    waits = [part for part in path.parts if part.kind in WAITS and part.share >= HARDLY_ANY]
    rest = [part for part in path.parts if part.kind not in WAITS]
    return next(iter(waits or rest), None)


def _attributed(run: PredictedRun, simulations: Simulations) -> Attribution:
    configuration = simulations.configuration(run)
    path = simulations.path(configuration)
    worst = worst_part(path)
    seconds = path.duration_ns / 1e9
    change, changed_seconds = "", None
    if worst is not None:
        change, changed_seconds = _without(worst, configuration, simulations)
    bottleneck = "none: the program takes no time"
    if worst is not None:
        bottleneck = f"{subject(worst, run.cores)}: {100 * worst.share:.0f} % of the critical path"
    return Attribution(
        params=run.params,
        cores=run.cores,
        gil=run.gil,
        bottleneck=bottleneck,
        share=0.0 if worst is None else worst.share,
        speedup=run.speedup,
        change=change,
        changed_seconds=changed_seconds,
        changed_speedup=run.speedup * seconds / changed_seconds if changed_seconds else None,
        path=[_share(part, run.cores) for part in path.parts[:_PARTS_MAX]],
        seconds=seconds,
        work_seconds=path.work_ns / 1e9,
        span_seconds=path.span_ns / 1e9,
        gil_seconds=path.gil_ns / 1e9,
    )


def _without(part: Part, configuration: Configuration, simulations: Simulations) -> tuple[str, float | None]:
    """What was changed and the seconds it takes then; nothing where there is no change to simulate."""
    changed = _changed(part, configuration)
    if changed is None:
        return "", None
    try:
        return changed[0], simulations.seconds(changed[1])
    except PredictionError:
        # Without its lock a program may well fail; that is no reason to keep the rest of the prediction back.
        return "", None


def _changed(part: Part, configuration: Configuration) -> tuple[str, Configuration] | None:
    if part.kind == "lock":
        # One of several of a name is told by the line that made it, and so is one without a name.
        named = len(part.objects) == 1 and part.name.replace(".", "").isidentifier()
        return "without it", replace(configuration, free_locks=(part.name if named else part.place,))
    if part.kind == "gil":
        return "without it", replace(configuration, gil=False)
    if part.kind == "core":
        return f"with {2 * configuration.cores} cores", replace(configuration, cores=2 * configuration.cores)
    if part.kind == "compute" and part.place:
        return "twice as fast", replace(configuration, scale={**configuration.scale, part.place: _TWICE})
    return None


def _share(part: Part, cores: int) -> PathShare:
    holders = [f"{holder.thread} ({holder.place})" if holder.place else holder.thread for holder in part.holders]
    return PathShare(
        what=subject(part, cores),
        kind=part.kind,
        share=round(part.share, 6),
        seconds=part.duration_ns / 1e9,
        held_by=holders[:_HOLDERS_MAX],
    )


_VERBS = {"wake-up": "waking up for", "time-out": "waiting in vain for", "wait": "waiting for", "lock": ""}


def subject(part: Part, cores: int) -> str:
    """What a part of the path is: ``Lock 'optimizer.lock' (train.py:41)``, ``computing in step (train.py:38)``."""
    at = f" ({part.place})" if part.place else ""
    if part.kind == "gil":
        return "the GIL"
    if part.kind == "core":
        return f"a free core (of {cores})"
    if part.kind == "start":
        return f"starting threads{at}"
    if part.kind in ("compute", "sleep"):
        verb = "computing" if part.kind == "compute" else "sleeping"
        name = function_name(part.name)
        if name:
            return f"{verb} in {name}{at}"
        return f"{verb}{' at ' + part.place if part.place else ' in thread ' + part.threads[0]}"
    if len(part.objects) > 1:
        what = f"{len(part.objects)} {part.object_kind}s such as {part.objects[0]!r}{at}"
    else:
        what = f"{part.object_kind} {part.name!r}{at}"
    return f"{_VERBS[part.kind]} {what}".strip()


def function_name(qualified: str) -> str:
    """As the user calls it: without the functions it is nested in, empty for a module's own lines."""
    name = qualified.rpartition("<locals>.")[2]
    return "" if name.startswith("<") else name


def laws_beside(prediction: Prediction, attributions: Sequence[Attribution]) -> dict[str, dict[str, Any]]:
    """The prediction's laws, with those that need more than times: the critical-path bound, and the published speedup.

    ``critical_path`` is of the configuration that was attributed. ``published`` is 1 / (1 - f/n + ...) with Amdahl's
    serial fraction for f, and how far off that is; it is wrong, and shown because it is in use.
    """
    laws = {name: dict(modes) for name, modes in prediction.laws.items()}
    for found in attributions:
        mode = "gil on" if found.gil else "gil off"
        bound = CriticalPathBound(found.work_seconds, found.span_seconds)
        laws.setdefault("critical_path", {})[mode] = {
            "work_seconds": found.work_seconds,
            "span_seconds": found.span_seconds,
            "gil_seconds": found.gil_seconds,
            "speedup_max": bound.speedup_max,
            "params": found.params,
            "cores": found.cores,
        }
    for mode, amdahl in prediction.laws.get("amdahl", {}).items():
        times = best_seconds(prediction.runs, gil=mode == "gil on")
        serial, one = amdahl["serial_fraction"], amdahl["one_core_seconds"]
        usable = [cores for cores in times if serial < 1 or cores > 1]
        if usable:
            expected = {cores: one / published_speedup(serial, cores) for cores in usable}
            laws.setdefault("published", {})[mode] = {
                "serial_fraction": serial,
                "cores": max(usable),
                "speedup": published_speedup(serial, max(usable)),
                "error": max(abs(expected[cores] - times[cores]) / times[cores] for cores in usable),
            }
    return laws


def best_seconds(runs: Sequence[PredictedRun], *, gil: bool) -> dict[int, float]:
    """The best time at each number of cores, in order of the cores."""
    times: dict[int, float] = {}
    for run in runs:
        if run.gil is gil and run.seconds:
            times[run.cores] = min(run.seconds, times.get(run.cores, run.seconds))
    return dict(sorted(times.items()))
