"""The figures themselves, one function each, on matplotlib's objects and without its global state.

It is imported only where matplotlib is wanted; what is drawn comes from the functions behind the HTML report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from .real_runs.suite_result import SuiteResult
from .report_errors import FAR, NEAR, Pair, shares_within
from .report_numbers import MINUS
from .report_palette import LIGHT
from .report_plot import Scale
from .report_shares import Share
from .report_suite_breakdown import breakdowns
from .report_suite_curves import Sweep, sweeps
from .report_suite_envelope import cell_maps, level_of, points_in_words
from .report_suite_errors import error_curves, families
from .report_suite_rows import Named, as_number, named_rows
from .report_suite_simpler import in_order, simpler_model
from .report_svg import seconds, time_unit
from .report_timeline import CLASSES
from .report_timeline_pair import sides_of
from .simcore.trace import Trace

_DASHES: dict[str, Any] = {
    "s1": "-",
    "s2": (0, (7, 4)),
    "s3": (0, (2, 3)),
    "s4": (0, (10, 3, 2, 3)),
    "s5": (0, (4, 2)),
    "s6": (0, (12, 4)),
    "s7": (0, (1, 3)),
    "s8": (0, (8, 2, 2, 2, 2, 2)),
}
"""The dashes of report.css: a line looks the same on paper and on the page."""
_MARKERS = {
    "right": ("o", "series-1"),
    "wrong": ("D", "series-2"),
    "bound": ("s", ""),
    "none": ("x", ""),
    "plain": ("o", "series-1"),
}
_WORDS = {"right": "right", "wrong": "wrong", "bound": "outside the envelope", "none": "no verdict", "plain": ""}
_HATCHES = {"ready": "..", "blocked": "////", "gil": "||||", "sleeping": "---", "other": "\\\\\\\\", "join": "\\\\"}
_MAPS_MAX = 12


def figures(result: SuiteResult, traces: Mapping[str, Trace]) -> Iterator[tuple[str, Figure]]:
    """(name, figure) of everything that there are numbers for."""
    rows = named_rows(result)
    pairs = [pair for each in rows if each.counted and (pair := each.pair) is not None]
    if len(pairs) > 1:
        yield "scatter", _scatter(pairs)
        yield "errors", _distribution(result, rows)
        yield "families", _families(result, rows)
    if result.baselines:
        yield "models", _models(result)
    if found := sweeps(rows):
        yield "speedup", _speedup(found)
    if breakdowns(rows) is not None:
        yield "breakdown", _breakdown(rows)
    if result.ablations:
        yield "terms", _terms(result)
    if result.envelope:
        yield "envelope", _envelope(result)
    gains = [each for each in result.whatifs if as_number(each.get("predicted")) is not None]
    if gains:
        yield "whatifs", _whatifs(gains)
    if any(len(trace) for trace in traces.values()):
        yield "timelines", _timelines(traces)


def _new(width: float, height: float, rows: int = 1, columns: int = 1, **more: Any) -> tuple[Any, list[Any]]:
    """A figure in inches and its axes, row by row; untyped, since matplotlib leaves most keyword arguments open."""
    figure: Any = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **more)
    return figure, [axis for row in axes for axis in row]


def _written(axis: Any, words: Callable[[float], str]) -> None:
    """The axis' ticks in words."""

    def at(value: float, _position: int | None) -> str:
        return words(value).replace("-", MINUS)

    axis.set_major_formatter(FuncFormatter(at))
    axis.set_minor_formatter(NullFormatter())


def _percent(axis: Any) -> None:
    _written(axis, lambda value: f"{100 * value:g} %")


def _round_ticks(axis: Any, low: float, high: float) -> None:
    """On a logarithmic axis the round values of the page: powers of ten alone are too few for a decade or two."""
    axis.set_major_locator(FixedLocator(Scale(low, high, 0, 1, log=True).ticks(6)))
    axis.set_minor_locator(NullLocator())


def _marked(axes: Any, pairs: Sequence[Pair], xs: Sequence[float], ys: Sequence[float], legend: bool) -> None:
    """Marks by verdict: colour and shape say the same."""
    for tone, (marker, colour) in _MARKERS.items():
        chosen = [index for index, pair in enumerate(pairs) if pair.tone == tone]
        if not chosen:
            continue
        face = LIGHT[colour] if colour else LIGHT["card"]
        edge = LIGHT["card"] if colour else LIGHT["muted"]
        style: dict[str, Any] = {"color": LIGHT["muted"]} if marker == "x" else {"facecolor": face, "edgecolor": edge}
        label = _WORDS[tone] if legend else None
        axes.scatter(
            [xs[i] for i in chosen], [ys[i] for i in chosen], s=26, marker=marker, label=label, zorder=3, **style
        )


def _scatter(pairs: Sequence[Pair]) -> Figure:
    figure, (axes,) = _new(4.6, 4.6)
    values = [value for pair in pairs for value in (pair.predicted, pair.measured)]
    low, high = min(values) / 1.3, max(values) * 1.3
    line = [low, high]
    scale, unit = time_unit(high * 1e9)
    for share, colour in ((FAR, "zone-far"), (NEAR, "zone-near")):
        upper, lower = [v * (1 + share) for v in line], [v * (1 - share) for v in line]
        axes.fill_between(line, lower, upper, color=LIGHT[colour], label=f"within {100 * share:g} %", lw=0)
    axes.plot(line, line, color=LIGHT["control"], lw=0.8)
    measured, predicted = [pair.measured for pair in pairs], [pair.predicted for pair in pairs]
    for pair in pairs:
        if pair.measured_interval is not None:
            axes.plot(pair.measured_interval, [pair.predicted] * 2, color=LIGHT["muted"], lw=0.7)
        if pair.predicted_interval is not None:
            axes.plot([pair.measured] * 2, pair.predicted_interval, color=LIGHT["muted"], lw=0.7)
    _marked(axes, pairs, measured, predicted, legend=True)
    axes.set(
        xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal",
        xlabel=f"measured, {unit}", ylabel=f"predicted, {unit}",
        title="Predicted against measured",
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        _round_ticks(axis, low, high)
        _written(axis, lambda value: f"{value * 1e9 / scale:g}")
    axes.legend(frameon=False, fontsize=8)
    return figure


def _distribution(result: SuiteResult, rows: Sequence[Named]) -> Figure:
    figure, (axes,) = _new(5.2, 4.0)
    for curve in error_curves(result, rows):
        steps = shares_within(curve.errors)
        xs = [max(error, 1e-3) for error, _ in steps]
        colour, dash, width = _line(curve.class_)
        axes.step(
            [1e-3, *xs, 1.0],
            [0.0, *(share for _, share in steps), 1.0],
            where="post",
            label=curve.name,
            color=colour,
            ls=dash,
            lw=width,
        )
    for error in (NEAR, FAR):
        axes.axvline(error, color=LIGHT["control"], lw=0.7, ls=":")
    axes.set(xscale="log", xlim=(1e-3, 1), ylim=(0, 1.01), xlabel="error, magnitude", ylabel="configurations within")
    axes.set_title("How many are within an error")
    _percent(axes.xaxis)
    _percent(axes.yaxis)
    axes.legend(frameon=False, fontsize=8)
    return figure  # fmt: skip


def _line(class_: str) -> tuple[str, Any, float]:
    """Colour, dash and width of a line's class on the page."""
    words = class_.split()
    if "own" in words:
        return LIGHT["series-1"], "-", 2.4
    if "raw" in words:
        return LIGHT["series-1"], (0, (2, 3)), 1.3
    if "floor" in words:
        return LIGHT["text"], (0, (1, 3)), 1.3
    tone = next((word for word in words if word in _DASHES), "s8")
    return LIGHT[f"series-{tone[1:]}"], _DASHES[tone], 1.3


def _families(result: SuiteResult, rows: Sequence[Named]) -> Figure:
    groups = families(result, rows)
    figure, (axes,) = _new(6.4, 0.8 + 0.3 * len(groups))
    for share, colour in ((FAR, "zone-far"), (NEAR, "zone-near")):
        axes.axvspan(-share, share, color=LIGHT[colour], lw=0)
    axes.axvline(0, color=LIGHT["control"], lw=0.8)
    for number, group in enumerate(groups):
        if group.floor is not None:
            axes.plot([-group.floor, group.floor], [number] * 2, color=LIGHT["control"], lw=3, solid_capstyle="butt")
        _marked(axes, group.pairs, [pair.error for pair in group.pairs], [number] * len(group.pairs), legend=False)
    axes.set_yticks(range(len(groups)), [group.name for group in groups])
    axes.invert_yaxis()
    axes.set(xlabel="signed error (negative: predicted faster than it is)", title="Signed error by family")
    _percent(axes.xaxis)
    return figure


def _models(result: SuiteResult) -> Figure:
    found = [("weft", result.summaries["hold-out"])] if "hold-out" in result.summaries else []
    found += [(simpler_model(name).long, result.baselines[name]) for name in in_order(result.baselines)]
    figure, (axes,) = _new(5.6, 0.8 + 0.3 * len(found))
    for number, (name, summary) in enumerate(found):
        median, ninth = summary.error_median_absolute, summary.error_p90_absolute
        if median is None or ninth is None:
            continue
        colour = LIGHT["series-1"] if name == "weft" else LIGHT["muted"]
        axes.plot([max(median, 1e-3), max(ninth, 1e-3)], [number] * 2, color=colour, lw=1.6)
        axes.plot([max(median, 1e-3)], [number], "o", color=colour)
        axes.plot([max(ninth, 1e-3)], [number], "|", color=colour, ms=9)
    axes.set_yticks(range(len(found)), [name for name, _ in found])
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="error: median (dot) to 90th percentile (bar)", title="Beside simpler models")
    _round_ticks(axes.xaxis, *axes.get_xlim())
    _percent(axes.xaxis)
    return figure


def _speedup(found: Sequence[Sweep]) -> Figure:
    columns = min(3, len(found))
    lines = -(-len(found) // columns)
    figure, axes = _new(3.0 * columns, 2.3 * lines, lines, columns)
    handles: dict[str, Any] = {}
    for sweep, plot in zip(found, axes, strict=False):
        tops: list[float] = []
        for number, (name, points) in enumerate(sweep.lines):
            colour, dash, _ = _line(("s1", "s5")[number % 2])
            xs = [point.threads for point in points]
            plot.fill_between(
                xs, [p.band[0] for p in points], [p.band[1] for p in points], color=colour, alpha=0.17, lw=0
            )
            label = f"predicted, {name}" if number else "predicted"
            (handles[label],) = plot.plot(xs, [p.predicted for p in points], color=colour, ls=dash, lw=1.6)
            measured = [
                (p.threads, p.measured, p.bar or (p.measured, p.measured)) for p in points if p.measured is not None
            ]
            handles[label.replace("predicted", "measured")] = plot.errorbar(
                [x for x, _, _ in measured], [y for _, y, _ in measured],
                yerr=[[y - bar[0] for _, y, bar in measured], [bar[1] - y for _, y, bar in measured]],
                fmt="D", ms=4, color=colour, capsize=2,
            )  # fmt: skip
            tops += [*(p.band[1] for p in points), *(bar[1] for _, _, bar in measured)]
        for key, law in sweep.laws:
            model = simpler_model(key)
            colour, dash, _ = _line(model.tone)
            (handles[model.short],) = plot.plot([x for x, _ in law], [y for _, y in law], color=colour, ls=dash, lw=1)
        plot.set(ylim=(0, max(1.0, *tops) * 1.35), title=sweep.name)
        plot.set_xticks(sorted({point.threads for _, points in sweep.lines for point in points}))
    for plot in axes[len(found) :]:
        plot.set_visible(False)
    for plot in axes[max(len(found) - columns, 0) : len(found)]:
        plot.set_xlabel("threads")
    figure.supylabel("speedup", fontsize=9)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=5, frameon=False, fontsize=8)
    return figure


def _filled(plot: Any, shares: Sequence[Share], y: float) -> None:
    for share in shares:
        hatch, edge = _HATCHES.get(share.fill), LIGHT.get(f"{share.fill}-mark", LIGHT["card"])
        plot.barh(
            y, share.width, left=share.start, height=0.36, color=LIGHT[share.fill], hatch=hatch, edgecolor=edge, lw=0.5
        )


def _breakdown(rows: Sequence[Named]) -> Figure:
    found = breakdowns(rows)
    assert found is not None
    figure, (axes,) = _new(6.8, 1.0 + 0.42 * len(found.pairs))
    for number, pair in enumerate(found.pairs):
        _filled(axes, pair.simulated, number - 0.2)
        _filled(axes, pair.real, number + 0.2)
    axes.set_yticks(range(len(found.pairs)), [pair.name for pair in found.pairs])
    axes.set(xlim=(0, 100), ylim=(len(found.pairs) - 0.5, -0.5), title="Where the time goes")
    axes.set_xlabel("share of all threads' time, percent; simulated above real")
    for fill, name in found.legend:
        hatch, edge = _HATCHES.get(fill), LIGHT.get(f"{fill}-mark", LIGHT["card"])
        axes.barh(0, 0, color=LIGHT[fill], hatch=hatch, edgecolor=edge, label=name)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    return figure


def _terms(result: SuiteResult) -> Figure:
    ordered = sorted(result.ablations, key=lambda each: -each.change)
    figure, (axes,) = _new(5.2, 0.8 + 0.3 * len(ordered))
    colours = [LIGHT["series-1"] if each.change > 0 else LIGHT["series-2"] for each in ordered]
    axes.barh(range(len(ordered)), [each.change for each in ordered], height=0.6, color=colours)
    axes.axvline(0, color=LIGHT["control"], lw=0.8)
    axes.set_yticks(range(len(ordered)), [f"without {each.term}" for each in ordered])
    axes.invert_yaxis()
    axes.set(xlabel="change of the median error (right: the term is needed)", title="Each term taken away")
    _percent(axes.xaxis)
    return figure


def _envelope(result: SuiteResult) -> Figure:
    found = cell_maps(result.envelope)[:_MAPS_MAX]
    columns = min(len(found), 3)
    lines = -(-len(found) // columns)
    most_columns, most_rows = max(len(each.columns) for each in found), max(len(each.rows) for each in found)
    size = (0.7 + 0.62 * most_columns) * columns, (0.75 + 0.34 * most_rows) * lines
    figure, axes = _new(*size, lines, columns)
    for each, plot in zip(found, axes, strict=False):
        for x, y, cell in each.cells:
            level = None if cell.error is None else level_of(cell.error)
            face = LIGHT["inset"] if level is None else LIGHT[f"heat-{level}"]
            ink = LIGHT["muted"] if level is None else LIGHT[f"heat-{level}-ink"]
            left, right, low, high = x - 0.48, x + 0.48, y - 0.46, y + 0.46
            plot.fill([left, right, right, left], [low, low, high, high], color=face, lw=0)
            if not cell.inside:
                plot.fill(
                    [left + 0.02, left + 0.22, left + 0.02], [low + 0.02, low + 0.02, low + 0.32], color=ink, lw=0
                )
            text = "not run" if cell.error is None else points_in_words(cell.error)
            plot.text(x, y, text, ha="center", va="center", fontsize=7, color=ink)
        plot.set_title(each.name, fontsize=8)
        plot.set_xticks(range(len(each.columns)), each.columns)
        plot.set_yticks(range(len(each.rows)), [f"{100 * share:.0f} %" for share in each.rows])
        # Maps with fewer cells keep the cells' size: the axes reach as far as those of the largest map.
        plot.set(xlim=(-0.55, most_columns - 0.45), ylim=(most_rows - 0.45, -0.55))
        plot.set_xlabel(each.x_title, fontsize=7)
        plot.tick_params(labelsize=7, length=0)
        plot.spines[:].set_visible(False)
    for plot in axes[len(found) :]:
        plot.set_visible(False)
    figure.supylabel("share of the work in one lock", fontsize=8)
    figure.suptitle("Signed error in percent; a corner marks cells outside the envelope", fontsize=9)
    return figure


def _whatifs(gains: Sequence[Mapping[str, Any]]) -> Figure:
    figure, (axes,) = _new(5.6, 0.9 + 0.36 * len(gains))
    for number, each in enumerate(gains):
        predicted, measured = as_number(each.get("predicted")), as_number(each.get("measured"))
        if measured is not None:
            axes.plot([predicted, measured], [number] * 2, color=LIGHT["muted"], lw=1)
            axes.plot([measured], [number], "D", color=LIGHT["series-1"], ms=5, label="made" if number == 0 else None)
        axes.plot(
            [predicted], [number], "o", color=LIGHT["series-1"], mfc=LIGHT["card"], ms=6,
            label="predicted" if number == 0 else None,
        )  # fmt: skip
    axes.axvline(0, color=LIGHT["control"], lw=0.8)
    axes.set_yticks(range(len(gains)), [str(each.get("name")) for each in gains])
    axes.invert_yaxis()
    axes.set(xlabel="gain", title="Changes predicted, then really made", ylim=(len(gains) - 0.5, -0.5))
    _percent(axes.xaxis)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _timelines(traces: Mapping[str, Trace]) -> Figure:
    sides = sides_of({name: trace for name, trace in traces.items() if len(trace)})
    count = max(len(side.lanes) for side in sides)
    figure, axes = _new(7.2, (0.5 + 0.26 * count) * len(sides), len(sides), 1, sharex=True)
    used: dict[str, str] = {}
    for side, plot in zip(sides, axes, strict=True):
        for number, lane in enumerate(side.lanes):
            by_fill: dict[str, list[tuple[float, float]]] = {}
            for each in lane.intervals:
                fill = CLASSES[each.doing]
                used.setdefault(fill, each.doing.value)
                by_fill.setdefault(fill, []).append((each.start / 1e6, (each.end - each.start) / 1e6))
            for fill, spans in by_fill.items():
                plot.broken_barh(spans, (number - 0.4, 0.8), facecolors=LIGHT[fill], lw=0)
        plot.axvline(side.end / 1e6, color=LIGHT["text"], lw=1, ls=":")
        plot.set_yticks(range(len(side.lanes)), [lane.thread for lane in side.lanes], fontsize=7)
        plot.invert_yaxis()
        plot.set_title(f"{side.name}, {seconds(side.end / 1e9)}", fontsize=9)
    axes[-1].set_xlabel("ms")
    for fill, name in used.items():
        axes[0].barh(0, 0, color=LIGHT[fill], label=name)
    figure.legend(loc="outside lower center", ncols=len(used), frameon=False, fontsize=8)
    return figure
