"""``weft validate --suite`` as text: at most 80 columns, one line a configuration, and what it all comes to.

It only formats a finished result; every number in it was computed elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .real_runs.suite_result import Ablation, SuiteResult, SuiteRow, Summary
from .wording import counted, cut, number, wrapped

_NAME = 24
_WORST = 5
_NAMES = {
    "hold-out": "weft",
    "hold-out raw": "weft, no run dropped",
    "hold-out pinned": "weft, pinned",
    "hold-out unpinned": "weft, not pinned",
    "hold-out outside the envelope": "outside the envelope",
    "amdahl": "Amdahl's law",
    "linear": "linear speedup",
    "usl": "USL, fitted to these",
    "no gil term": "without a GIL",
    "no overheads": "without overheads",
    "critical path": "critical-path bound",
}
_OTHERS = (
    "hold-out pinned",
    "hold-out unpinned",
    "hold-out outside the envelope",
    "development",
    "calibration",
)
_GOALS = (
    ("error_median_absolute", "median error", False),
    ("error_p90_absolute", "90th percentile", False),
    ("error_max_absolute", "largest error", False),
    ("bias", "bias", False),
    ("kendall_tau", "Kendall's tau", True),
    ("direction_right", "direction", True),
)


def render(result: SuiteResult) -> str:
    """The whole report, ending in a newline."""
    rows = [row for row in result.rows if row.judged]
    lines = wrapped(
        f"{counted(len({row.workload for row in result.rows}), 'program')} in {counted(len(rows), 'configuration')}: "
        f"predicted, then run for real in {counted(result.repeat, 'block')} on this machine"
    )
    lines += ["", *_table(rows)]
    if any(row.pinned for row in rows):
        lines += ["* each thread pinned to a core of its own; the same not pinned is in the JSON"]
    if any(row.measured_seconds is None and row.raw_seconds is not None for row in rows):
        lines += ["(in brackets: of all runs, ms; none was clean)"]
    lines += ["", *_summaries(result), *_goals(result)]
    lines += [*_section("the model less one term", _ablations(result.ablations))]
    lines += [*_section("changes, predicted and really made", _what_ifs(result.whatifs))]
    lines += [*_section("where it fails", _failures(rows))]
    lines += [*_section("no verdict", _silent(rows))]
    lines += [*_section("envelope", _envelope(result))]
    lines += [*_section("limits", (line for text in result.limits for line in wrapped(text, "  ")))]
    return "\n".join([*lines, "", *_origin(result)]) + "\n"


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return ["", f"{title}:", *found] if found else []


def _table(rows: Sequence[SuiteRow]) -> list[str]:
    head = f"{'workload':{_NAME}} {'thr':>4} {'predicted':>10} {'measured':>10} {'error':>8} {'noise':>6}  verdict"
    lines = [head]
    family = ""
    for row in rows:
        if row.family != family:
            family = row.family
            lines.append(f"-- {family} ({row.split})")
        threads = f"{row.threads}{'*' if row.pinned else ' '}"
        lines.append(
            f"{cut(row.workload, _NAME):{_NAME}} {threads:>4} {_milliseconds(row.predicted_seconds):>10} "
            f"{_measured(row):>10} {_percent(row.error, signed=True):>8} "
            f"{_percent(row.noise_floor):>6}  {row.verdict}"
        )
    return lines


def _measured(row: SuiteRow) -> str:
    """Of the clean runs; in brackets that of all runs, when none was clean."""
    if row.measured_seconds is None and row.raw_seconds is not None:
        return f"({number(row.raw_seconds * 1e3)})"
    return _milliseconds(row.measured_seconds)


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{number(value * 1e3)} ms"


def _percent(share: float | None, *, signed: bool = False) -> str:
    if share is None:
        return "-"
    return f"{share * 100:+.1f} %" if signed else f"{share * 100:.1f} %"


def _summaries(result: SuiteResult) -> list[str]:
    held = result.summaries.get("hold-out", Summary(rows=0))
    if not held.rows:
        lines = ["hold-out: nothing could be judged"]
    else:
        share = "" if result.envelope_share is None else f"; {result.envelope_share:.0%} are inside the envelope"
        lines = wrapped(f"hold-out: {counted(held.rows, 'configuration')} with a verdict{share}")
    lines.append(f"{'':{_NAME}} {'median':>7} {'90th':>7} {'max':>7} {'bias':>7} {'tau':>5} {'dir.':>6} {'n':>4}")
    first = [name for name in ("hold-out", "hold-out raw") if name in result.summaries]
    shown = [(name, result.summaries[name]) for name in first]
    shown += [*result.baselines.items()]
    shown += [(name, result.summaries[name]) for name in _OTHERS if name in result.summaries]
    return lines + [_summary(name, found) for name, found in shown if found.rows]


def _summary(name: str, found: Summary) -> str:
    tau = "-" if found.kendall_tau is None else f"{found.kendall_tau:.2f}"
    direction = "-" if found.direction_right is None else f"{found.direction_right:.0%}"
    return (
        f"{cut(_NAMES.get(name, name), _NAME):{_NAME}} {_percent(found.error_median_absolute):>7} "
        f"{_percent(found.error_p90_absolute):>7} {_percent(found.error_max_absolute):>7} "
        f"{_percent(found.bias, signed=True):>7} {tau:>5} {direction:>6} {found.rows:>4}"
    )


def _goals(result: SuiteResult) -> list[str]:
    """Which of the goals, fixed before the first real run, were missed."""
    goals = result.frozen.rules.get("goals", {})
    held = result.summaries.get("hold-out", Summary(rows=0))
    if not held.rows:
        return []
    missed: list[str] = []
    met = 0
    values = [(key, words, least, getattr(held, key)) for key, words, least in _GOALS]
    values.append(("envelope_share", "inside the envelope", True, result.envelope_share))
    for key, words, least, value in values:
        if key not in goals or value is None:
            continue
        if value >= goals[key] if least else abs(value) <= goals[key]:
            met += 1
        else:
            missed.append(f"{words} {value:.3g} ({'at least' if least else 'at most'} {goals[key]:g})")
    if missed:
        return wrapped(f"goals missed: {'; '.join(missed)}")
    return [f"all {met} goals met"] if met else []


def _ablations(found: Sequence[Ablation]) -> list[str]:
    return [
        f"  without {item.term:22} {item.change * 100:+6.1f} points of median error"
        f", largest {_percent(item.summary.error_max_absolute)}"
        for item in found
    ]


def _what_ifs(found: Sequence[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    for item in found:
        measured = f"measured {_percent(item['measured'], signed=True)}" if "measured" in item else item.get("note", "")
        gain = f"{item['name']}: predicted {_percent(item['predicted'], signed=True)}"
        lines += wrapped(f"{gain}, {measured or 'not measured'}", "  ")
    return lines


def _named(row: SuiteRow) -> str:
    pinned = ", pinned" if row.pinned else ""
    return f"{row.workload}, {counted(row.threads, 'thread')}{pinned}"


def _failures(rows: Sequence[SuiteRow]) -> list[str]:
    worst = [row for row in rows if row.error is not None and row.verdict in ("wrong", "bound only")]
    worst.sort(key=lambda row: -abs(row.error or 0.0))
    lines: list[str] = []
    for row in worst[:_WORST]:
        reason = f"; bound only: {row.envelope_reason}" if row.envelope_reason else ""
        noise = "" if row.noise_floor is None else f", the machine's own noise {_percent(row.noise_floor)}"
        slower = "" if not _slower(row) else f", its work took {_percent(row.cpu_excess)} more processor time"
        lines += wrapped(f"{_named(row)}: {_percent(row.error, signed=True)}{noise}{slower}{reason}", "  ")
    return lines


def _slower(row: SuiteRow) -> bool:
    """Does longer computing explain half of the error or more?"""
    return row.cpu_excess is not None and (row.error or 0.0) < 0 and row.cpu_excess >= 0.5 * abs(row.error or 0.0)


def _silent(rows: Sequence[SuiteRow]) -> list[str]:
    return [line for row in rows if row.verdict == "no verdict" for line in wrapped(f"{_named(row)}: {row.note}", "  ")]


def _envelope(result: SuiteResult) -> list[str]:
    return [line for text in result.envelope_rules for line in wrapped(text.partition(". ")[0], "  ")]


def _origin(result: SuiteResult) -> list[str]:
    machine, frozen = result.machine, result.frozen
    lines = wrapped(
        f"machine: {machine.get('cpu', 'unknown processor')}, {counted(int(machine.get('cores', 1)), 'core')}, "
        f"{machine.get('implementation', 'Python')} {machine.get('python', '')} "
        f"{'with' if machine.get('gil', True) else 'without'} GIL, load {machine.get('load_average', ['?'])[0]}"
    )
    lines += wrapped(f"profile: {result.profile.get('name', 'unnamed')}")
    if result.stability is not None:
        words = "unstable machine" if result.stability.unstable else "stable"
        lines += wrapped(
            f"hand-over: {result.stability.before_ns / 1e3:.1f} us before the real runs, "
            f"{result.stability.after_ns / 1e3:.1f} us after: {words}"
        )
    lines += wrapped(
        f"fixed before the first real run: rules {frozen.rules_sha256[:12]}, suite {frozen.suite_sha256[:12]}, "
        f"profile {frozen.profile_sha256[:12]}, predictions {frozen.predictions_sha256[:12]} "
        f"({frozen.predictions_file})"
    )
    return [*lines, *wrapped(f"{result.seconds / 60:.1f} minutes; again: {'; '.join(result.commands)}")]
