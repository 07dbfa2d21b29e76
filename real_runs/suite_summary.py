"""What the rows of a suite come to: errors by split and family, simpler models beside, terms taken away.

Plain functions of rows; how they were predicted and measured is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..simcore.laws import fit_usl
from .rules import RULES, Rules
from .statistics import clustered_interval, directions, kendall_tau, median, percentile, relative_error
from .suite_result import Ablation, SuiteResult, SuiteRow, Summary

Seconds = Callable[[SuiteRow], float | None]
"""What a model predicts for a row, or what was measured there; None: nothing."""
HOLD_OUT = "hold-out"
BASELINES = ("amdahl", "linear", "usl", "no gil term", "no overheads", "critical path")


def summary(rows: Iterable[SuiteRow], predicted: Seconds, measured: Seconds, rules: Rules = RULES) -> Summary:
    """Errors of ``predicted`` against ``measured`` over the rows that have both."""
    found: list[tuple[SuiteRow, float, float]] = []
    for row in rows:
        seconds, real = predicted(row), measured(row)
        if seconds is not None and real:
            found.append((row, seconds, real))
    if not found:
        return Summary(rows=0)
    errors = [relative_error(seconds, real) for _, seconds, real in found]
    sizes = [abs(error) for error in errors]
    groups: dict[str, list[float]] = {}
    for (row, _, _), size in zip(found, sizes, strict=True):
        groups.setdefault(row.workload, []).append(size)
    right, counted = _directions(found, rules)
    return Summary(
        rows=len(found),
        error_mean_absolute=sum(sizes) / len(sizes),
        error_median_absolute=median(sizes),
        error_p90_absolute=percentile(sizes, 0.9),
        error_max_absolute=max(sizes),
        bias=median(errors),
        within_5_percent=sum(size <= 0.05 for size in sizes) / len(sizes),
        within_10_percent=sum(size <= 0.10 for size in sizes) / len(sizes),
        kendall_tau=kendall_tau([seconds for _, seconds, _ in found], [real for _, _, real in found]),
        direction_right=right / counted if counted else None,
        error_median_interval=clustered_interval(list(groups.values()), rules.level),
    )


def _directions(found: Sequence[tuple[SuiteRow, float, float]], rules: Rules) -> tuple[int, int]:
    """Pairs of configurations of one workload: what somebody who chooses a number of threads compares."""
    right = counted = 0
    for workload in dict.fromkeys(row.workload for row, _, _ in found):
        mine = [item for item in found if item[0].workload == workload]
        intervals = [row.measured_interval or (real, real) for row, _, real in mine]
        more = directions([item[1] for item in mine], [item[2] for item in mine], intervals, rules.indifferent)
        right, counted = right + more[0], counted + more[1]
    return right, counted


def predicted_seconds(row: SuiteRow) -> float:
    return row.predicted_seconds


def measured_seconds(row: SuiteRow) -> float | None:
    return row.measured_seconds


def raw_seconds(row: SuiteRow) -> float | None:
    return row.raw_seconds


def baseline(name: str) -> Seconds:
    """What the simpler model of that name predicts."""
    return lambda row: row.baselines.get(name)


def judged(rows: Iterable[SuiteRow]) -> list[SuiteRow]:
    """One row of each configuration, of those that have a verdict on a prediction."""
    return [row for row in rows if row.judged and row.verdict in ("right", "wrong")]


def add_usl(rows: Sequence[SuiteRow]) -> None:
    """The universal scalability law as a baseline, fitted to what was *measured* at the other numbers of threads.

    It is no prediction, and is given an advantage over those: it needs the program to have run in parallel already.
    """
    groups: dict[tuple[str, bool], list[SuiteRow]] = {}
    for row in rows:
        if row.measured_seconds:
            groups.setdefault((row.workload, row.pinned), []).append(row)
    for row in rows:
        others = {
            other.threads: other.measured_seconds
            for other in groups.get((row.workload, False), [])
            if other.measured_seconds and other.threads != row.threads
        }
        if len(others) >= 2:
            law = fit_usl(sorted(others.items()))
            row.baselines["usl"] = law.seconds(row.threads)


def summarise(result: SuiteResult, without: Mapping[int, Mapping[str, float]], rules: Rules = RULES) -> None:
    """Fill in every summary of a result. ``without`` has, by the position of a row, what the model says that lacks a
    term."""
    rows = result.rows
    add_usl(rows)
    verdicts = judged(rows)
    held = [row for row in verdicts if row.split == HOLD_OUT]
    sums = {
        HOLD_OUT: summary(held, predicted_seconds, measured_seconds, rules),
        "hold-out raw": summary(held, predicted_seconds, raw_seconds, rules),
    }
    for pinned, name in ((True, "hold-out pinned"), (False, "hold-out unpinned")):
        both = [
            row for row in rows if row.split == HOLD_OUT and row.pinned is pinned and row.verdict in ("right", "wrong")
        ]
        sums[name] = summary(both, predicted_seconds, measured_seconds, rules)
    outside = [row for row in rows if row.judged and row.split == HOLD_OUT and not row.inside_envelope]
    sums["hold-out outside the envelope"] = summary(outside, predicted_seconds, measured_seconds, rules)
    for split in ("development", "calibration"):
        mine = [row for row in verdicts if row.split == split]
        sums[split] = summary(mine, predicted_seconds, measured_seconds, rules)
    sums["all"] = summary(verdicts, predicted_seconds, measured_seconds, rules)
    for family in dict.fromkeys(row.family for row in rows):
        mine = [row for row in verdicts if row.family == family]
        sums[family] = summary(mine, predicted_seconds, measured_seconds, rules)
    result.summaries = {name: found for name, found in sums.items() if found.rows or name == HOLD_OUT}
    result.baselines = {
        name: found for name in BASELINES if (found := summary(held, baseline(name), measured_seconds, rules)).rows
    }
    result.ablations = ablations(rows, without, rules)
    configurations = [row for row in rows if row.judged and row.split == HOLD_OUT]
    if configurations:
        result.envelope_share = sum(row.inside_envelope for row in configurations) / len(configurations)


def ablations(
    rows: Sequence[SuiteRow], without: Mapping[int, Mapping[str, float]], rules: Rules = RULES
) -> list[Ablation]:
    """The judged rows without each term, the term that costs most first; each against the full model on its own rows."""
    found: list[Ablation] = []
    counted = {id(row) for row in judged(rows)}
    positions = [number for number, row in enumerate(rows) if id(row) in counted]
    for term in dict.fromkeys(term for number in positions for term in without.get(number, {})):
        mine = {id(rows[number]): without[number][term] for number in positions if term in without.get(number, {})}
        kept = [row for row in rows if id(row) in mine]
        lacking = summary(kept, lambda row, mine=mine: mine[id(row)], measured_seconds, rules)
        full = summary(kept, predicted_seconds, measured_seconds, rules)
        if lacking.error_median_absolute is not None and full.error_median_absolute is not None:
            change = lacking.error_median_absolute - full.error_median_absolute
            found.append(Ablation(term=term, summary=lacking, change=change))
    return sorted(found, key=lambda ablation: -ablation.change)
