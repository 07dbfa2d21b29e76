"""Predictions and validations on the page: series, curves with their laws, tables, where the time goes."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from weft.report import Report
from weft.report_curves import charts, laws_of
from weft.report_numbers import percent
from weft.report_runs import Run, axis_of, series_of
from weft.report_tables import validation_table

from .report_page import Page, prediction, runs, validation


def test_every_series_of_a_sweep_is_drawn() -> None:
    found = [msgspec.convert(run, Run) for run in runs()]
    axis = axis_of(found)
    assert axis.x == "cores"
    assert [series.label for series in series_of(found, axis)] == ["GIL on", "GIL off"]
    speedup, seconds = charts(found)
    assert (speedup.title, seconds.title) == ("Speedup", "Seconds")
    assert speedup.plot.count('class="hollow"') == 8
    assert speedup.plot.count('class="band"') == 2
    assert speedup.plot.count('class="ideal"') == 1
    assert 'class="solid"' not in speedup.plot


def test_measured_points_have_error_bars_and_single_runs() -> None:
    speedup, seconds = charts([msgspec.convert(run, Run) for run in runs(measured=True)])
    assert seconds.plot.count('class="solid"') == 8
    assert seconds.plot.count('class="whisker"') == 8
    assert seconds.plot.count('class="sample"') == 24
    assert speedup.plot.count('class="solid"') == 8


def test_nothing_is_drawn_outside_the_chart() -> None:
    for chart in charts([msgspec.convert(run, Run) for run in runs(measured=True)], LAWS):
        _, _, width, height = (float(value) for value in re.findall(r'viewBox="([^"]*)"', chart.plot)[0].split())
        places = re.findall(r'(?:c?x1?)="(-?[\d.]+)" (?:c?y1?)="(-?[\d.]+)"', chart.plot)
        for line in re.findall(r'<path d="M([^"]*)" class="(?:curve|band|law)"', chart.plot):
            places += [tuple(place.split()) for place in line.removesuffix("Z").split("L")]
        assert len(places) > 30
        for x, y in places:
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height


LAWS: dict[str, Any] = {
    "amdahl": {
        "gil on": {"serial_fraction": 0.5, "one_core_seconds": 2.0},
        "gil off": {"serial_fraction": 0.0, "one_core_seconds": 4.0},
    },
    "usl": {"gil on": {"contention": 0.1, "coherency": 0.02, "one_core_seconds": 2.0}},
    "critical_path": {"gil off": {"work_seconds": 2.0, "span_seconds": 0.5}},
    "gustafson": {"gil on": {"serial_fraction": 0.1}},
    "amdahl, unfitted": {},
}


def test_laws_are_speedups_over_the_base_of_their_mode() -> None:
    found = [msgspec.convert(run, Run) for run in runs()]
    laws = laws_of(series_of(found, axis_of(found)), LAWS)
    assert [(law.name, law.tone) for law in laws] == [("Amdahl", 1), ("USL", 1), ("Amdahl", 2), ("bound", 2)]
    amdahl, usl, free, bound = laws
    assert amdahl.at(4) == pytest.approx(1 / (0.5 + 0.5 / 4))
    assert usl.at(4) == pytest.approx(4 / (1 + 0.1 * 3 + 0.02 * 4 * 3))
    assert free.at(4) == pytest.approx(2.0), "its own base is twice as slow as the runs'"
    assert (bound.at(2), bound.at(8)) == (pytest.approx(2.0), pytest.approx(4.0))


def test_laws_are_drawn_beside_one_or_two_series_only() -> None:
    found = [msgspec.convert(run, Run) for run in runs()]
    speedup, seconds = charts(found, LAWS)
    assert speedup.plot.count('class="law"') == 4
    assert 'class="law"' not in seconds.plot
    crowd = [msgspec.convert({**run, "params": {"size": size}}, Run) for run in runs() for size in (1, 2)]
    assert 'class="law"' not in charts(crowd, LAWS)[0].plot


def test_a_validation_has_its_scatter_and_a_prediction_none() -> None:
    measured = Page(Report("r").add_validation(validation()).html())
    assert "Predicted against measured" in measured.words()
    assert "Predicted against measured" not in Page(Report("r").add_prediction(prediction()).html()).words()
    labels = [found.get("aria-label") or "" for _, found in measured.elements]
    assert any("against measured seconds of 8 configurations: 8 within 5.0 %" in label for label in labels)


def test_what_holds_it_back_is_told_in_parts_of_the_critical_path() -> None:
    path = [
        {"what": f"part {number}", "kind": kind, "share": share, "seconds": share, "held_by": []}
        for number, (kind, share) in enumerate([("lock", 0.5), ("compute", 0.3), *[("gil", 0.025)] * 8])
    ]
    path[0]["held_by"] = ["worker-2 (train.py:57)"]
    attribution = {
        "params": {"workers": 8}, "cores": 8, "gil": True, "bottleneck": "Lock 'a' (t.py:1): 50 % of the critical path",
        "share": 0.5, "speedup": 2.1, "change": "without it", "changed_speedup": 3.4, "path": path, "seconds": 1.0,
        "work_seconds": 2.0, "span_seconds": 0.4, "gil_seconds": 0.1,
    }  # fmt: skip
    recommended = {
        "parameter": "workers", "value": 4, "cores": 8, "gil": True, "params": {}, "speedup": 3.1,
        "sentence": "4 workers: 3.1x; a fifth gains 2 %",
    }  # fmt: skip
    what_if = {"change": "lock:a", "params": {}, "cores": 8, "gil": True, "seconds": 0.7, "gain": 1.6}
    values = prediction(attributions=[attribution], recommended=[recommended], what_if=[what_if])
    page = Page(Report("r").add_prediction(values).html())
    words = page.words()
    assert "50 % of the critical path; without it: 3.4x instead of 2.1x" in words
    assert "50 % part 0 500 ms; held by worker-2 (train.py:57)" in words
    assert "5.0 % 2 further parts" in words, "of ten, eight are told"
    assert "4 workers: 3.1x; a fifth gains 2 %" in words
    rows = [[" ".join(cell.split()) for cell in row] for table in page.tables for row in table]
    assert ["lock:a", "700 ms", "1.60\N{MULTIPLICATION SIGN}"] in rows


def test_a_change_of_all_runs_is_said_above_them() -> None:
    values = prediction(runs=[{**run, "scale": {"model.forward": 0.5}, "free_locks": ["a.lock"]} for run in runs()])
    words = Page(Report("r").add_prediction(values).html()).words()
    assert "model.forward \N{MULTIPLICATION SIGN} 0.5, a.lock makes nobody wait" in words


def test_workers_are_the_axis_when_cores_do_not_vary() -> None:
    found = [Run(params={"size": size, "workers": n}, cores=2, seconds=1.0) for size in (1, 2) for n in (1, 2)]
    axis = axis_of(found)
    assert (axis.x, axis.others) == ("workers", ["size"])
    assert [series.label for series in series_of(found, axis)] == ["size=1", "size=2"]
    assert [chart.title for chart in charts(found)] == ["Seconds"], "without speedups there is no speedup chart"


def test_a_single_run_is_a_table_without_a_chart() -> None:
    one = prediction(runs=runs()[:1])
    page = Page(Report("r").add_prediction(one).html())
    assert page.count("svg", class_="chart") == 0
    assert "2.00 s" in page.words()


def test_one_interval_is_worked_out_from_the_other() -> None:
    assert Run(seconds=10.0, speedup=2.0, interval=(1.6, 2.5)).predicted_interval == (8.0, 12.5)
    assert Run(seconds=10.0, speedup=2.0, seconds_interval=(8.0, 12.5)).speedup_interval == (1.6, 2.5)
    assert Run(seconds=10.0).predicted_interval is None


def test_workers_that_are_as_many_as_the_cores_make_no_series() -> None:
    found = [
        Run(params={"workers": n, "size": 3}, cores=n, gil=gil, seconds=1.0) for gil in (True, False) for n in (1, 2)
    ]
    axis = axis_of(found)
    assert (axis.x, axis.others, axis.along) == ("cores", [], ["workers"])
    assert [len(series.runs) for series in series_of(found, axis)] == [2, 2]


def test_configurations_that_never_ended_are_said_first() -> None:
    stuck = [
        {"params": {"workers": 2}, "cores": 2, "gil": True, "reason": "deadlock", "stuck": ["main waits for lock"]}
    ]
    words = Page(Report("r").add_prediction(prediction(unfinished=stuck)).html()).words()
    assert "1 of 9 configurations never ended in virtual time" in words
    assert "2 cores, workers=2, GIL on: deadlock main waits for lock" in words
    alone = Page(Report("r").add_prediction(prediction(runs=[], unfinished=stuck)).html())
    assert alone.texts["h1"][0].strip() == "No configuration ended in virtual time"


def test_a_run_that_was_not_measured_says_why() -> None:
    values = validation()
    del values["runs"][7]["measured_seconds"], values["runs"][7]["error"]
    values["runs"][7] |= {"note": "this machine has 2 cores", "samples": []}
    values["runs"][0] |= {"disturbed": 1}
    page = Page(Report("r").add_validation(values).html())
    assert "8 cores, GIL off: this machine has 2 cores" in page.words()
    assert "2 of 3" in page.words()
    assert "median of 7 comparisons" in page.words()


def test_outside_the_envelope_a_bound_and_the_reason_stand_for_prediction_and_error() -> None:
    values = validation()
    outside = values["runs"][0] | {"error": -0.99, "verdict": "bound only", "bound_seconds": 0.25}
    values["runs"][0] = outside | {"envelope_reason": "it is too fine"}
    words = Page(Report("r").add_validation(values).html()).words()
    assert "at least 250 ms" in words
    assert "bound only: it is too fine" in words
    assert "99 %" not in words


def test_the_validation_table_has_signed_errors_and_intervals() -> None:
    run = Run(
        params={"workers": 2}, cores=2, gil=True, seconds=0.541, speedup=1.9, interval=(1.8, 2.0),
        measured_seconds=0.556, measured_interval=(0.552, 0.561), error=-0.027, samples=[{"seconds": 0.5}, 0.6],
    )  # fmt: skip
    table = validation_table([run])
    assert table.columns == ["workers", "cores", "GIL", "predicted [interval]", "measured [interval]", "error", "runs"]
    assert table.texts() == [["2", "2", "on", "541 [514, 571] ms", "556 [552, 561] ms", "\N{MINUS SIGN}2.7 %", "2"]]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.021, "+2.1 %"), (-0.125, "\N{MINUS SIGN}12 %"), (0.0, "0.0 %"), (-0.0004, "0.0 %"), (1.5, "+150 %")],
)
def test_errors_are_signed(share: float, text: str) -> None:
    assert percent(share, signed=True) == text


def test_fitted_laws_are_told_by_gil_mode() -> None:
    laws = {"amdahl": {"gil on": {"serial_fraction": 0.26317, "speedup_max": None}, "error": 0.0871}, "note": "x"}
    words = Page(Report("r").add_prediction(prediction(laws=laws)).html()).words()
    assert "amdahl error 0.0871 amdahl, gil on serial fraction 0.263 note x" in words


def test_speedups_name_what_they_are_relative_to() -> None:
    base = [{"params": {"workers": 8}, "cores": 1, "gil": gil} for gil in (True, False)]
    words = Page(Report("r").add_prediction(prediction(base=base)).html()).words()
    assert "In every run: workers=8. Speedup is relative to 1 core." in words


@pytest.mark.parametrize(("disturbed", "text"), [(0, "3"), (1, "2 of 3"), (2, "3")])
def test_disturbed_runs_are_left_out_unless_most_were(disturbed: int, text: str) -> None:
    run = msgspec.convert(runs(measured=True)[0] | {"disturbed": disturbed}, Run)
    assert validation_table([run]).texts()[0][-1] == text


def test_the_shares_of_a_bar_fill_it() -> None:
    page = Page(Report("r").add_prediction(prediction()).html())
    labels = [found["aria-label"] or "" for tag, found in page.elements if tag == "svg" and found.get("height") == "20"]
    assert labels[0] == "1 core, GIL on: running 73 %, lock wait 9 %, gil wait 18 %"
    assert len(labels) == 8
