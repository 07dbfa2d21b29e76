"""The simulation-versus-real report: every number on the page against the result it was made from."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from weft.real_runs.suite_result import SuiteResult, SuiteRow
from weft.report import Report, ReportError
from weft.report_numbers import percent

from .report_page import Page, explored_trace
from .suite_example import rows, suite_result
from .trace_pair_example import suite_traces

_UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


@pytest.fixture(scope="module")
def result() -> SuiteResult:
    return suite_result()


@pytest.fixture(scope="module")
def page(result: SuiteResult) -> Page:
    return Page(Report("suite").add_suite(result, suite_traces()).html())


def page_of(result: SuiteResult) -> Page:
    return Page(Report("suite").add_suite(result).html())


def with_interval(text: str) -> list[float]:
    """``608 [603, 613] ms`` in seconds."""
    numbers, unit = text.rsplit(" ", 1)
    return [float(value.replace(",", "")) * _UNITS[unit] for value in re.findall(r"[\d.,]*\d", numbers)]


def share(text: str) -> float:
    return float(text.removesuffix(" %").replace("\N{MINUS SIGN}", "-")) / 100


# The table.


def test_every_configuration_has_a_row_with_its_numbers(page: Page, result: SuiteResult) -> None:
    head, *body = page.table("configurations")
    assert len(body) == len(result.rows) == 44
    column = {name: index for index, name in enumerate(head)}
    for cells, row in zip(body, result.rows, strict=True):
        assert cells[column["workload"]].startswith(row.workload)
        assert cells[column["threads"]] == str(row.threads)
        assert cells[column["pinned"]] == ("yes" if row.pinned else "no")
        predicted = with_interval(cells[column["predicted [interval]"]])
        assert predicted == pytest.approx([row.predicted_seconds, *row.predicted_interval], rel=0.006)
        measured = with_interval(cells[column["measured [interval]"]].partition(" all runs: ")[0])
        assert row.measured_interval is not None
        assert measured == pytest.approx([row.measured_seconds, *row.measured_interval], rel=0.006)
        assert share(cells[column["error"]]) == pytest.approx(row.error, abs=0.006)
        assert share(cells[column["noise floor"]]) == pytest.approx(row.noise_floor, abs=0.0006)
        assert cells[column["clean runs"]] == f"{row.clean} of {row.clean + row.dropped}"
        assert cells[column["envelope"]] == ("inside" if row.inside_envelope else "outside")
        assert cells[column["verdict"]].startswith(row.verdict)


def test_cells_are_sorted_by_numbers_not_by_texts(page: Page, result: SuiteResult) -> None:
    keys = [float(found["data-key"] or "nan") for tag, found in page.elements if tag == "td" and "data-key" in found]
    for wanted in (row.predicted_seconds for row in result.rows):
        assert wanted in keys


def test_rows_can_be_filtered_by_what_they_are(page: Page, result: SuiteResult) -> None:
    facets = [found for tag, found in page.elements if tag == "tr" and "data-family" in found]
    assert [(found["data-family"], found["data-verdict"]) for found in facets] == [
        (row.family, row.verdict) for row in result.rows
    ]
    offered = {found["name"] for tag, found in page.elements if tag == "select"}
    assert offered == {"family", "split", "threads", "pinned", "verdict", "counted"}


def test_every_mark_leads_to_a_row_of_the_table(page: Page) -> None:
    ids = {found["id"] for tag, found in page.elements if tag == "tr" and "id" in found}
    led = [found["data-row"] for tag, found in page.elements if tag == "g" and "data-row" in found]
    assert set(led) <= ids
    assert len(led) > 2 * 30


def test_only_one_of_pinned_and_unpinned_is_a_mark_among_the_errors(result: SuiteResult) -> None:
    counted = sum(row.judged for row in result.rows)
    assert counted < len(result.rows)
    text = Report("suite").add_suite(result).html()
    errors = text[text.index('id="s1-errors"') : text.index('id="s1-curves"')]
    assert errors.count('class="dot ') == 2 * counted + 2 * len({row.verdict for row in result.rows})


def test_rows_that_only_parameters_tell_apart_are_named_by_them() -> None:
    one = rows()[4]
    result = suite_result(rows=[replace(one, params={"batch": size}) for size in (1, 8)])
    cells = page_of(result).table("configurations")
    assert "batch=1" in cells[1][0]
    assert "batch=8" in cells[2][0]


# The figures that count.


def test_the_first_sentence_is_the_median_of_the_hold_out(page: Page, result: SuiteResult) -> None:
    held = result.summaries["hold-out"]
    assert held.error_median_absolute is not None
    wanted = f"{percent(held.error_median_absolute)} off the real machine: the median of {held.rows} configurations"
    assert page.texts["h1"][0].strip().startswith(wanted)
    assert page.count("header", class_="good") == 1


def test_the_models_stand_beside_each_other(page: Page, result: SuiteResult) -> None:
    head, *body = page.table("models")
    column = {name: index for index, name in enumerate(head)}
    by_name = {cells[0]: cells for cells in body}
    wanted = {
        "weft, hold-out": result.summaries["hold-out"],
        "Amdahl's law": result.baselines["amdahl"],
        "the model without the GIL": result.baselines["no gil term"],
        "linear speedup": result.baselines["linear"],
        "critical-path bound": result.baselines["critical path"],
        "weft, no run dropped": result.summaries["hold-out raw"],
    }
    for name, summary in wanted.items():
        cells = by_name[name]
        assert share(cells[column["median [95 %]"]].split(" [")[0]) == pytest.approx(
            summary.error_median_absolute, abs=0.006
        )
        assert share(cells[column["90th"]]) == pytest.approx(summary.error_p90_absolute, abs=0.006)
        assert share(cells[column["largest"]]) == pytest.approx(summary.error_max_absolute, abs=0.006)
        assert share(cells[column["bias"]]) == pytest.approx(summary.bias, abs=0.006)
        assert int(cells[column["n"]]) == summary.rows


def test_families_are_in_the_errors_and_not_among_the_models(page: Page, result: SuiteResult) -> None:
    names = [cells[0] for cells in page.table("models")]
    assert not {row.family for row in result.rows} & set(names)
    for family in {row.family for row in result.rows}:
        assert any((found.get("aria-label") or "").startswith(f"{family}: ") for _, found in page.elements)


def goals(**values: float) -> SuiteResult:
    result = suite_result()
    result.frozen.rules = {"goals": values}
    return result


@pytest.mark.parametrize(
    ("name", "met", "missed"),
    [
        ("error_median_absolute", 0.9, 0.0001),
        ("bias", 0.9, 0.0),
        ("kendall_tau", 0.1, 1.1),
        ("envelope_share", 0.1, 1.1),
    ],
)
def test_a_missed_goal_is_said_first(name: str, met: float, missed: float) -> None:
    good = page_of(goals(**{name: met}))
    assert good.count("span", class_="met") == 1
    assert "the goal met, fixed before the first real run" in good.words()
    bad = page_of(goals(**{name: missed}))
    assert bad.count("span", class_="missed") == 1
    assert bad.count("header", class_="warn") == 1
    assert "goal missed: " in bad.words()


def test_without_goals_the_figures_stand_alone() -> None:
    page = page_of(goals())
    assert page.count("span", class_="goal") == 0
    assert "median error" in page.words()


def test_all_runs_stand_below_the_clean_ones_where_they_differ() -> None:
    same, other, dirty = rows()[:3]
    assert same.measured_seconds is not None
    found = [
        replace(same, raw_seconds=same.measured_seconds),
        replace(other, raw_seconds=1.234),
        replace(unmeasured(dirty), raw_seconds=4.321),
    ]
    cells = [row[4] for row in page_of(suite_result(rows=found)).table("configurations")[1:]]
    assert "all runs" not in cells[0]
    assert cells[1].endswith("] ms all runs: 1.23 s")
    assert cells[2] == "all runs: 4.32 s"


# How it was made.


def test_the_header_says_what_a_claim_needs(page: Page, result: SuiteResult) -> None:
    words = page.words()
    assert "AMD EPYC 9B45, x86_64, 2 cores, Linux 6.12.5" in words
    assert "CPython 3.11.2, with the GIL, switch interval 5 ms" in words
    assert "profile machine, 2 days old (2026-11-18 08:02)" in words
    assert "0.11, 0.2, 0.31 (average of 1, 5 and 15 minutes at the beginning)" in words
    runs, dropped = sum(len(row.samples) for row in result.rows), sum(row.dropped for row in result.rows)
    assert f"{runs:,} in 20 blocks, {dropped:,} dropped as disturbed" in words
    for digest in ("0f", "1e", "2d", "3c"):
        assert digest * 32 in words
    for command in result.commands:
        assert words.count(command) == 2, "at the top and at the end"


def test_real_runs_that_did_not_end_are_counted() -> None:
    found = rows()
    found[3].samples = [replace(sample, status="deadlock") for sample in found[3].samples]
    assert "20 deadlock" in page_of(suite_result(rows=found)).words()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda result: setattr(result.stability, "unstable", True),
            "Unstable machine: its hand-over time moved by 7.2 %",
        ),
        (
            lambda result: result.profile["machine"].update(date="2026-06-01T00:00:00+00:00"),
            "Old calibration: 172 days",
        ),
        (lambda result: setattr(result, "interrupted", True), "Interrupted before all of it was measured"),
        (lambda result: setattr(result, "begun", "yesterday"), ""),
    ],
)
def test_what_makes_it_doubtful_is_an_alarm(change: Callable[[SuiteResult], Any], sentence: str) -> None:
    result = suite_result(rows=[row for row in rows() if row.verdict != "no verdict"])
    change(result)
    page = page_of(result)
    assert sentence in page.words()
    assert page.count("p", class_="alarm") == (1 if sentence else 0)


# What is not there.


def unmeasured(row: SuiteRow) -> SuiteRow:
    return replace(
        row, measured_seconds=None, measured_interval=None, error=None, raw_error=None, noise_floor=None,
        measured_speedup=None, measured_speedup_interval=None, measured_time_in=None, verdict="no verdict", clean=0,
        dropped=0, samples=[], note="20 of 20 runs timeout: stopped after 60 s",
    )  # fmt: skip


def test_a_suite_of_which_nothing_could_be_measured_is_a_page_too() -> None:
    result = SuiteResult(frozen=suite_result().frozen, rows=[unmeasured(row) for row in rows()])
    page = page_of(result)
    assert page.texts["h1"][0].strip() == "No configuration could be judged"
    assert "20 of 20 runs timeout: stopped after 60 s" in page.words()
    assert page.count("section", id="s1-errors") == 0
    assert page.count("table", class_="models") == 0
    assert "goal" not in page.words()
    assert page.count("section", id="s1-envelope") == 0


def test_parts_that_are_missing_are_not_in_the_contents() -> None:
    whole, bare = suite_result(), suite_result(ablations=[], whatifs=[], envelope=[])
    for result, there in ((whole, True), (bare, False)):
        page = page_of(result)
        targets = {found["href"] for tag, found in page.elements if tag == "a"}
        ids = {f"#{found['id']}" for _, found in page.elements if "id" in found}
        assert ("#s1-envelope" in targets) is there
        assert ("#s1-terms" in targets) is there
        assert targets <= ids, "every link leads somewhere"


def test_a_suite_of_very_many_workloads_keeps_its_table_whole() -> None:
    some = [row for row in rows() if row.workload == "work stealing"]
    many = [replace(row, workload=f"workload {number}") for number in range(70) for row in some]
    page = page_of(suite_result(rows=many))
    assert "10 more workloads are in the table only." in page.words()
    assert len(page.table("configurations")) == 1 + len(many)


def test_its_limits_stand_where_it_fails_and_nowhere_else(page: Page) -> None:
    words = page.words()
    assert words.count("hyper-threads: this machine shows none") == 1
    assert "What was bounded or not seen" not in words


def test_an_empty_suite_and_a_trace_without_times_are_refused() -> None:
    with pytest.raises(ReportError, match='"rows" is an empty list'):
        Report("r").add_suite(SuiteResult(frozen=suite_result().frozen))
    with pytest.raises(ReportError, match="simulated trace is of an explored run"):
        Report("r").add_suite(suite_result(), {"simulated": explored_trace()})
    with pytest.raises(ReportError, match=r"not a suite result.*required field `frozen`"):
        Report("r").add_suite({"rows": []})
