"""What a reader must know to trust and repeat a validation: machine, calibration, load, runs, what was frozen, goals.

It reads a SuiteResult's own words about how it was made; it looks at no machine and no clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from .real_runs.suite_result import SuiteResult, Summary
from .report_numbers import percent
from .report_suite_rows import as_number
from .report_svg import duration
from .wording import counted

VALID_DAYS = 30
"""Of a calibration that does not say for how long it holds."""
_DAY_SECONDS = 86_400


def facts(result: SuiteResult) -> list[tuple[str, str]]:
    """(name, words) of everything that was known when it was made."""
    machine = result.machine
    rows = [
        ("Machine", _machine(machine)),
        ("Interpreter", _interpreter(machine)),
        ("weft", result.weft),
        ("Begun", _begun(result)),
        ("Calibration", _calibration(result)),
        ("Load", _load(machine)),
        ("Real runs", _runs(result)),
        ("Hand-over", _stability(result)),
        ("Seed", str(result.seed)),
    ]
    return [(name, words) for name, words in rows if words]


def _machine(machine: Mapping[str, Any]) -> str:
    cores = as_number(machine.get("cores"))
    parts = [str(machine.get("cpu") or ""), str(machine.get("architecture") or "")]
    parts += [counted(int(cores), "core") if cores is not None else "", str(machine.get("kernel") or "")]
    return ", ".join(part for part in parts if part)


def _interpreter(machine: Mapping[str, Any]) -> str:
    name = " ".join(str(machine.get(key) or "") for key in ("implementation", "python")).strip()
    parts = [name]
    if isinstance(machine.get("gil"), bool):
        parts.append("with the GIL" if machine["gil"] else "without the GIL")
    interval = as_number(machine.get("switch_interval_ms"))
    if interval is not None and machine.get("gil"):
        parts.append(f"switch interval {interval:g} ms")
    return ", ".join(part for part in parts if part)


def _begun(result: SuiteResult) -> str:
    begun = moment(result.begun)
    words = result.begun if begun is None else begun.strftime("%Y-%m-%d %H:%M UTC")
    spent = f"{result.seconds / 60:.0f} min" if result.seconds >= 120 else f"{result.seconds:.0f} s"
    return f"{words}, took {spent}" if words and result.seconds else words


def moment(text: Any) -> datetime | None:
    """An ISO 8601 date and time, or None."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _calibrated(result: SuiteResult) -> datetime | None:
    machine = result.profile.get("machine")
    about = cast("dict[str, Any]", machine) if isinstance(machine, dict) else {}
    return moment(about.get("date"))


def age_days(result: SuiteResult) -> float | None:
    """Days from the calibration to the first prediction; None when either date is not known."""
    begun, calibrated = moment(result.begun), _calibrated(result)
    if begun is None or calibrated is None or (begun.tzinfo is None) is not (calibrated.tzinfo is None):
        return None
    return (begun - calibrated).total_seconds() / _DAY_SECONDS


def _calibration(result: SuiteResult) -> str:
    name, age = str(result.profile.get("name") or ""), age_days(result)
    parts = [f"profile {name}" if name else ""]
    if age is not None:
        parts.append(_age(age))
        calibrated = _calibrated(result)
        if calibrated is not None:
            parts[-1] += f" ({calibrated.strftime('%Y-%m-%d %H:%M')})"
    return ", ".join(part for part in parts if part)


def _age(days: float) -> str:
    if days * 24 < 1.5:
        return "about an hour old or less"
    return f"{days * 24:.0f} hours old" if days < 2 else f"{days:.0f} days old"


def _load(machine: Mapping[str, Any]) -> str:
    load = machine.get("load_average")
    if not isinstance(load, list):
        return ""
    values = [value for each in cast("list[Any]", load) if (value := as_number(each)) is not None]
    return (
        f"{', '.join(f'{value:g}' for value in values)} (average of 1, 5 and 15 minutes at the beginning)"
        if values
        else ""
    )


def _runs(result: SuiteResult) -> str:
    clean, dropped = sum(row.clean for row in result.rows), sum(row.dropped for row in result.rows)
    if not clean + dropped:
        return ""
    words = f"{clean + dropped:,} in {counted(result.repeat, 'block')}" if result.repeat else f"{clean + dropped:,}"
    words += f", {dropped:,} dropped as disturbed ({percent(dropped / (clean + dropped))})"
    broken: dict[str, int] = {}
    for row in result.rows:
        for sample in row.samples:
            if sample.status != "ok":
                broken[sample.status] = broken.get(sample.status, 0) + 1
    return words + "".join(f", {number:,} {status}" for status, number in broken.items())


def _stability(result: SuiteResult) -> str:
    found = result.stability
    if found is None:
        return ""
    words = f"{duration(found.before_ns)} before the real runs, {duration(found.after_ns)} after ({percent(found.moved)} apart)"
    return f"{words}: unstable" if found.unstable else words


def warnings(result: SuiteResult) -> list[str]:
    """What makes the whole doubtful, in sentences."""
    found: list[str] = []
    if result.interrupted:
        found.append("Interrupted before all of it was measured: what is missing has no verdict.")
    if result.stability is not None and result.stability.unstable:
        moved = percent(result.stability.moved)
        found.append(f"Unstable machine: its hand-over time moved by {moved} while the real runs were made.")
    age, valid = age_days(result), as_number(result.profile.get("valid_days")) or VALID_DAYS
    if age is not None and age > valid:
        found.append(f"Old calibration: {age:.0f} days, it holds for {valid:g}. Run weft calibrate again.")
    silent = sum(row.verdict == "no verdict" for row in result.rows)
    if silent:
        found.append(
            f"No verdict on {counted(silent, 'configuration')}: too few clean real runs; they are in no summary of the hold-out."
        )
    return found


# What was fixed before.


def rules(result: SuiteResult) -> list[tuple[str, str]]:
    """The rules that were frozen before the first real run, but for the goals; and where the predictions were kept."""
    found = [(key.replace("_", " "), _plain(value)) for key, value in result.frozen.rules.items() if key != "goals"]
    return found + ([("predictions", result.frozen.predictions_file)] if result.frozen.predictions_file else [])


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def digests(result: SuiteResult) -> list[tuple[str, str]]:
    """What was frozen and its SHA-256."""
    frozen = result.frozen
    found = [
        ("rules", frozen.rules_sha256),
        ("suite", frozen.suite_sha256),
        ("profile", frozen.profile_sha256),
        ("predictions", frozen.predictions_sha256),
    ]
    return [(name, digest) for name, digest in found if digest]


# Tiles.


@dataclass(frozen=True, slots=True)
class Tile:
    """One large number; ``goal`` is what was asked of it beforehand, ``met`` whether it is so (None: nothing asked)."""

    value: str
    name: str
    goal: str = ""
    met: bool | None = None


_AT_MOST = {
    "error_median_absolute": "median error",
    "error_p90_absolute": "nine in ten within",
    "error_max_absolute": "largest error",
}
_AT_LEAST = {"kendall_tau": "order of times (Kendall's tau)", "direction_right": "faster or slower, right"}


def headline_summary(result: SuiteResult) -> Summary | None:
    """What the tool is judged by: the hold-out, or everything when nothing was held out."""
    return result.summaries.get("hold-out") or result.summaries.get("all")


def tiles(result: SuiteResult) -> list[Tile]:
    """The figures that count, with the goals among the frozen rules where there are some."""
    goals = result.frozen.rules.get("goals")
    asked = cast("dict[str, Any]", goals) if isinstance(goals, dict) else {}
    summary = headline_summary(result)
    found: list[Tile] = []
    if summary is not None:
        for key, name in _AT_MOST.items():
            value: float | None = getattr(summary, key)
            if value is not None:
                found.append(_tile(percent(value), name, value, as_number(asked.get(key)), "≤ "))
        if summary.bias is not None:
            shown = percent(summary.bias, signed=True)
            found.append(_tile(shown, "bias", abs(summary.bias), as_number(asked.get("bias")), "±"))
        for key, name in _AT_LEAST.items():
            value = getattr(summary, key)
            if value is not None:
                text = f"{value:.2f}" if key == "kendall_tau" else f"{100 * value:.0f} %"
                found.append(_tile(text, name, value, as_number(asked.get(key)), "≥ "))
    if result.envelope_share is not None:
        share = result.envelope_share
        goal = as_number(asked.get("envelope_share"))
        found.append(_tile(f"{100 * share:.0f} %", "inside the envelope", share, goal, "≥ "))
    return found


def _tile(text: str, name: str, value: float, goal: float | None, sign: str) -> Tile:
    if goal is None:
        return Tile(text, name)
    met = value >= goal if sign == "≥ " else value <= goal
    return Tile(text, name, f"goal {sign}{f'{goal:g}' if 'tau' in name else f'{100 * goal:g} %'}", met)
