"""A row of a validated suite: one forecast beside its real runs, with errors, noise and verdict.

The rules were fixed before; nothing here knows more than one configuration and its base.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .envelope import ENVELOPE, EnvelopeRule, envelope_reason
from .forecast import Forecast
from .measure import Measurement, Sample
from .rules import Rules
from .statistics import Estimate, estimate, median, paired_ratio, relative_error
from .suite import SuiteWorkload
from .suite_result import RunSample, SuiteRow, Verdict

UNKNOWN = "its simulation left no timeline to judge it by"


def predicted_row(
    workload: SuiteWorkload,
    forecast: Forecast,
    *,
    pinned: bool,
    judged: bool,
    envelope: tuple[EnvelopeRule, ...] = ENVELOPE,
) -> SuiteRow:
    """A row before anything was measured."""
    run = forecast.run
    reason = UNKNOWN if forecast.features is None else envelope_reason(forecast.features, envelope)
    return SuiteRow(
        workload=workload.name,
        family=workload.family,
        split=workload.split,
        target=workload.target,
        params=run.params,
        cores=run.cores,
        threads=forecast.point.threads,
        pinned=pinned,
        gil=run.gil,
        judged=judged,
        predicted_seconds=run.seconds,
        predicted_interval=run.seconds_interval,
        speedup=run.speedup,
        speedup_interval=run.interval,
        baselines=dict(forecast.baselines),
        time_in=run.time_in,
        predicted_cpu_seconds=run.utilisation * run.cores * run.seconds,
        inside_envelope=not reason,
        envelope_reason=reason,
        verdict="bound only" if reason else "no verdict",
        note="not measured",
    )


def measured_row(
    row: SuiteRow, measurement: Measurement, base: Measurement | None, rules: Rules, seed: int = 0
) -> None:
    """Fill in what the real runs say. ``base`` is the configuration that the speedups are relative to."""
    clean, raw = measurement.clean_seconds(), measurement.seconds()
    row.samples = [_published(sample) for sample in measurement.samples]
    row.clean, row.dropped = len(clean), len(raw) - len(clean)
    row.measured_time_in = _time_in(measurement.clean())
    if raw:
        row.raw_seconds = median(raw)
        row.raw_error = relative_error(row.predicted_seconds, row.raw_seconds)
    if clean:
        found = estimate(clean, rules.level, seed)
        row.measured_seconds, row.measured_interval = found.median, (found.low, found.high)
        row.error = relative_error(row.predicted_seconds, found.median)
        row.noise_floor = noise_floor(measurement.clean())
        spent = [sample.cpu_seconds for sample in measurement.clean() if sample.cpu_seconds is not None]
        row.measured_cpu_seconds = median(spent) if spent else None
    speedup = None if base is None else _speedup(base, measurement, rules.level, seed)
    if speedup is not None:
        row.measured_speedup = speedup.median
        row.measured_speedup_interval = (speedup.low, speedup.high)
        row.speedup_error = relative_error(row.speedup, speedup.median)
    row.verdict, row.note = verdict(row, measurement, rules)


def noise_floor(samples: Sequence[Sample]) -> float | None:
    """The error of predicting the runs of the even blocks by those of the odd ones; None with too few of either."""
    halves: list[list[float]] = [[], []]
    for sample in samples:
        if sample.seconds is not None:
            halves[sample.block % 2].append(sample.seconds)
    if min(map(len, halves)) < 2:
        return None
    return abs(relative_error(median(halves[1]), median(halves[0])))


def verdict(row: SuiteRow, measurement: Measurement, rules: Rules) -> tuple[Verdict, str]:
    """What a row shows, and the words for it; both by rules that do not know the error."""
    trouble = measurement.trouble()
    if not row.inside_envelope:
        return "bound only", trouble
    if row.clean < rules.clean_min or row.measured_interval is None:
        return "no verdict", trouble or evidence(measurement.samples, rules)
    if row.measured_seconds is not None and row.measured_seconds < rules.run_seconds_min:
        return "no verdict", f"a run takes {row.measured_seconds:.3f} s, and {rules.run_seconds_min:g} s are needed"
    low, high = row.measured_interval
    within = low * (1 - rules.margin) <= row.predicted_seconds <= high * (1 + rules.margin)
    return ("right" if within else "wrong"), trouble


def evidence(samples: Sequence[Sample], rules: Rules) -> str:
    """Why there are too few clean runs: how many, and what the others suffered most often."""
    clean = sum(sample.status == "ok" and not sample.disturbed for sample in samples)
    text = f"{clean} clean runs of {len(samples)}, {rules.clean_min} are needed"
    reasons = Counter(_kind(reason) for sample in samples for reason in sample.why)
    if not reasons:
        return text
    kind, count = reasons.most_common(1)[0]
    example = max((reason for sample in samples for reason in sample.why if _kind(reason) == kind), key=_figure)
    return f"{text}; in {count} of the others{'' if count == 1 else ', at worst'}: {example}"


def _kind(reason: str) -> str:
    return "".join(letter for letter in reason if letter.isalpha() or letter == " ")


def _figure(reason: str) -> float:
    digits = "".join(letter if letter.isdigit() or letter == "." else " " for letter in reason).split()
    return max((float(part) for part in digits if part != "."), default=0.0)


def _speedup(base: Measurement, measurement: Measurement, level: float, seed: int) -> Estimate | None:
    """Against the base, block by block, where both were clean."""
    before, after = _by_block(base), _by_block(measurement)
    blocks = sorted(before.keys() & after.keys())
    if not blocks:
        return None
    return paired_ratio([before[block] for block in blocks], [after[block] for block in blocks], level, seed)


def _by_block(measurement: Measurement) -> dict[int, float]:
    return {sample.block: sample.seconds for sample in measurement.clean() if sample.seconds}


def _time_in(samples: Sequence[Sample]) -> dict[str, float] | None:
    """The mean shares of the runs."""
    known = [sample.time_in for sample in samples if sample.time_in]
    if not known:
        return None
    return {state: round(sum(shares[state] for shares in known) / len(known), 6) for state in known[0]}


def _published(sample: Sample) -> RunSample:
    return RunSample(
        block=sample.block,
        status=sample.status,
        seconds=sample.seconds,
        cpu_seconds=sample.cpu_seconds,
        run_delay_seconds=sample.run_delay_seconds,
        others_seconds=sample.others_seconds,
        disturbed=sample.disturbed,
        message=sample.message,
        stolen_seconds=sample.stolen_seconds,
        runnable_others=sample.runnable_others,
        why=sample.why,
    )
