"""Figures on paper: what is drawn is what was measured, the same result gives the same files, and it says what it needs."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as Xml
from pathlib import Path
from typing import Any

import pytest

from weft.real_runs.suite_result import SuiteResult
from weft.report_figures import FiguresError, write

from .suite_example import rows, suite_result
from .trace_pair_example import suite_traces

EVERYTHING = {
    "scatter", "errors", "families", "models", "speedup", "breakdown", "terms", "envelope", "whatifs", "timelines",
}  # fmt: skip


def drawn(result: SuiteResult, traces: dict[str, Any] | None = None) -> dict[str, Any]:
    from weft.report_figure_charts import figures

    return dict(figures(result, traces or {}))


@pytest.fixture(scope="module")
def suite() -> dict[str, Any]:
    return drawn(suite_result(), suite_traces(2, 2))


def bare() -> SuiteResult:
    """Only what a scatter needs."""
    return SuiteResult(frozen=suite_result().frozen, rows=rows()[:1] + rows()[2:3])


def test_there_is_a_figure_for_everything_that_has_numbers(suite: dict[str, Any]) -> None:
    assert set(suite) == EVERYTHING
    assert set(drawn(bare())) == {"scatter", "errors", "families", "breakdown"}


def test_points_stand_at_their_numbers(suite: dict[str, Any]) -> None:
    result = suite_result()
    (axes,) = suite["scatter"].axes
    points = {tuple(place) for marks in axes.collections for place in marks.get_offsets().tolist()}
    wanted = {(row.measured_seconds, row.predicted_seconds) for row in result.rows if row.judged}
    assert wanted <= points


def test_steps_of_the_distribution_end_at_all_of_them(suite: dict[str, Any]) -> None:
    (axes,) = suite["errors"].axes
    for line in axes.lines[:-2]:
        shares = list(line.get_ydata())
        assert shares == sorted(shares)
        assert shares[-1] == 1


def test_bars_of_terms_are_as_long_as_their_change(suite: dict[str, Any]) -> None:
    result = suite_result()
    (axes,) = suite["terms"].axes
    assert [bar.get_width() for bar in axes.patches] == sorted((each.change for each in result.ablations), reverse=True)


def test_every_workload_has_its_curve(suite: dict[str, Any]) -> None:
    result = suite_result()
    shown = [axes for axes in suite["speedup"].axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == list(dict.fromkeys(row.workload for row in result.rows))
    work_stealing = next(axes for axes in shown if axes.get_title() == "work stealing")
    predicted = work_stealing.lines[0].get_xydata().tolist()
    assert predicted == [[row.threads, row.speedup] for row in result.rows if row.workload == "work stealing"]


def test_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    first, again = (write(bare(), tmp_path / name, formats=("svg",)) for name in ("first", "again"))
    assert [path.name for path in first] == ["scatter.svg", "errors.svg", "families.svg", "breakdown.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


@pytest.mark.slow
def test_every_figure_is_written_in_both_formats(tmp_path: Path) -> None:
    written = write(suite_result(), tmp_path / "new" / "folder", suite_traces(2, 2))
    assert {path.name for path in written} == {f"{name}.{kind}" for name in EVERYTHING for kind in ("svg", "png")}
    for path in written:
        if path.suffix == ".svg":
            assert Xml.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        else:
            assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(FiguresError, match=r"pip install 'weft\[plot\]'"):
        write(bare(), tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_importing_it_loads_no_matplotlib() -> None:
    code = (
        "import sys, weft.report_figures, weft.report; print([m for m in ('matplotlib', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
