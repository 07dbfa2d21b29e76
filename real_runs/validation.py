"""``weft validate``: hold a prediction against the same program, run for real on this machine.

The prediction is finished, and its fingerprint taken, before the first real run; nothing here adjusts it. What this
machine cannot measure stays in the result as a prediction without a verdict.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import msgspec

from ..simcore.prediction import PredictedRun, Prediction, UnfinishedRun
from ..simcore.profile import Profile
from .envelope import Belief
from .interpreter import Interpreter
from .machine import describe
from .measure import Configuration, Measurement, Sample, measure, not_measurable
from .profiles import doubts
from .rules import RULES
from .stability import measure_handover, stability
from .statistics import Estimate, estimate, largest_magnitude, median, paired_ratio, relative_error, sign_right
from .suite_result import Stability, Verdict
from .suite_rows import evidence


class ValidationRun(PredictedRun, frozen=True, omit_defaults=True, kw_only=True):
    """One predicted configuration, and its measurement where that was possible.

    Times are in seconds and include everything from the call of the target to the end of its last thread.
    ``measured_interval`` is the 95 % bootstrap interval of the median ``measured_seconds``. Both leave out the
    ``disturbed`` runs when at least half of the runs were not; ``raw_seconds`` is the median of all. ``error`` is
    predicted / measured - 1. ``noise_floor`` is what the error of predicting every second run from the others would
    be: no model can be asked to do better. ``measured_speedup`` is the paired ratio to the first measured
    configuration of the same GIL mode. ``note`` says why something is missing or doubtful.

    ``verdict`` is ``bound only`` outside the accuracy envelope (``envelope_reason`` says why, ``bound_seconds`` what
    the time cannot be below), ``no verdict`` with too few clean runs, else whether the prediction lies in the measured
    interval widened by 5 %; empty for what was not measured.
    """

    measured_seconds: float | None = None
    measured_interval: tuple[float, float] | None = None
    error: float | None = None
    measured_speedup: float | None = None
    measured_speedup_interval: tuple[float, float] | None = None
    raw_seconds: float | None = None
    disturbed: int = 0
    noise_floor: float | None = None
    note: str = ""
    samples: list[Sample] = msgspec.field(default_factory=list[Sample])
    verdict: Verdict | Literal[""] = ""
    envelope_reason: str = ""
    bound_seconds: float | None = None
    predicted_cpu_seconds: float | None = None
    """Processor time of all threads."""
    measured_cpu_seconds: float | None = None
    """The median of the runs that count."""


class ValidationResult(msgspec.Struct, kw_only=True):
    """The outcome of ``weft validate``.

    Configurations outside the accuracy envelope are in none of the summaries. ``error_median`` and ``error_max`` are
    magnitudes, ``error_bias`` is the median of the signed errors; ``sign_right`` is the share of comparisons between
    configurations, told apart by the measurements (by more than 2 % and the intervals), whose direction was predicted
    right. All are None when nothing could be compared.
    """

    schema: str = "weft.result/1"
    weft: str
    command: str = "validate"
    target: str
    seed: int
    repeat: int
    seconds: float
    runs: list[ValidationRun]
    unfinished: list[UnfinishedRun] = []
    """Configurations that did not end in virtual time; they are not run for real."""
    error_median: float | None = None
    error_max: float | None = None
    error_bias: float | None = None
    sign_right: float | None = None
    max_error: float | None = None
    """What the user accepts; for whoever asked, not used here."""
    prediction_sha256: str = ""
    """Of the predicted runs, taken before the first real one."""
    profile: dict[str, Any] = {}
    """The machine profile the prediction was made with, without its samples."""
    machine: dict[str, Any] = {}
    """The machine the measurements were made on."""
    laws: dict[str, dict[str, Any]] = {}
    limits: list[str] = []
    pinned: bool = False
    """The i-th thread on the i-th core, instead of where the system puts it."""
    rules: dict[str, Any] = {}
    """What was fixed before the first real run."""
    stability: Stability | None = None
    """The machine's hand-over before and after; None: it was not looked at."""


def validate(
    target: str,
    prediction: Prediction,
    *,
    repeat: int = 20,
    seed: int = 0,
    timeout_seconds: float = 60.0,
    argv: Sequence[str] = (),
    profile: Profile | None = None,
    version: str = "",
    interpreter: Interpreter | None = None,
    pinned: bool = False,
    beliefs: Mapping[int, Belief] | None = None,
    handover: Callable[[], float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ValidationResult:
    """Measure every predicted configuration this machine can run, ``repeat`` times, and compare.

    ``profile`` is the one the prediction was made with, ``beliefs`` say by the number of a predicted run whether the
    envelope holds it. ``handover`` measures the machine's hand-over, before and after the real runs. ``interpreter`` is
    the Python of the real side, by default this one. ``progress`` is called with the real runs made and all of them.

    Raises:
        TargetError: the target cannot be found, read or called.
        MeasureError: no repetitions or no time to measure.
    """
    begin = time.monotonic()
    seal = hashlib.sha256(msgspec.json.encode(prediction.runs, order="deterministic")).hexdigest()
    reasons = [not_measurable(_configuration(run), interpreter) for run in prediction.runs]
    measurable = [run for run, reason in zip(prediction.runs, reasons, strict=True) if not reason]
    limits = dict.fromkeys(prediction.limits)
    before_ns = measure_handover(handover, limits)
    measurements = measure(
        target,
        [_configuration(run, pinned) for run in measurable],
        repeat=repeat,
        seed=seed,
        timeout_seconds=timeout_seconds,
        argv=argv,
        interpreter=interpreter,
        progress=progress,
    )
    after_ns = measure_handover(handover, limits)
    found = iter(measurements)
    runs: list[ValidationRun] = []
    for number, (run, reason) in enumerate(zip(prediction.runs, reasons, strict=True)):
        if reason:
            row = ValidationRun(**msgspec.structs.asdict(run), note=f"not measured here: {reason}")
        else:
            row = compare(run, next(found), _base(measurements, run.gil), seed)
        runs.append(_judged(row, (beliefs or {}).get(number), measured=not reason))
    limits |= dict.fromkeys(_pace(runs))
    machine = _machine(interpreter)
    result = ValidationResult(
        weft=version,
        target=target,
        seed=seed,
        repeat=repeat,
        seconds=round(time.monotonic() - begin, 3),
        runs=runs,
        unfinished=prediction.unfinished,
        prediction_sha256=seal,
        profile=_without_samples(profile),
        machine=machine,
        laws=prediction.laws,
        limits=[*limits, *([] if profile is None else doubts(profile, machine))],
        stability=stability(before_ns, after_ns, RULES),
        pinned=pinned,
        rules=RULES.published(),
    )
    _summarise(result)
    return result


def _configuration(run: PredictedRun, pinned: bool = False) -> Configuration:
    return Configuration(run.params, run.cores, run.gil, pinned)


def _machine(interpreter: Interpreter | None) -> dict[str, Any]:
    if interpreter is None or interpreter.own:
        return describe()
    version = ".".join(map(str, interpreter.version))
    return describe() | {
        "python": version,
        "implementation": interpreter.implementation,
        "gil": interpreter.gil_enabled,
    }


def _judged(run: ValidationRun, belief: Belief | None, *, measured: bool) -> ValidationRun:
    """With its verdict, and what to say outside the envelope."""
    reason, bound = ("", None) if belief is None else (belief.reason, belief.bound_seconds)
    verdict: Verdict | Literal[""] = "no verdict" if measured else ""
    note = run.note
    clean = sum(sample.status == "ok" and not sample.disturbed for sample in run.samples)
    if reason:
        verdict = "bound only"
    elif run.measured_interval is not None and clean >= RULES.clean_min:
        low, high = run.measured_interval
        within = low * (1 - RULES.margin) <= run.seconds <= high * (1 + RULES.margin)
        verdict = "right" if within else "wrong"
    elif run.measured_seconds is not None and not note:
        note = f"no verdict: {evidence(run.samples, RULES)}"
    return msgspec.structs.replace(run, verdict=verdict, envelope_reason=reason, bound_seconds=bound, note=note)


def _without_samples(profile: Profile | None) -> dict[str, Any]:
    return {} if profile is None else {key: value for key, value in asdict(profile).items() if key != "samples"}


def _base(measurements: Sequence[Measurement], gil: bool) -> Measurement | None:
    """The configuration that measured speedups are relative to: the first of its GIL mode that worked."""
    return next((item for item in measurements if item.configuration.gil is gil and item.seconds()), None)


def compare(
    predicted: PredictedRun, measurement: Measurement, base: Measurement | None, seed: int = 0
) -> ValidationRun:
    """One prediction beside its measurement."""
    note = measurement.trouble()
    seconds = measurement.seconds()
    row = msgspec.structs.asdict(predicted)
    if not seconds:
        return ValidationRun(**row, note=note, samples=measurement.samples)
    raw, clean = seconds, measurement.clean_seconds()
    samples = measurement.samples
    disturbed = len(seconds) - len(clean)
    # The rule is fixed before anything is measured; with too few clean runs left, all count and the note says so.
    if 2 * len(clean) >= len(seconds):
        seconds, samples = clean, measurement.clean()
    elif not note:
        note = f"{disturbed} of {len(seconds)} runs were disturbed by other programs, so none was left out"
    measured = estimate(seconds, seed=seed)
    spent = [sample.cpu_seconds for sample in samples if sample.cpu_seconds is not None]
    speedup = None if base is None else _speedup(base, measurement, seed)
    return ValidationRun(
        **row,
        measured_seconds=measured.median,
        measured_interval=(measured.low, measured.high),
        error=relative_error(predicted.seconds, measured.median) if measured.median > 0 else None,
        measured_speedup=None if speedup is None else speedup.median,
        measured_speedup_interval=None if speedup is None else (speedup.low, speedup.high),
        raw_seconds=median(raw),
        disturbed=disturbed,
        noise_floor=abs(relative_error(median(seconds[::2]), median(seconds[1::2]))) if len(seconds) >= 4 else None,
        note=note,
        samples=measurement.samples,
        predicted_cpu_seconds=predicted.utilisation * predicted.cores * predicted.seconds,
        measured_cpu_seconds=median(spent) if spent else None,
    )


def _pace(runs: Sequence[ValidationRun]) -> list[str]:
    """What the processor times say of the machine: nothing while they are as predicted."""
    ratios = [
        run.measured_cpu_seconds / run.predicted_cpu_seconds
        for run in runs
        if run.measured_cpu_seconds is not None and run.predicted_cpu_seconds
    ]
    if not ratios or abs(median(ratios) - 1) <= RULES.pace_share_max:
        return []
    low, high = min(ratios), max(ratios)
    times = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    return [
        f"the real runs took {times} times the processor time that was predicted: the cores were "
        f"{'slower' if median(ratios) > 1 else 'faster'} than when the program was measured, or what is not simulated "
        "(the system's own work, say) takes so much; errors in time may come from that"
    ]


def _speedup(base: Measurement, measurement: Measurement, seed: int) -> Estimate | None:
    """Against the base, block by block, where both worked."""
    before, after = _by_block(base), _by_block(measurement)
    blocks = sorted(before.keys() & after.keys())
    if not blocks:
        return None
    return paired_ratio([before[block] for block in blocks], [after[block] for block in blocks], seed=seed)


def _by_block(measurement: Measurement) -> dict[int, float]:
    return {sample.block: sample.seconds for sample in measurement.samples if sample.seconds}


def _summarise(result: ValidationResult) -> None:
    compared = [
        (run.seconds, run.measured_seconds, run.measured_interval, run.error)
        for run in result.runs
        if run.measured_seconds is not None and run.measured_interval is not None and run.error is not None
        if run.verdict != "bound only"
    ]
    if not compared:
        return
    errors = [error for _, _, _, error in compared]
    result.error_median = median([abs(error) for error in errors])
    result.error_max = largest_magnitude(errors)
    result.error_bias = median(errors)
    result.sign_right = sign_right(
        [seconds for seconds, _, _, _ in compared],
        [measured for _, measured, _, _ in compared],
        [interval for _, _, interval, _ in compared],
        RULES.indifferent,
    )
