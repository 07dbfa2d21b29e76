"""The text of a validated suite: its width, its figures, what it says of failures, silence and goals."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from weft.real_runs.suite_result import Frozen, Stability, Summary
from weft.suite_text import render

from .suite_example import rows, suite_result


def lines_of(text: str, start: str) -> list[str]:
    """The lines of one section."""
    lines = text.splitlines()
    first = lines.index(start) + 1
    return lines[first : lines.index("", first)]


def words_of(text: str, start: str) -> str:
    """A section as one line."""
    return " ".join(" ".join(lines_of(text, start)).split())


def test_never_wider_than_80_columns() -> None:
    assert max(len(line) for line in render(suite_result()).splitlines()) <= 80


def test_every_judged_configuration_has_its_line() -> None:
    found = [replace(row, judged=row.pinned) for row in rows()]
    text = render(suite_result(rows=found))
    judged = [row for row in found if row.judged]
    lines = [line for line in text.splitlines() if line.endswith(("right", "wrong", "bound only", "no verdict"))]
    assert len(lines) == len(judged) < len(found)
    for row, line in zip(judged, lines, strict=True):
        assert line.startswith(row.workload[:23])
        assert f" {row.threads}* " in line
        assert f"{(row.error or 0) * 100:+.1f} %" in line
        assert line.endswith(row.verdict)
    assert "* each thread pinned to a core of its own" in text


def test_the_figures_stand_beside_those_of_simpler_models() -> None:
    result = suite_result()
    text = render(result)
    held = result.summaries["hold-out"]
    (own,) = [line for line in text.splitlines() if line.startswith("weft  ")]
    for value in (held.error_median_absolute, held.error_p90_absolute, held.error_max_absolute):
        assert f"{(value or 0) * 100:.1f} %" in own
    assert own.split()[-1] == str(held.rows)
    for name in ("Amdahl's law", "USL, fitted to these", "without a GIL", "critical-path bound", "linear speedup"):
        assert any(line.startswith(name) for line in text.splitlines())
    assert f"{result.envelope_share:.0%} are inside the envelope" in text


def test_goals_that_were_missed_are_told_with_both_numbers() -> None:
    good = Summary(
        rows=30,
        error_median_absolute=0.02,
        error_p90_absolute=0.05,
        error_max_absolute=0.1,
        bias=-0.01,
        kendall_tau=0.95,
        direction_right=1.0,
    )
    text = render(suite_result(summaries={"hold-out": good}, envelope_share=0.9))
    assert "all 7 goals met" in text
    bad = replace(good, error_max_absolute=0.3, kendall_tau=0.5, bias=-0.04)
    text = " ".join(render(suite_result(summaries={"hold-out": bad}, envelope_share=0.9)).split())
    assert (
        "goals missed: largest error 0.3 (at most 0.12); bias -0.04 (at most 0.02); Kendall's tau 0.5 (at least 0.9)"
        in text
    )


def test_it_says_where_it_fails_and_where_it_is_silent() -> None:
    found = rows()
    found[3] = replace(found[3], error=-0.9, noise_floor=0.02, verdict="bound only", envelope_reason="too short")
    text = render(suite_result(rows=found))
    threads = f"{found[3].threads} thread{'' if found[3].threads == 1 else 's'}{', pinned' if found[3].pinned else ''}"
    expected = f"{found[3].workload}, {threads}: -90.0 %, the machine's own noise 2.0 %; bound only: too short"
    assert words_of(text, "where it fails:").startswith(expected)
    assert "clean runs, 10 are needed" in words_of(text, "no verdict:")
    terms = lines_of(text, "the model less one term:")
    assert terms[0].startswith("  without GIL")
    assert "+11.8 points" in terms[0]


def test_raw_times_stand_in_brackets_where_no_run_was_clean() -> None:
    found = rows()
    found[0] = replace(found[0], measured_seconds=None, raw_seconds=0.1234, error=None, verdict="no verdict")
    text = render(suite_result(rows=found))
    assert "(123.4)" in text.splitlines()[5]
    assert "in brackets: of all runs" in text


def test_changes_are_told_with_both_gains() -> None:
    changes = [
        {"name": "half", "predicted": 0.5, "measured": 0.4},
        {"name": "late", "predicted": 1.0, "note": "no pairs"},
    ]
    words = words_of(render(suite_result(whatifs=changes)), "changes, predicted and really made:")
    assert words == "half: predicted +50.0 %, measured +40.0 % late: predicted +100.0 %, no pairs"


def test_its_origin_can_be_checked() -> None:
    frozen = Frozen(
        rules={},
        rules_sha256="ab" * 32,
        suite_sha256="cd" * 32,
        profile_sha256="ef" * 32,
        predictions_sha256="12" * 32,
        predictions_file=".weft/predictions/121212121212.json",
    )
    stability = Stability(before_ns=10_000, after_ns=13_000, moved=0.3, unstable=True)
    text = " ".join(render(suite_result(frozen=frozen, stability=stability)).split())
    assert "rules abababababab, suite cdcdcdcdcdcd, profile efefefefefef, predictions 121212121212" in text
    assert ".weft/predictions/121212121212.json" in text
    assert "10.0 us before the real runs, 13.0 us after: unstable machine" in text
    assert "weft validate --suite --machine machine.json" in text


@pytest.mark.parametrize("field", ["ablations", "envelope_rules", "limits", "baselines"])
def test_what_is_empty_has_no_section(field: str) -> None:
    titles = {
        "ablations": "the model less one term:",
        "envelope_rules": "envelope:",
        "limits": "limits:",
        "baselines": "Amdahl's law",
    }
    full = render(suite_result())
    assert titles[field] in full
    assert titles[field] not in render(suite_result(**{field: {} if field == "baselines" else []}))


def test_nothing_to_judge() -> None:
    text = render(suite_result(summaries={}, baselines={}, stability=None, envelope_share=None))
    assert "hold-out: nothing could be judged" in text
    assert "goals" not in text.partition("limits:")[0]
