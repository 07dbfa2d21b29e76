"""The section of a validated suite: predictions held against real runs, from the verdict down to where they fail.

It chooses and orders; the report_suite_* modules and report_errors make what is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .real_runs.suite_result import SuiteResult
from .report_errors import ErrorCurve, distribution, mark_legend, scatter
from .report_findings import Headline
from .report_numbers import percent
from .report_scaling import CLOSE_ENOUGH
from .report_strip import Strip, strip
from .report_suite_breakdown import Breakdowns, breakdowns
from .report_suite_curves import CHARTS_MAX, Sweep, SweepChart, curves, sweeps
from .report_suite_envelope import Envelope, envelope
from .report_suite_errors import error_curves, families
from .report_suite_facts import Tile, digests, facts, headline_summary, rules, tiles, warnings
from .report_suite_failures import Failure, failures, outside
from .report_suite_models import ablation_table, models_table, whatif_table
from .report_suite_rows import Named, RowsTable, named_rows, rows_table
from .report_suite_simpler import in_order, simpler_model
from .report_svg import Markup
from .report_tables import Table
from .report_timeline import Timeline
from .report_timeline_pair import timeline_pair
from .simcore.trace import Trace
from .wording import counted


@dataclass(frozen=True, slots=True)
class SuiteSection:
    """Everything the template sets; what is None or empty has no place on the page."""

    anchor: str
    name: str
    sentence: str
    tone: str
    contents: list[tuple[str, str]]
    """(anchor, heading) of its parts."""
    tiles: list[Tile]
    warnings: list[str]
    models: Table | None
    facts: list[tuple[str, str]]
    rules: list[tuple[str, str]]
    digests: list[tuple[str, str]]
    commands: list[str]
    rows: RowsTable
    curves: list[SweepChart]
    hidden_curves: int
    lines: list[tuple[str, str]]
    """(tone, name) of the lines of the curves: pinned, not pinned."""
    simpler: list[tuple[str, str, str]]
    """(key, tone, name) of the simpler models in the curves."""
    scatter: Markup | None
    distribution: Markup | None
    error_lines: list[tuple[str, str]]
    families: Strip | None
    marks: list[tuple[str, str, str]]
    """(tone, shape, words) of the marks that occur."""
    breakdowns: Breakdowns | None
    timeline: Timeline | None
    ablations: Table | None
    envelope: Envelope | None
    envelope_rules: list[str]
    envelope_words: str
    whatifs: Table | None
    failures: list[Failure]
    outside: list[Failure]
    """The same of what lies outside the envelope, where no prediction is given."""
    limits: list[str]


def suite_section(
    anchor: str, name: str, result: SuiteResult, traces: Mapping[str, Trace], shapes_max: int
) -> tuple[SuiteSection, Headline]:
    """The section and its line among the headlines. ``traces`` are those of one configuration, simulated and real."""
    rows = named_rows(result, anchor)
    pairs = [pair for each in rows if each.counted and (pair := each.pair) is not None]
    found = sweeps(rows)
    errors = error_curves(result, rows)
    kept = {name: trace for name, trace in traces.items() if len(trace)}
    sentence, tone = suite_verdict(result)
    section = SuiteSection(
        anchor=anchor,
        name=name,
        sentence=sentence,
        tone=tone,
        contents=[],
        tiles=tiles(result),
        warnings=warnings(result),
        models=models_table(result),
        facts=facts(result),
        rules=rules(result),
        digests=digests(result),
        commands=result.commands,
        rows=rows_table(rows),
        curves=curves(found),
        hidden_curves=max(len(found) - CHARTS_MAX, 0),
        lines=_lines(found),
        simpler=_simpler(found),
        scatter=scatter(pairs),
        distribution=distribution(errors),
        error_lines=_error_lines(errors),
        families=strip(families(result, rows)),
        marks=mark_legend(pairs),
        breakdowns=breakdowns(rows),
        timeline=timeline_pair(kept, shapes_max) if kept else None,
        ablations=ablation_table(result.ablations),
        envelope=envelope(result.envelope),
        envelope_rules=result.envelope_rules,
        envelope_words=_envelope_words(result, rows),
        whatifs=whatif_table(result.whatifs),
        failures=failures(rows),
        outside=outside(rows),
        limits=result.limits,
    )
    section.contents.extend(_contents(section))
    return section, _headline(anchor, name, result, sentence, tone)


def suite_verdict(result: SuiteResult) -> tuple[str, str]:
    """The one sentence over everything, and its tone."""
    summary = headline_summary(result)
    if summary is None or summary.error_median_absolute is None or not summary.rows:
        return "no configuration could be judged", "warn"
    held = "that it had never seen" if "hold-out" in result.summaries else "in all"
    median = summary.error_median_absolute
    text = f"{percent(median)} off the real machine: the median of {counted(summary.rows, 'configuration')} {held}"
    missed = [tile for tile in tiles(result) if tile.met is False]
    doubtful = result.stability is not None and result.stability.unstable
    return text, "warn" if missed or doubtful or median > CLOSE_ENOUGH else "good"


def _headline(anchor: str, name: str, result: SuiteResult, sentence: str, tone: str) -> Headline:
    judged = tiles(result)
    missed = [tile for tile in judged if tile.met is False]
    asked = [tile for tile in judged if tile.met is not None]
    parts: list[str] = []
    if missed:
        parts.append("goal missed: " + ", ".join(f"{tile.name} {tile.value} ({tile.goal})" for tile in missed))
    elif asked and tone == "good":
        count = "the goal" if len(asked) == 1 else f"all {len(asked)} goals"
        parts.append(f"{count} met, fixed before the first real run")
    if result.stability is not None and result.stability.unstable:
        parts.append("the machine was unstable")
    return Headline(tone, "validated", name, _beside(result) or sentence, "; ".join(parts), anchor)


def _beside(result: SuiteResult) -> str:
    """The median error beside those of simpler models."""
    summary = headline_summary(result)
    medians = [
        f"{simpler_model(name).long} {percent(median)}"
        for name in in_order(result.baselines)
        if (median := result.baselines[name].error_median_absolute) is not None
    ]
    if summary is None or summary.error_median_absolute is None or not medians:
        return ""
    return f"median error {percent(summary.error_median_absolute)}; on the same configurations {', '.join(medians)}"


def _lines(found: Sequence[Sweep]) -> list[tuple[str, str]]:
    names: dict[str, str] = {}
    for sweep in found:
        for number, (name, _) in enumerate(sweep.lines):
            names.setdefault(name or "pinned", ("s1", "s5")[number % 2])
    return [(tone, name) for name, tone in names.items()] if len(names) > 1 else []


def _simpler(found: Sequence[Sweep]) -> list[tuple[str, str, str]]:
    keys = in_order(key for sweep in found for key, _ in sweep.laws)
    return [(key, model.tone, model.short) for key in keys if (model := simpler_model(key))]


def _error_lines(errors: Sequence[ErrorCurve]) -> list[tuple[str, str]]:
    return [(curve.class_, curve.name) for curve in errors]


def _envelope_words(result: SuiteResult, rows: Sequence[Named]) -> str:
    if result.envelope_share is None:
        return ""
    counted_rows = [each for each in rows if each.counted]
    held = [each for each in counted_rows if each.row.split == "hold-out"] or counted_rows
    inside = sum(each.row.inside_envelope for each in held)
    return (
        f"{inside} of {counted(len(held), 'held-out configuration')} are inside ({100 * result.envelope_share:.0f} %)."
    )


def _contents(section: SuiteSection) -> list[tuple[str, str]]:
    parts = [
        ("errors", "Errors", section.scatter is not None or section.families is not None),
        ("curves", "Speedup", bool(section.curves)),
        ("rows", "Every configuration", bool(section.rows.rows)),
        ("breakdown", "Where the time goes", section.breakdowns is not None),
        ("timeline", "Two timelines", section.timeline is not None),
        ("terms", "What the model is worth", section.ablations is not None or section.whatifs is not None),
        ("envelope", "Accuracy envelope", section.envelope is not None),
        ("fails", "Where it fails", bool(section.failures or section.outside or section.limits)),
        ("made", "How it was made", True),
    ]
    return [(f"{section.anchor}-{key}", name) for key, name, there in parts if there]
