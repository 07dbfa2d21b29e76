"""The predictions of a suite: all of them made, turned into rows, and put on disk before anything is run for real."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from . import invalidation
from .forecast import Forecast, ForecastError, Predictor, forecast
from .suite import SuiteWorkload
from .suite_plan import Plan, Progress, ablated
from .suite_result import SuiteResult, SuiteRow
from .suite_rows import predicted_row

_SWEEP_REPEAT = 2
_SWEEP_CHUNK = 8
"""So many places of the sweep are simulated at once: their traces are held in memory meanwhile."""


@dataclass(slots=True)
class Planned:
    """A row and what it was made from."""

    workload: SuiteWorkload
    forecast: Forecast
    row: SuiteRow


def forecasts(plan: Plan, predict: Predictor, limits: dict[str, None], progress: Progress) -> list[Planned]:
    found: list[Planned] = []
    for number, workload in enumerate(plan.workloads):
        progress(f"predicting {workload.name}", number, len(plan.workloads))
        missing = _missing(plan, workload)
        if missing:
            limits[f"{workload.name}: not run, the interpreter has no {missing}"] = None
            continue
        try:
            made = forecast(
                workload.target,
                workload.points(plan.counts, plan.cores),
                plan.profile,
                predict,
                cores=plan.cores,
                gil=plan.gil,
                repeat=plan.predict_repeat,
                seed=plan.seed,
                ablate=[] if workload.split == "calibration" else ablated(plan),
                workers=plan.cores,
            )
        except ForecastError as error:
            limits[f"{workload.name}: not predicted: {error}"] = None
            continue
        for reason in made.unfinished:
            limits[f"{workload.name}: no end in simulation: {reason}"] = None
        limits.update(dict.fromkeys(made.limits))
        for item in made.forecasts:
            pinnable = item.point.busy <= plan.cores
            for pinned in (True, False) if pinnable else (False,):
                row = predicted_row(workload, item, pinned=pinned, judged=pinned is pinnable, envelope=plan.envelope)
                found.append(Planned(workload, item, row))
    return found


def _missing(plan: Plan, workload: SuiteWorkload) -> str:
    """A module that the program needs and the other interpreter lacks."""
    if plan.interpreter is None or plan.interpreter.own:
        return ""
    return next((name for name in workload.needs if name not in plan.interpreter.modules), "")


@dataclass(slots=True)
class Cell:
    point: invalidation.SweepPoint
    forecast: Forecast


def sweep_forecasts(plan: Plan, predict: Predictor, limits: dict[str, None], progress: Progress) -> list[Cell]:
    if not plan.sweep:
        return []
    other = plan.interpreter
    numpy = other is None or other.own or "numpy" in other.modules
    points = invalidation.sweep_points(
        plan.cores, invalidation.hashed_bytes_per_second(), invalidation.added_seconds() if numpy else {}
    )
    found: list[Cell] = []
    for start in range(0, len(points), _SWEEP_CHUNK):
        progress("predicting the invalidation sweep", start, len(points))
        chunk = {id(point.point): point for point in points[start : start + _SWEEP_CHUNK]}
        try:
            made = forecast(
                invalidation.TARGET,
                [point.point for point in chunk.values()],
                plan.profile,
                predict,
                cores=plan.cores,
                gil=plan.gil,
                repeat=_SWEEP_REPEAT,
                seed=plan.seed,
                simpler=False,
            )
        except ForecastError as error:
            limits[f"the invalidation sweep could not be predicted: {error}"] = None
            continue
        for item in made.forecasts:
            item.trace = None
            found.append(Cell(chunk[id(item.point)], item))
    return found


class Publishable(Protocol):
    """What can be put down as JSON values."""

    def published(self) -> dict[str, Any]: ...


def write_predictions(
    plan: Plan,
    result: SuiteResult,
    cells: Sequence[Cell],
    changes: Sequence[Publishable],
    without: dict[int, dict[str, float]],
) -> tuple[str, str]:
    """Put every prediction on disk, for good, and return where and the SHA-256 of the file."""
    content = {
        "begun": result.begun,
        "rules_sha256": result.frozen.rules_sha256,
        "suite_sha256": result.frozen.suite_sha256,
        "profile_sha256": result.frozen.profile_sha256,
        "rows": [
            {name: getattr(row, name) for name in _PREDICTED} | {"without": without[number]}
            for number, row in enumerate(result.rows)
        ],
        "sweep": [
            {"params": cell.forecast.run.params, "predicted_seconds": cell.forecast.run.seconds} for cell in cells
        ],
        "what_ifs": [change.published() for change in changes],
    }
    data = msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"
    sha256 = hashlib.sha256(data).hexdigest()
    folder = plan.folder / "predictions"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # the working folder is not ours to write in
        folder = Path(tempfile.mkdtemp(prefix="weft-"))
    path = folder / f"{sha256[:12]}.json"
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return str(path), sha256


_PREDICTED = (
    "workload",
    "split",
    "target",
    "params",
    "cores",
    "gil",
    "threads",
    "pinned",
    "judged",
    "predicted_seconds",
    "predicted_interval",
    "speedup",
    "baselines",
    "inside_envelope",
    "envelope_reason",
)
