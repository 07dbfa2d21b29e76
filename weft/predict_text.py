"""``weft predict`` as text: a table of times, speedups and where time went, at most 80 columns wide.

It only formats a finished prediction; every number in it was computed elsewhere.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from .explanation import Explanation
from .explanation_text import law_lines, place
from .explanation_text import lines as explanation_lines
from .simcore.prediction import Observed, PredictedRun, Prediction, UnfinishedRun
from .wording import fixed_parameters, number, parameters, without, wrapped

_COLUMNS = (("cores", 6), ("gil", 4), ("seconds", 10), ("speedup", 8), ("[from, to]", 15), ("used", 5))
_SHARES = (("run", 5), ("ready", 6), ("lock", 5), ("gil", 4), ("io", 4), ("idle", 5))
_STATES = ("running", "ready", "lock wait", "gil wait", "io", "idle")


def render(prediction: Prediction, explanation: Explanation | None = None) -> str:
    """The whole text, ending in a newline."""
    lines = wrapped(_headline(prediction))
    fixed, prediction = _varying(prediction)
    if fixed:
        lines += wrapped(f"with {parameters(fixed)}")
    if prediction.runs:
        lines += ["", *_table(prediction), "", *_legend(prediction)]
        lines += _bottlenecks(prediction.runs) if explanation is None else _explained(explanation, fixed)
        lines += _latencies(prediction.runs)
        lines += law_lines(prediction, prediction.laws if explanation is None else explanation.laws)
    for run in prediction.unfinished:
        lines += ["", *_unfinished(run)]
    for observed in prediction.observed:
        lines += ["", *_observed(observed)]
    if prediction.limits:
        lines += ["", "limits:"]
        for limit in prediction.limits:
            lines += wrapped(limit, "  - ", "    ")
    return "\n".join(lines) + "\n"


def _headline(prediction: Prediction) -> str:
    runs = "1 run" if prediction.repeat == 1 else f"median of {prediction.repeat} runs"
    return f"{prediction.target or 'prediction'}: {runs} in virtual time each, machine profile {prediction.profile!r}"


def _varying(prediction: Prediction) -> tuple[dict[str, Any], Prediction]:
    """The parameters that are the same in every configuration, and the prediction without them."""
    fixed = fixed_parameters([*prediction.runs, *prediction.unfinished])
    return fixed, replace(
        prediction,
        base=without(prediction.base, fixed),
        runs=without(prediction.runs, fixed),
        unfinished=without(prediction.unfinished, fixed),
        observed=without(prediction.observed, fixed),
    )


def _table(prediction: Prediction) -> list[str]:
    """One line a configuration, under a heading for each set of parameters."""
    width = sum(width for _, width in _COLUMNS)
    head = "".join(f"{title:>{width}}" for title, width in _COLUMNS + _SHARES)
    lines = [" " * width + "   % of all threads' time", head]
    heading = ""
    for run in prediction.runs:
        if parameters(run.params) != heading:
            heading = parameters(run.params)
            lines += wrapped(heading)
        lines.append(_row(run))
    return lines


def _row(run: PredictedRun) -> str:
    low, high = run.interval
    interval = "" if low == high else f"[{low:.2f}, {high:.2f}]"
    cells = (
        str(run.cores),
        "on" if run.gil else "off",
        number(run.seconds),
        f"{run.speedup:.2f}",
        interval,
        f"{100 * run.utilisation:.0f}%",
    )
    text = "".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, _COLUMNS, strict=True))
    shares = [f"{100 * run.time_in.get(state, 0):.0f}" for state in _STATES]
    return text + "".join(f"{share:>{width}}" for share, (_, width) in zip(shares, _SHARES, strict=True))


def _legend(prediction: Prediction) -> list[str]:
    bases = [place(base) for base in prediction.base]
    text = f"speedup is relative to {' and '.join(bases)}; used: share of the cores' time; "
    text += "idle: waiting for other threads to finish or for a pool to have work"
    return wrapped(text)


def _explained(explanation: Explanation, fixed: dict[str, Any]) -> list[str]:
    return explanation_lines(
        replace(
            explanation,
            bounds=without(explanation.bounds, fixed),
            attributions=without(explanation.attributions, fixed),
            what_if=without(explanation.what_if, fixed),
        )
    )


def _bottlenecks(runs: list[PredictedRun]) -> list[str]:
    """The fastest configuration of each GIL mode: what is in the way there is what is worth changing."""
    lines: list[str] = []
    for gil in (True, False):
        rows = [run for run in runs if run.gil is gil]
        if rows:
            fastest = min(rows, key=lambda run: run.seconds)
            lines += wrapped(f"bottleneck with {place(fastest)}: {fastest.bottleneck}")
    return lines


def _latencies(runs: list[PredictedRun]) -> list[str]:
    lines: list[str] = []
    for run in runs:
        if run.latency is not None:
            values = ", ".join(f"{name} {number(getattr(run.latency, name))} s" for name in ("p50", "p95", "p99"))
            rate = "" if run.throughput is None else f", {number(run.throughput)} requests/s"
            lines += wrapped(f"latency with {place(run)}: {values}{rate}")
    return lines


def _unfinished(run: UnfinishedRun) -> list[str]:
    lines = wrapped(f"{place(run)}: {run.reason}")
    for sentence in run.stuck:
        lines += wrapped(sentence, "  - ", "    ")
    return lines


def _observed(observed: Observed) -> list[str]:
    """Each finding of a configuration: rule, what happened, why, and what helps."""
    where = place(observed)
    lines: list[str] = []
    for finding in observed.findings:
        lines += wrapped(f"{finding['rule']} {finding['kind']} ({finding['certainty']}) with {where}:")
        lines += wrapped(finding["message"], "  ", "  ")
        lines += wrapped(finding["why"], "  ", "  ") + wrapped(finding["suggestion"], "  ", "  ")
    return lines
