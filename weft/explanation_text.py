"""An explanation as text: the critical path, how many threads, what changes gain, and the laws beside the prediction.

It only formats; every number was computed elsewhere, or is a law's value at a number of cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .attribution import best_seconds
from .explanation import Explanation
from .models.laws import published_speedup
from .simcore.bottlenecks import Attribution, Recommendation, WhatIf
from .simcore.laws import Amdahl, CriticalPathBound, ThreadsTime, Usl
from .simcore.prediction import Prediction
from .wording import cut, number, parameters, wrapped

_SCALES = 1.05
"""A mode whose best speedup is smaller does not gain from cores: a flat line fits any law."""
_SHARE_MIN = 0.005
"""What is rounded to 0 % is not worth a line."""
_LAW_COLUMNS = ("cores", "predicted", "Amdahl", "USL", "W/N+cN+S", "bound", "published")
_LAW_WIDTHS = (6, 11, 11, 11, 11, 11, 11)


def lines(explanation: Explanation) -> list[str]:
    """All but the laws, each part below a heading or a first word that says what it is."""
    found: list[str] = []
    for bound in explanation.bounds:
        found += wrapped(f"{place(bound)}: bound only, at least {number(bound.seconds)} s; {bound.reason}")
    for attribution in explanation.attributions:
        found += _attribution(attribution)
    for recommendation in explanation.recommended:
        found += _recommendation(recommendation)
    if explanation.what_if:
        found += ["", *_what_if(explanation.what_if)]
    return found


def place(row: Any) -> str:
    """``workers=4 on 4 cores, GIL on``."""
    given = parameters(row.params)
    return f"{given + ' on ' if given else ''}{_cores(row.cores)}, GIL {'on' if row.gil else 'off'}"


def _cores(count: int) -> str:
    return f"{count} core{'' if count == 1 else 's'}"


def _attribution(found: Attribution) -> list[str]:
    text = wrapped(f"bottleneck with {place(found)}: {found.sentence}")
    text += wrapped(f"critical path with {place(found)}:")
    rest = 1.0
    for part in found.path:
        if part.share < _SHARE_MIN:
            continue
        rest -= part.share
        text += wrapped(part.what, f"  {100 * part.share:>4.0f} %  ", " " * 12)
        if part.held_by:
            text += wrapped(f"held by {', '.join(part.held_by)}", " " * 12, " " * 14)
    if rest >= _SHARE_MIN:
        text.append(f"  {100 * rest:>4.0f} %  the rest")
    return text


def _recommendation(found: Recommendation) -> list[str]:
    gil = f"GIL {'on' if found.gil else 'off'}"
    where = f"with {gil}" if found.parameter == "cores" else f"on {_cores(found.cores)}, {gil}"
    return wrapped(f"recommended {where}: {found.sentence}")


def _what_if(rows: Sequence[WhatIf]) -> list[str]:
    text = wrapped(f"what if, with {place(rows[0])}:")
    width = min(max(len(row.change) for row in rows), 50)
    text.append(f"  {'change':{width}} {'seconds':>12} {'gain':>8}")
    for row in rows:
        change = cut(row.change, width)
        if row.seconds is None:
            text.append(f"  {change:{width}} {'-':>12} {'-':>8}")
            text += wrapped(row.reason, " " * 6, " " * 6)
        else:
            text.append(f"  {change:{width}} {number(row.seconds):>12} {row.gain or 0:>7.2f}x")
    return text


def law_lines(prediction: Prediction, laws: dict[str, dict[str, Any]]) -> list[str]:
    """The laws of the modes that gain from cores at all: a table beside the predicted times, and what they say."""
    found: list[str] = []
    for gil, mode in ((True, "gil on"), (False, "gil off")):
        scales = any(run.speedup >= _SCALES for run in prediction.runs if run.gil is gil)
        if scales and mode in laws.get("amdahl", {}):
            its = {name: modes[mode] for name, modes in laws.items() if mode in modes}
            found += ["", f"seconds by the laws, GIL {'on' if gil else 'off'}:"]
            found += _table(best_seconds(prediction.runs, gil=gil), its, gil=gil)
            found += _said(mode, its)
    return found


def _table(times: dict[int, float], laws: dict[str, Any], *, gil: bool) -> list[str]:
    rows: list[tuple[str, ...]] = [_LAW_COLUMNS]
    amdahl, usl, threads = laws["amdahl"], laws["usl"], laws["threads"]
    one, serial = amdahl["one_core_seconds"], amdahl["serial_fraction"]
    forms = (
        Amdahl(one * serial, one * (1 - serial)).seconds,
        Usl(usl["one_core_seconds"], usl["contention"], usl["coherency"]).seconds,
        ThreadsTime(threads["work_seconds"], threads["thread_seconds"], threads["serial_seconds"]).seconds,
    )
    path = laws.get("critical_path")
    for cores, seconds in times.items():
        bound = "" if path is None else number(_bound(path, cores, gil=gil))
        published = "" if serial >= 1 and cores == 1 else number(one / published_speedup(min(serial, 1.0), cores))
        rows.append((str(cores), number(seconds), *(number(form(cores)) for form in forms), bound, published))
    return ["".join(f"{cell:>{width}}" for cell, width in zip(row, _LAW_WIDTHS, strict=True)) for row in rows]


def _bound(path: dict[str, Any], cores: int, *, gil: bool) -> float:
    least = CriticalPathBound(path["work_seconds"], path["span_seconds"]).seconds(cores)
    return max(least, path["gil_seconds"]) if gil else least


def _said(mode: str, laws: dict[str, Any]) -> list[str]:
    amdahl, usl, threads = laws["amdahl"], laws["usl"], laws["threads"]
    limit = "no limit" if amdahl["speedup_max"] is None else f"at most {amdahl['speedup_max']:.2f}x"
    text = f"Amdahl, {mode}: {100 * amdahl['serial_fraction']:.1f} % serial, {limit} ({_off(amdahl)})"
    found = wrapped(text)
    gustafson = laws["gustafson"]
    text = f"Gustafson, {mode}: {gustafson['cores']} cores do {gustafson['scaled_speedup']:.2f} times the work"
    found += wrapped(f"{text} in the time that one takes, if only the parallel part grows")
    best = "" if usl["cores_best"] is None else f", best at {usl['cores_best']:.1f} cores"
    text = f"USL, {mode}: contention {usl['contention']:.4f}, coherency {usl['coherency']:.5f}{best}"
    found += wrapped(f"{text} ({_off(usl)})")
    best = "" if threads["cores_best"] is None else f", best at {threads['cores_best']:.1f} cores"
    text = f"W/N + cN + S, {mode}: {number(threads['work_seconds'])} s divided, {number(threads['thread_seconds'])} s"
    text += f" for each, {number(threads['serial_seconds'])} s alone{best}"
    found += wrapped(f"{text} ({_off(threads)})")
    path = laws.get("critical_path")
    if path is not None:
        most = "" if path["speedup_max"] is None else f", so no more than {path['speedup_max']:.2f}x"
        text = f"bound, {mode}: {number(path['work_seconds'])} s of work take at least"
        found += wrapped(f"{text} {number(path['span_seconds'])} s, the longest chain of steps{most}")
    published = laws.get("published")
    if published is not None:
        text = f"published 1/(1-f/n+...), {mode}: {published['speedup']:.2f}x on {published['cores']} cores"
        verdict = "wrong" if published["error"] > amdahl["error"] else "right here by chance"
        found += wrapped(f"{text} with Amdahl's serial share; {verdict} ({_off(published)})")
    return found


def _off(law: dict[str, Any]) -> str:
    return f"off by up to {100 * law['error']:.1f} %"
