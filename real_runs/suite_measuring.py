"""The real runs of a suite: workload by workload and the sweep at the end, each row filled in when its runs are made.

What goes wrong with a program is said in its rows and among the limits; it never ends the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..simcore.target import TargetError
from . import invalidation
from .forecast import Forecast
from .interpreter import Interpreter
from .measure import Configuration, MeasureError, Measurement, Reference
from .rules import Rules
from .suite import SuiteWorkload
from .suite_forecasts import Cell, Planned
from .suite_plan import Plan, Progress
from .suite_result import EnvelopeCell
from .suite_rows import measured_row, predicted_row

_SWEEP_BLOCKS = 12
_RUN_TIMES_MAX = 30
_RUN_SECONDS_MIN = 10.0
"""A real run may take so many times its prediction, and so many seconds at least, before it is stopped."""


class Measurer(Protocol):
    """:func:`measure.measure`, or what stands for it."""

    def __call__(
        self,
        target: str,
        configurations: Sequence[Configuration],
        *,
        repeat: int,
        seed: int,
        timeout_seconds: float,
        interpreter: Interpreter | None,
        rules: Rules,
        reference: Reference | None = None,
        progress: Callable[[int, int], None] | None,
    ) -> list[Measurement]: ...


def measure_rows(
    plan: Plan, planned: Sequence[Planned], measurer: Measurer, limits: dict[str, None], progress: Progress
) -> None:
    workloads = list({id(item.workload): item.workload for item in planned}.values())
    for number, workload in enumerate(workloads):
        mine = [item for item in planned if item.workload is workload]
        label = f"measuring {workload.name} ({number + 1} of {len(workloads)})"
        try:
            measurements = measurer(
                workload.target,
                [_configuration(item) for item in mine],
                repeat=plan.repeat,
                seed=plan.seed + number,
                timeout_seconds=_limit_seconds(plan, [item.forecast for item in mine]),
                interpreter=plan.interpreter,
                rules=plan.rules,
                reference=_reference(plan, mine),
                progress=lambda done, total, label=label: progress(label, done, total),
            )
        except (TargetError, MeasureError) as error:
            limits[f"{workload.name}: not measured: {error}"] = None
            for item in mine:
                item.row.note = f"not measured: {error}"
            continue
        for item, measurement in zip(mine, measurements, strict=True):
            base = _base(mine, measurements, item.row.pinned)
            measured_row(item.row, measurement, base, plan.rules, plan.seed)


def _reference(plan: Plan, planned: Sequence[Planned]) -> Reference | None:
    """The program with one worker, on a core of its own: what it computes was measured for the prediction, and no model of
    threads has a part in it. On another interpreter nothing was measured."""
    if plan.interpreter is not None and not plan.interpreter.own:
        return None
    for position, item in enumerate(planned):
        if item.row.threads == 1 and item.row.predicted_cpu_seconds:
            return Reference(position, item.row.predicted_cpu_seconds)
    return None


def _configuration(item: Planned) -> Configuration:
    row, point = item.row, item.forecast.point
    return Configuration(row.params, row.cores, row.gil, row.pinned, point.busy)


def _limit_seconds(plan: Plan, forecasts: Sequence[Forecast]) -> float:
    longest = max(item.run.seconds for item in forecasts)
    return min(plan.timeout_seconds, max(_RUN_TIMES_MAX * longest, _RUN_SECONDS_MIN))


def _base(planned: Sequence[Planned], measurements: Sequence[Measurement], pinned: bool) -> Measurement | None:
    """The configuration with the fewest threads, pinned or not like the one that is compared."""
    fewest = min(item.row.threads for item in planned)
    pairs = zip(planned, measurements, strict=True)
    found = [(item.row.pinned, one) for item, one in pairs if item.row.threads == fewest]
    return next((one for like, one in found if like is pinned), found[0][1] if found else None)


def measure_sweep(
    plan: Plan, cells: Sequence[Cell], measurer: Measurer, limits: dict[str, None], progress: Progress
) -> list[EnvelopeCell]:
    if not cells:
        return []
    configurations = [
        Configuration(cell.forecast.run.params, plan.cores, plan.gil, False, cell.forecast.point.busy) for cell in cells
    ]
    try:
        measurements = measurer(
            invalidation.TARGET,
            configurations,
            repeat=min(plan.repeat, _SWEEP_BLOCKS),
            seed=plan.seed,
            timeout_seconds=_limit_seconds(plan, [cell.forecast for cell in cells]),
            interpreter=plan.interpreter,
            rules=plan.rules,
            progress=lambda done, total: progress("measuring the invalidation sweep", done, total),
        )
    except (TargetError, MeasureError) as error:
        limits[f"the invalidation sweep could not be measured: {error}"] = None
        return []
    return [_cell(plan, *pair) for pair in zip(cells, measurements, strict=True)]


def _cell(plan: Plan, cell: Cell, measurement: Measurement) -> EnvelopeCell:
    point = cell.point
    row = predicted_row(_SWEPT, cell.forecast, pinned=False, judged=False, envelope=plan.envelope)
    measured_row(row, measurement, None, plan.rules, plan.seed)
    enough = row.clean >= min(plan.rules.clean_min, plan.repeat)
    return EnvelopeCell(
        segment_seconds=point.segment_seconds,
        lock_share=point.lock_share,
        bytes_touched=point.bytes_touched,
        threads=point.point.threads,
        error=row.error if enough else None,
        noise_floor=row.noise_floor,
        inside=row.inside_envelope,
    )


_SWEPT = SuiteWorkload("invalidation sweep", "invalidation sweep", "development", invalidation.TARGET)
