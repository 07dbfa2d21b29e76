"""``weft validate --suite``: predict a whole suite, seal it, run it for real, and sum up how far off it was.

The order is the point: rules, suite and profile are hashed, every prediction is on disk, and only then the first real
run is made. How programs are simulated is handed in as a predictor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..simcore.target import TargetError
from ..simcore.trace import Trace
from . import envelope as envelopes
from . import invalidation
from .calibration import handover_now
from .forecast import Predictor
from .machine import describe
from .measure import measure
from .profiles import doubts
from .recording import RecordError
from .rules import GOALS, digest
from .stability import measure_handover, stability
from .suite import seal
from .suite_forecasts import Planned, forecasts, sweep_forecasts, write_predictions
from .suite_measuring import Measurer, measure_rows, measure_sweep
from .suite_plan import Plan, Progress
from .suite_result import EnvelopeCell, Frozen, SuiteResult
from .suite_summary import summarise
from .what_ifs import WHAT_IFS, measure_what_ifs, predict_what_ifs

_FAR_OFF = GOALS["error_max_absolute"]
LIMITS = (
    "pinned: the i-th thread started on the i-th core; measured only where every thread that computes has a core",
    "the USL is no prediction: it is fitted to the measured times of the other thread counts",
    "the shares of the real runs are the kernel's: it cannot tell what a thread waits for",
)


def _silent(what: str, done: int, total: int) -> None:
    pass


def validate_suite(
    plan: Plan,
    predict: Predictor,
    *,
    measurer: Measurer = measure,
    handover: Callable[[], float] | None = handover_now,
    record: Callable[[str, dict[str, Any], Path], None] | None = None,
    progress: Progress = _silent,
) -> SuiteResult:
    """Predict, seal, run for real, compare. Ctrl-C during the real runs ends it with what there is.

    ``handover`` measures the machine's hand-over (None: it is not looked at), and ``record`` makes a trace of one real
    run of a target with these parameters in that file.
    """
    begin = time.monotonic()
    result = SuiteResult(
        weft=plan.version,
        commands=list(plan.commands),
        seed=plan.seed,
        repeat=plan.repeat,
        begun=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe(),
        profile={key: value for key, value in asdict(plan.profile).items() if key != "samples"},
        frozen=_frozen(plan),
        envelope_rules=envelopes.in_words(plan.envelope),
    )
    if plan.interpreter is not None:
        result.machine |= plan.interpreter.described() | {"gil": plan.gil}
    limits = dict.fromkeys([*doubts(plan.profile, result.machine), *LIMITS, *_interpreter_limits(plan)])
    planned = forecasts(plan, predict, limits, progress)
    cells = sweep_forecasts(plan, predict, limits, progress)
    changes = predict_what_ifs(plan, WHAT_IFS, predict, limits, progress) if plan.what_ifs else []
    result.rows = [item.row for item in planned]
    without = {number: dict(item.forecast.without) for number, item in enumerate(planned)}
    traces = _chosen_traces(planned)
    result.frozen.predictions_file, result.frozen.predictions_sha256 = write_predictions(
        plan, result, cells, changes, without
    )
    progress("measuring the hand-over", 0, 1)
    before_ns = measure_handover(handover, limits)
    try:
        measure_rows(plan, planned, measurer, limits, progress)
        result.envelope = measure_sweep(plan, cells, measurer, limits, progress)
        result.whatifs = measure_what_ifs(plan, changes, measurer, limits, progress)
        progress("measuring the hand-over", 0, 1)
        after_ns = measure_handover(handover, limits)
        result.stability = stability(before_ns, after_ns, plan.rules)
        result.timelines = _timelines(plan, traces, record, limits)
    except KeyboardInterrupt:
        result.interrupted = True
        limits["interrupted: what was not measured by then has no verdict"] = None
    summarise(result, without, plan.rules)
    if result.envelope:
        far = [cell.error for cell in result.envelope if cell.inside and _off(cell) > _FAR_OFF and cell.error]
        inside = sum(cell.inside and cell.error is not None for cell in result.envelope)
        limits[invalidation.in_words(far, inside, _FAR_OFF)] = None
    result.limits = list(limits)
    result.seconds = round(time.monotonic() - begin, 1)
    return result


def _off(cell: EnvelopeCell) -> float:
    return abs(cell.error or 0.0)


def _frozen(plan: Plan) -> Frozen:
    rules = plan.frozen_rules()
    return Frozen(
        rules=rules,
        rules_sha256=digest(rules),
        suite_sha256=seal(plan.workloads, plan.counts, plan.cores),
        profile_sha256=digest(asdict(plan.profile)),
        predictions_sha256="",
    )


def _interpreter_limits(plan: Plan) -> list[str]:
    if plan.interpreter is not None and not plan.interpreter.own:
        python = f"{plan.interpreter}, {'with' if plan.gil else 'without'} the GIL"
        return [f"the real side ran on {python}; the segments of the predictions were measured on this one's Python"]
    if plan.gil:
        return ["free-threaded Python: not validated here (--python PATH runs the real side on another interpreter)"]
    return []


def _chosen_traces(planned: Sequence[Planned]) -> tuple[Planned, Trace] | None:
    """One configuration whose timelines are kept: the first of the hold-out with two workers; the others' are let go."""
    wanted: tuple[Planned, Trace] | None = None
    for item in planned:
        trace, item.forecast.trace = item.forecast.trace, None
        if trace is None:
            continue
        better = wanted is None or (item.row.split == "hold-out") > (wanted[0].row.split == "hold-out")
        if item.row.threads == 2 and better:
            wanted = (item, trace)
    return wanted


def _timelines(
    plan: Plan,
    chosen: tuple[Planned, Trace] | None,
    record: Callable[[str, dict[str, Any], Path], None] | None,
    limits: dict[str, None],
) -> dict[str, str]:
    if chosen is None or record is None:
        return {}
    item, trace = chosen
    folder = plan.folder / "timelines"
    simulated, real = folder / "simulated.weft", folder / "real.weft"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trace.save(simulated)
        record(item.workload.target, item.row.params, real)
    except (OSError, RecordError, TargetError) as error:
        limits[f"no timelines of {item.workload.name}: {error}"] = None
        return {}
    return {"simulated": str(simulated), "real": str(real)}
