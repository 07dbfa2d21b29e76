"""The HTML report: what it says, that it is one harmless file, and that bad input is refused by name."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from weft.checkers.finding import Finding, Result, ThreadState, Wait
from weft.real_runs.suite_result import SuiteResult
from weft.report import BYTES_MAX, Report, ReportError
from weft.report_runs import Prediction
from weft.simcore.trace import Header, TraceBuilder

from .report_page import (
    EVIL,
    Page,
    deadlock,
    full,
    prediction,
    result,
    runs,
    timed_trace,
    validation,
)
from .suite_example import rows as suite_rows
from .suite_example import suite_result

# One harmless file.


def test_the_page_asks_the_network_for_nothing() -> None:
    page = Page(full().html())
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        for name in ("src", "href", "xlink:href", "action", "poster"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    assert re.findall(r"url\((?!#)", page.texts["style"][0]) == []
    assert "@import" not in page.texts["style"][0]


def test_the_policy_admits_the_one_script_and_nothing_else() -> None:
    page = Page(full().html())
    policies = [found["content"] for tag, found in page.elements if tag == "meta" and "http-equiv" in found]
    script = page.texts["script"][-1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policies == [f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"]


def test_names_from_user_programs_are_text() -> None:
    run = runs(measured=True)[0] | {"params": {EVIL: EVIL}, "bottleneck": EVIL, "time_in": {EVIL: 1.0}}
    other = run | {"cores": 2, "params": {EVIL: EVIL + "2"}}
    report = (
        Report(EVIL)
        .add_check(
            result(deadlock(2, thread=EVIL, fork=EVIL + "{}"), target=EVIL, limits=[EVIL], notes=[EVIL]),
            timed_trace(name=EVIL),
            heading=EVIL,
        )
        .add_prediction({"runs": [run, other], "target": EVIL, "laws": {EVIL: {EVIL: 1.5}}, "machine": {EVIL: EVIL}})
        .add_validation({"runs": [run, other], "target": EVIL})
        .add_timeline(timed_trace(name=EVIL), EVIL)
        .add_suite(evil_suite(), {EVIL: timed_trace(name=EVIL)}, EVIL)
    )
    text = report.html()
    page = Page(text)
    assert page.count("img") == 0
    assert page.count("script") == 4, "one for each timeline's texts, and the page's own"
    assert "<script>alert" not in text
    assert not any(name.startswith("on") for _, found in page.elements for name in found)
    assert EVIL in page.texts["h2"][0]


def evil_suite() -> SuiteResult:
    """Hostile names wherever a result has a text."""
    rows = [
        replace(
            row,
            workload=EVIL + row.workload,
            family=EVIL,
            target=EVIL,
            note=EVIL,
            envelope_reason=EVIL,
            params={EVIL: EVIL},
            baselines={EVIL: row.predicted_seconds},
            time_in={EVIL: 1.0},
            measured_time_in={EVIL: 1.0},
        )
        for row in suite_rows()[:9]
    ]
    result = suite_result(rows=rows, machine={"cpu": EVIL}, profile={"name": EVIL}, commands=[EVIL], limits=[EVIL])
    result.envelope_rules = [EVIL]
    result.whatifs = [{"name": EVIL, "predicted": 0.1, "measured": 0.2}]
    result.ablations = [replace(each, term=EVIL) for each in result.ablations]
    result.frozen.rules = {EVIL: EVIL}
    return result


def test_a_struct_and_its_json_give_the_same_page() -> None:
    found = result(deadlock())
    assert Report("r").add_check(found).html() == Report("r").add_check(msgspec.to_builtins(found)).html()
    values = prediction()
    struct = msgspec.convert(values, Prediction)
    assert Report("r").add_prediction(struct).html() == Report("r").add_prediction(values).html()


def test_a_suite_and_its_json_give_the_same_page() -> None:
    found = suite_result()
    again = msgspec.json.decode(msgspec.json.encode(found))
    assert Report("r").add_suite(found).html() == Report("r").add_suite(again).html()


def test_the_same_report_twice_is_the_same_text() -> None:
    assert full().html() == full().html()


def test_importing_the_report_loads_neither_jinja_nor_numpy() -> None:
    code = "import sys, weft.report, weft.perfetto; print([m for m in ('jinja2', 'numpy', 'networkx') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_write_leaves_the_page_in_the_file(tmp_path: Any) -> None:
    path = full().write(tmp_path / "report.html")
    assert path.read_text(encoding="utf-8") == full().html()


@pytest.mark.slow
def test_a_big_report_stays_below_a_megabyte() -> None:
    report = Report("big")
    for number in range(20):
        report.add_timeline(timed_trace(40, 25, f"thread-with-a-long-name-{number}-"), f"run {number}")
    for _ in range(30):
        report.add_check(result(deadlock(6)))
    text = report.html()
    assert len(text.encode()) < BYTES_MAX
    assert "4 of the traces given are not drawn" in text


# What it says first.


@pytest.mark.parametrize(
    ("results", "sentence", "tone"),
    [
        ([result(deadlock())], "Deadlock: 3 threads wait for each other", "bad"),
        ([result(deadlock()), result()], "Deadlock: 3 threads wait for each other", "bad"),
        ([result(deadlock(), deadlock(2))], "2 problems found: 2 deadlocks", "bad"),
        ([result(), result()], "No problem in any schedule", "good"),
        ([result(), result(exhaustive=False)], "Nothing found, but not every schedule was run", "warn"),
    ],
)
def test_the_verdict_comes_first(results: list[Result], sentence: str, tone: str) -> None:
    report = Report("r")
    for each in results:
        report.add_check(each)
    page = Page(report.html())
    assert [text.strip() for text in page.texts["h1"]] == [sentence]
    assert page.count("header", class_=tone) == 1
    assert page.texts["title"][0].startswith(sentence)


def test_without_a_check_the_validation_is_the_verdict() -> None:
    page = Page(Report("r").add_prediction(prediction()).add_validation(validation()).html())
    assert page.texts["h1"][0].strip() == "The prediction is 4.8 % off the real machine (median of 8 comparisons)"
    assert "service.py:serve: the prediction is 4.8 %" in page.words()


@pytest.mark.parametrize(("median", "limit", "tone"), [(0.02, None, "good"), (0.3, None, "warn"), (0.02, 0.01, "warn")])
def test_a_prediction_far_off_is_a_warning(median: float, limit: float | None, tone: str) -> None:
    page = Page(Report("r").add_validation(validation(error_median=median, max_error=limit)).html())
    assert page.count("header", class_=tone) == 1


def test_the_header_tells_how_to_make_it_again() -> None:
    page = Page(full().html())
    words = page.words()
    assert "weft check dining.py --set philosophers=3 --seed 7" in words
    assert "weft predict service.py:serve --set workers=8 --seed 0" in words
    assert "weft validate service.py:serve --seed 0" in words
    assert page.count("button", class_="copy") == 9, "four commands, one replay, and the suite's two, twice"


def test_the_machine_is_named() -> None:
    machine = {"cpu": "Zen 5", "cores": 2, "load_average": [0.1, 0.2]}
    profile: dict[str, Any] = {
        "schema": "weft.profile/1",
        "name": "here",
        "lock_ns": 40,
        "machine": machine,
        "samples": {"a": {}},
    }
    words = Page(Report("r").add_validation(validation(profile=profile)).html()).words()
    assert "Machine profile here, cpu Zen 5, cores 2, load average 0.1 0.2" in words
    assert "lock ns" not in words


def test_what_was_not_seen_has_its_own_section() -> None:
    report = Report("r").add_check(result(exhaustive=False), heading="A").add_check(result(), heading="B")
    page = Page(report.html())
    assert "What was bounded or not seen attributes are not watched A, B not every schedule was run" in page.words()
    nothing = Report("r").add_check(result(limits=[]))
    assert "Nothing was reported as bounded" in Page(nothing.html()).words()


# A finding.


def test_a_finding_is_told_in_sentences_and_columns() -> None:
    page = Page(Report("r").add_check(result(deadlock())).html())
    words = page.words()
    assert "philosopher-0 holds forks[0] dining.py:40, wants forks[1] dining.py:40, held by philosopher-1." in words
    assert (
        "Why Nothing orders the forks. Fix Take them in one order. Replay weft replay .weft/failures/ab12.json" in words
    )
    columns = [text.strip() for text in page.texts["th"] if text.startswith("philosopher")]
    assert columns == ["philosopher-0", "philosopher-1", "philosopher-2"]
    assert page.count("td", class_="step") == 6
    assert page.count("td", class_="stuck") == 3
    assert page.count("tr", class_="gap") == 1


def test_a_thread_that_only_waits_for_work_is_told_by_its_operation() -> None:
    waits = ThreadState(name="main", state="blocked", waits=Wait("jobs", "Queue.get", "pool.py:3", "empty"))
    finding = Finding(rule="D003", kind="communication-deadlock", certainty="confirmed", message="m", threads=[waits])
    page = Page(Report("r").add_check(result(finding)).html())
    assert "main waits in Queue.get on jobs pool.py:3, empty." in page.words()
    assert "Interleaving" not in page.words(), "it has no steps"


# Bad input.


def test_what_is_no_result_is_refused_by_name() -> None:
    with pytest.raises(ReportError, match=r"not a check result.*required field `weft`"):
        Report("r").add_check({"schema": "weft.result/1"})
    with pytest.raises(ReportError, match=r"not a prediction.*required field `runs`"):
        Report("r").add_prediction({"target": "x"})
    with pytest.raises(ReportError, match=r"not a prediction.*float.*seconds"):
        Report("r").add_prediction({"runs": [{"seconds": "fast"}]})


def test_an_empty_prediction_is_refused() -> None:
    with pytest.raises(ReportError, match='"runs" is an empty list'):
        Report("r").add_prediction({"runs": []})


def test_a_validation_without_measurements_is_refused() -> None:
    with pytest.raises(ReportError, match="measured nothing"):
        Report("r").add_validation(prediction())


def test_an_empty_report_and_an_empty_trace_are_pages_too() -> None:
    assert Page(Report("nothing yet").html()).texts["h1"] == ["nothing yet "]
    empty = TraceBuilder(Header("t", "timed")).build()
    assert "0 events" in Page(Report("r").add_timeline(empty).html()).words()
