"""``weft validate`` as text: a table of predicted against measured, at most 80 columns wide, and what limits it.

It only formats a finished result; every number in it was computed elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from weft.real_runs.validation import ValidationResult, ValidationRun

from .wording import fixed_parameters, number, parameters, without, wrapped

_PARAMETERS_MAX = 14
"""Longer parameters get a line of their own above their row."""
_UNITS = (("s", 1.0), ("ms", 1e3), ("us", 1e6))


def render(result: ValidationResult) -> str:
    """The whole report, ending in a newline."""
    pinned = ", each thread pinned to a core" if result.pinned else ""
    lines = wrapped(
        f"{result.target}: predicted, then run {result.repeat} times in each of {_count(result.runs)} on this machine"
        f"{pinned}"
    )
    fixed, result = _varying(result)
    if fixed:
        lines += wrapped(f"with {parameters(fixed)}")
    lines += ["", *_table(result), "", *_verdict(result)]
    notes = [f"{_name(run)}: bound only: {run.envelope_reason}" for run in result.runs if run.envelope_reason]
    notes += [f"{_name(run)}: {run.note}" for run in result.runs if run.note]
    notes += [
        f"{_configuration(run.params, run.cores, run.gil)}: not run for real, since it never ends in simulation: "
        f"{run.reason}"
        for run in result.unfinished
    ]
    notes += _disturbances(result.runs) + result.limits
    if notes:
        lines.append("")
        for note in notes:
            lines += wrapped(note, "  ")
    lines += ["", *wrapped(f"machine: {_machine(result)}")]
    if result.stability is not None and result.stability.unstable:
        lines += wrapped(
            f"unstable machine: its hand-over took {result.stability.before_ns / 1e3:.1f} us before the real runs and "
            f"{result.stability.after_ns / 1e3:.1f} us after"
        )
    if result.profile:
        lines += wrapped(f"profile: {result.profile.get('name', 'unnamed')}")
    return "\n".join(lines) + "\n"


def _varying(result: ValidationResult) -> tuple[dict[str, Any], ValidationResult]:
    """The parameters that are the same in every configuration, and the result without them."""
    fixed = fixed_parameters(result.runs)
    return fixed, replace(result, runs=without(result.runs, fixed))


def _count(runs: Sequence[ValidationRun]) -> str:
    measured = sum(run.measured_seconds is not None for run in runs)
    return f"{measured} configuration{'' if measured == 1 else 's'}"


def _name(run: ValidationRun) -> str:
    return _configuration(run.params, run.cores, run.gil)


def _configuration(params: dict[str, Any], cores: int, gil: bool) -> str:
    given = parameters(params)
    return f"{given}{' ' if given else ''}cores={cores} gil={'on' if gil else 'off'}"


def _unit(runs: Sequence[ValidationRun]) -> tuple[str, float]:
    """The unit in which the smallest time has at least one digit before the point."""
    times = [run.seconds for run in runs] + [run.measured_seconds for run in runs if run.measured_seconds]
    smallest = min((value for value in times if value > 0), default=1.0)
    return next(((name, factor) for name, factor in _UNITS if smallest * factor >= 1), _UNITS[-1])


def _span(value: float | None, interval: Sequence[float] | None, factor: float) -> str:
    if value is None:
        return "-"
    if interval is None or interval[0] == interval[1]:
        return number(value * factor)
    low, high = (number(end * factor) for end in interval)
    return f"{number(value * factor)} [{low}, {high}]"


def _predicted(run: ValidationRun, factor: float) -> str:
    """The time, or outside the envelope only what it cannot be below."""
    if run.verdict == "bound only" and run.bound_seconds is not None:
        return f"at least {number(run.bound_seconds * factor)}"
    return _span(run.seconds, run.seconds_interval, factor)


def _percent(share: float) -> str:
    return f"{share * 100:+.1f} %"


def _table(result: ValidationResult) -> list[str]:
    runs = result.runs
    unit, factor = _unit(runs)
    inline = max((len(parameters(run.params)) for run in runs), default=0) <= _PARAMETERS_MAX
    header = ["parameters" if inline else "", "cores", "gil", f"predicted, {unit}", f"measured, {unit}", "error"]
    rows = [
        [
            parameters(run.params) if inline else "",
            str(run.cores),
            "on" if run.gil else "off",
            _predicted(run, factor),
            _span(run.measured_seconds, run.measured_interval, factor),
            "-" if run.error is None or run.verdict == "bound only" else _percent(run.error),
        ]
        for run in runs
    ]
    if not any(row[0] for row in rows):
        header[0] = ""
    widths = [max(len(line[column]) for line in [header, *rows]) for column in range(len(header))]
    lines = [_aligned(header, widths)]
    above = ""
    for run, row in zip(runs, rows, strict=True):
        if not inline and parameters(run.params) != above:
            above = parameters(run.params)
            lines += wrapped(above)
        lines.append(_aligned(row, widths))
    return lines


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Names to the left, numbers to the right."""
    parts = [
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        if width
    ]
    return "  ".join(parts).rstrip()


def _verdict(result: ValidationResult) -> list[str]:
    if result.error_median is None or result.error_max is None:
        return ["nothing could be compared"]
    text = f"error: median {result.error_median * 100:.1f} %, largest {result.error_max * 100:.1f} %"
    if result.sign_right is not None:
        text += f"; direction right in {result.sign_right * 100:.0f} % of comparisons"
    floors = [run.noise_floor for run in result.runs if run.noise_floor is not None]
    if floors:
        text += f"; two halves of the measurements differ by up to {max(floors) * 100:.1f} %"
    return wrapped(text)


def _disturbances(runs: Sequence[ValidationRun]) -> list[str]:
    return [
        f"{_name(run)}: {run.disturbed} of {len(run.samples)} runs were disturbed by other programs and left out; "
        f"median of all {number(run.raw_seconds * 1e3)} ms"
        for run in runs
        if run.disturbed and run.raw_seconds is not None and not run.note
    ]


def _machine(result: ValidationResult) -> str:
    machine = result.machine
    cores = machine.get("cores", "?")
    gil = "with GIL" if machine.get("gil", True) else "without GIL"
    return (
        f"{machine.get('cpu', 'unknown processor')}, {cores} core{'' if cores == 1 else 's'}, "
        f"{machine.get('implementation', 'Python')} {machine.get('python', '')} {gil}, "
        f"load {machine.get('load_average', ['?'])[0]}"
    )
