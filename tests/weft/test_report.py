"""The HTML report: what it says, that it is one harmless file, and that what it draws is readable and true."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import combinations, pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.checkers.finding import Finding, Hold, Result, Step, ThreadState, Wait
from weft.report import BYTES_MAX, Report, ReportError
from weft.report_lanes import Doing, Interval, Lane, condensed, lanes, step_lanes
from weft.report_palette import DARK, LIGHT, SHAPE_CONTRAST, SHAPE_PAIRS, TEXT_CONTRAST, TEXT_PAIRS, contrast
from weft.report_scaling import Prediction, Run, axis_of, charts, percent, series_of, validation_table
from weft.report_svg import Markup, element, shorten, ticks
from weft.report_timeline import timeline
from weft.report_waits import draw, find_cycle
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&"


def philosophers(count: int, *, thread: str = "philosopher-", fork: str = "forks[{}]") -> list[ThreadState]:
    """Everyone holds the left fork and waits for the right one."""
    return [
        ThreadState(
            name=f"{thread}{seat}",
            state="blocked",
            holds=[Hold(fork.format(seat), "dining.py:40")],
            waits=Wait(
                fork.format((seat + 1) % count), "acquire", "dining.py:40", f"held by {thread}{(seat + 1) % count}"
            ),
        )
        for seat in range(count)
    ]


def deadlock(count: int = 3, **names: str) -> Finding:
    threads = philosophers(count, **names)
    steps = [
        Step(step=8 + seat, thread=state.name, operation="acquire", object=state.holds[0].object, at="dining.py:40")
        for seat, state in enumerate(threads)
    ]
    steps += [
        Step(step=20 + seat, thread=state.name, operation="acquire", object=wait.object, at=wait.at, outcome="blocked")
        for seat, state in enumerate(threads)
        if (wait := state.waits) is not None
    ]
    return Finding(
        rule="D001",
        kind="deadlock",
        certainty="confirmed",
        message=f"{count} threads wait for each other: {threads[0].name} for the next",
        threads=threads,
        steps=steps,
        switches=5,
        why="Nothing orders the forks.",
        suggestion="Take them in one order.",
        replay=".weft/failures/ab12.json",
    )


def result(*findings: Finding, exhaustive: bool = True, target: str = "dining.py", **more: Any) -> Result:
    verdict = "findings" if findings else "clean" if exhaustive else "incomplete"
    values: dict[str, Any] = {"limits": ["attributes are not watched"], "parameters": {"philosophers": 3}} | more
    return Result(
        weft="0.1.0",
        command="check",
        target=target,
        seed=7,
        verdict=verdict,
        exhaustive=exhaustive,
        executions=7,
        steps=166,
        seconds=0.36,
        engine="dpor",
        findings=list(findings),
        **values,
    )


def runs(*, measured: bool = False) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for gil in (True, False):
        for cores in (1, 2, 4, 8):
            speedup = cores**0.2 if gil else cores**0.8
            run: dict[str, Any] = {
                "params": {"workers": 8},
                "cores": cores,
                "gil": gil,
                "seconds": 2 / speedup,
                "speedup": speedup,
                "interval": [speedup * 0.95, speedup * 1.05],
                "utilisation": speedup / cores,
                "time_in": {"running": 2.0, "gil wait": 0.5 * cores, "lock wait": 0.25},
                "bottleneck": "Lock 'cache.lock' (service.py:44): 61 % of the critical path",
            }
            if measured:
                run |= {
                    "measured_seconds": 2.1 / speedup,
                    "measured_interval": [2.0 / speedup, 2.2 / speedup],
                    "error": 2 / 2.1 - 1,
                    "samples": [2.0 / speedup, 2.1 / speedup, 2.2 / speedup],
                }
            found.append(run)
    return found


def prediction(**more: Any) -> dict[str, Any]:
    return {"target": "service.py:serve", "seed": 0, "parameters": {"workers": [8]}, "runs": runs(), **more}


def validation(**more: Any) -> dict[str, Any]:
    summary = {"error_median": 0.048, "error_max": 0.048, "sign_right": 1.0}
    return {"target": "service.py:serve", "seed": 0, "runs": runs(measured=True), **summary, **more}


def timed_trace(threads: int = 3, rounds: int = 4, name: str = "worker-") -> Trace:
    """Each thread runs, blocks on the lock, becomes ready and runs again; all times are multiples of a microsecond."""
    builder = TraceBuilder(Header("service.py", "timed"))
    builder.tables.objects.append(ObjectInfo("Lock", f"{name}lock"))
    place = builder.tables.location("/home/user/service.py", 44, "serve")
    for thread in range(threads):
        builder.tables.threads.append(ThreadInfo(f"{name}{thread}"))
        time = thread * 1000
        builder.add(thread, Op.READY, time_ns=time)
        for _ in range(rounds):
            builder.add(thread, Op.RUN, time_ns=time + 1000)
            builder.add(thread, Op.BLOCK, 0, place, time + 5000, extra={"operation": "acquire"})
            builder.add(thread, Op.READY, time_ns=time + 8000)
            time += 10_000
        builder.add(thread, Op.MARK, time_ns=time - 1000, extra=f"{name}done")
        builder.add(thread, Op.END, time_ns=time)
    return builder.build(sort_by_time=True)


def explored_trace() -> Trace:
    """Two threads take two locks in opposite orders and block."""
    builder = TraceBuilder(Header("bank.py", "explored"))
    builder.tables.threads += [ThreadInfo("teller-0"), ThreadInfo("teller-1")]
    builder.tables.objects += [ObjectInfo("Lock", "left"), ObjectInfo("Lock", "right")]
    place = builder.tables.location("/home/user/bank.py", 12)
    builder.add(0, Op.ACQUIRE, 0, place)
    builder.add(1, Op.ACQUIRE, 1, place)
    builder.add(0, Op.REQUEST, 1, place, extra={"operation": "acquire", "detail": "held by teller-1"})
    builder.add(1, Op.REQUEST, 0, place, extra={"operation": "acquire", "detail": "held by teller-0"})
    return builder.build()


class Page(HTMLParser):
    """A parsed page: its elements with their attributes, and the text of each kind of element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br", "img", "input"):
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("span", "code", "strong", "a", "script", "style"):
            self.handle_data(" ")
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def count(self, tag: str, **attributes: str) -> int:
        return sum(
            name == tag
            and all(value in (found.get(key.rstrip("_")) or "").split() for key, value in attributes.items())
            for name, found in self.elements
        )

    def words(self) -> str:
        return " ".join(self.texts["body"][0].split())


def full() -> Report:
    return (
        Report("tour")
        .add_check(result(deadlock()), explored_trace(), heading="philosophers")
        .add_check(result(target="ordered.py"))
        .add_prediction(prediction())
        .add_validation(validation())
        .add_timeline(timed_trace(), "simulated")
    )


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
    )
    text = report.html()
    page = Page(text)
    assert page.count("img") == 0
    assert page.count("script") == 3, "one for each timeline's texts, and the page's own"
    assert "<script>alert" not in text
    assert not any(name.startswith("on") for _, found in page.elements for name in found)
    assert EVIL in page.texts["h2"][0]


def test_a_struct_and_its_json_give_the_same_page() -> None:
    found = result(deadlock())
    assert Report("r").add_check(found).html() == Report("r").add_check(msgspec.to_builtins(found)).html()
    values = prediction()
    struct = msgspec.convert(values, Prediction)
    assert Report("r").add_prediction(struct).html() == Report("r").add_prediction(values).html()


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
    assert page.count("button", class_="copy") == 5, "four commands and one replay"


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


@pytest.mark.parametrize("count", [2, 3, 7])
def test_the_cycle_is_found_in_the_order_of_waiting(count: int) -> None:
    cycle = find_cycle(philosophers(count))
    assert cycle == [(f"philosopher-{seat}", f"forks[{(seat + 1) % count}]") for seat in range(count)]


def test_no_cycle_where_there_is_none() -> None:
    threads = philosophers(3)[:2]
    assert find_cycle(threads) == []
    assert draw([ThreadState(name="a", state="running")], "g") is None


def test_a_thread_behind_a_cycle_is_not_on_it() -> None:
    main = ThreadState(name="main", state="blocked", waits=Wait("philosopher-1", "join", "dining.py:50"))
    assert find_cycle([main, *philosophers(2)]) == [("philosopher-0", "forks[1]"), ("philosopher-1", "forks[0]")]
    graph = draw([main, *philosophers(2)], "g")
    assert graph is not None
    assert graph.count('class="box thread cycle"') == 2
    assert graph.count('class="box thread ghost"') == 1


def test_joins_lead_from_thread_to_thread() -> None:
    one = ThreadState(name="one", state="blocked", waits=Wait("two", "join", ""))
    two = ThreadState(name="two", state="blocked", waits=Wait("one", "join", ""))
    assert find_cycle([one, two]) == [("one", "two"), ("two", "one")]
    alone = ThreadState(name="alone", state="blocked", waits=Wait("alone", "join", ""))
    graph = draw([alone], "g")
    assert graph is not None
    assert "the same thread" in graph


def test_a_lock_named_like_a_thread_is_no_thread() -> None:
    holder = ThreadState(name="holder", state="blocked", holds=[Hold("worker", "")], waits=Wait("other", "acquire", ""))
    worker = ThreadState(name="worker", state="blocked", holds=[Hold("other", "")], waits=Wait("worker", "acquire", ""))
    assert find_cycle([holder, worker]) == [("holder", "other"), ("worker", "worker")]


def boxes(graph: Markup) -> list[tuple[float, float, float, float]]:
    found = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', graph)
    return [(float(x), float(y), float(width), float(height)) for x, y, width, height in found]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 12, 40])
def test_no_two_boxes_of_the_graph_overlap(count: int) -> None:
    graph = draw(philosophers(count), "g")
    assert graph is not None
    width, height = (float(value) for value in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', graph)[0])
    found = boxes(graph)
    assert len(found) == min(2 * count, 12)
    for x, y, wide, high in found:
        assert x >= 0
        assert x + wide <= width
        assert y >= 0
        assert y + high <= height
    for (x1, y1, w1, h1), (x2, y2, w2, h2) in combinations(found, 2):
        assert x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1


def test_a_folded_cycle_says_how_many_threads_it_hides() -> None:
    graph = draw(philosophers(40), "g")
    assert graph is not None
    shown = len(set(re.findall(r"<title>thread (philosopher-\d+)</title>", graph)))
    hidden = re.findall(r"<title>thread (\d+) more threads</title>", graph)
    assert [int(number) for number in hidden] == [40 - shown]


# Predictions.


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
    for chart in charts([msgspec.convert(run, Run) for run in runs(measured=True)]):
        for x, y in re.findall(r'c?x1?="(-?[\d.]+)" c?y1?="(-?[\d.]+)"', chart.plot):
            assert 0 <= float(x) <= 440
            assert 0 <= float(y) <= 300
        assert "nan" not in chart.plot


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


def test_the_validation_table_has_signed_errors_and_intervals() -> None:
    run = Run(
        params={"workers": 2}, cores=2, gil=True, seconds=0.541, speedup=1.9, interval=(1.8, 2.0),
        measured_seconds=0.556, measured_interval=(0.552, 0.561), error=-0.027, samples=[{"seconds": 0.5}, 0.6],
    )  # fmt: skip
    table = validation_table([run])
    assert table.columns == ["workers", "cores", "GIL", "predicted [interval]", "measured [interval]", "error", "runs"]
    assert table.rows == [["2", "2", "on", "541 [514, 571] ms", "556 [552, 561] ms", "\N{MINUS SIGN}2.7 %", "2"]]


@pytest.mark.parametrize(
    ("share", "text"), [(0.021, "+2.1 %"), (-0.125, "\N{MINUS SIGN}12 %"), (0.0, "+0.0 %"), (1.5, "+150 %")]
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
    assert validation_table([run]).rows[0][-1] == text


def test_the_shares_of_a_bar_fill_it() -> None:
    page = Page(Report("r").add_prediction(prediction()).html())
    labels = [found["aria-label"] or "" for tag, found in page.elements if tag == "svg" and found.get("height") == "20"]
    assert labels[0] == "1 core, GIL on: running 73 %, lock wait 9 %, gil wait 18 %"
    assert len(labels) == 8


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


# Timelines.


def test_states_are_read_from_the_scheduler() -> None:
    first = lanes(timed_trace(1, 1))[0]
    assert first.intervals == [
        Interval(0, 1000, Doing.READY),
        Interval(1000, 5000, Doing.RUNNING),
        Interval(5000, 8000, Doing.BLOCKED, "acquire of worker-lock", "service.py:44"),
        Interval(8000, 10_000, Doing.READY),
    ]
    assert [moment.text for moment in first.moments] == ["worker-done"]


def test_states_of_a_real_run_are_read_from_requests() -> None:
    builder = TraceBuilder(Header("t", "real"))
    builder.tables.threads.append(ThreadInfo("main"))
    builder.tables.objects += [ObjectInfo("Queue", "jobs"), ObjectInfo("Condition", "changed")]
    builder.add(0, Op.BEGIN, time_ns=0)
    builder.add(0, Op.REQUEST, 0, time_ns=10, extra={"operation": "Queue.get"})
    builder.add(0, Op.GET, 0, time_ns=30)
    builder.add(0, Op.WAIT, 1, time_ns=40)
    builder.add(0, Op.WAKE, 1, time_ns=50)
    builder.add(0, Op.SLEEP, time_ns=60, extra={"seconds": 1e-8})
    builder.add(0, Op.MARK, time_ns=90, extra="request 1")
    builder.add(0, Op.END, time_ns=100)
    trace = builder.build()
    assert [(each.start, each.end, each.doing.value, each.about) for each in lanes(trace)[0].intervals] == [
        (0, 10, "running or ready", ""),
        (10, 30, "blocked", "Queue.get of jobs"),
        (30, 40, "running or ready", ""),
        (40, 50, "blocked", "wait of changed"),
        (50, 60, "running or ready", ""),
        (60, 70, "sleeping", ""),
        (70, 100, "running or ready", ""),
    ]
    assert any("does not show who had a core" in note for note in timeline(trace).notes)


def test_waiting_for_a_thread_to_end_is_not_contention() -> None:
    builder = TraceBuilder(Header("t", "timed"))
    builder.tables.threads += [ThreadInfo("main"), ThreadInfo("worker")]
    builder.tables.objects.append(ObjectInfo("Thread", "worker", thread=1))
    builder.add(0, Op.RUN, time_ns=0)
    builder.add(0, Op.BLOCK, 0, time_ns=10)
    builder.add(0, Op.END, time_ns=30)
    assert lanes(builder.build())[0].intervals[-1] == Interval(10, 30, Doing.JOIN, "waiting for worker")


def test_a_thread_blocked_for_ever_stays_blocked_to_the_end() -> None:
    builder = TraceBuilder(Header("t", "timed"))
    builder.tables.threads += [ThreadInfo("stuck"), ThreadInfo("free")]
    builder.tables.objects.append(ObjectInfo("Lock", "lock"))
    builder.add(0, Op.RUN, time_ns=0)
    builder.add(0, Op.BLOCK, 0, time_ns=10)
    builder.add(1, Op.RUN, time_ns=10)
    builder.add(1, Op.END, time_ns=100)
    assert lanes(builder.build())[0].intervals[-1] == Interval(10, 100, Doing.BLOCKED, "waiting for lock")


def test_steps_and_holds_of_an_explored_trace() -> None:
    first, second = step_lanes(explored_trace())
    assert [(step.step, step.operation, step.object, step.kind) for step in first.steps] == [
        (1, "acquire", "left", "take"),
        (3, "acquire", "right", "blocked"),
    ]
    assert [(hold.start, hold.end, hold.object) for hold in second.holds] == [(2, 5, "right")]
    drawn = timeline(explored_trace())
    assert drawn.rows[0].cells == ["2", "acquire right, blocked (bank.py:12)", "left"]
    assert drawn.plot.count('class="hold"') == 2


def test_a_lock_released_by_another_thread_is_held_no_longer() -> None:
    builder = TraceBuilder(Header("t", "explored"))
    builder.tables.threads += [ThreadInfo("taker"), ThreadInfo("giver")]
    builder.tables.objects.append(ObjectInfo("Lock", "lock"))
    builder.add(0, Op.ACQUIRE, 0)
    builder.add(1, Op.RELEASE, 0)
    taker, giver = step_lanes(builder.build())
    assert [(hold.start, hold.end) for hold in taker.holds] == [(1, 2)]
    assert giver.holds == []


def test_a_long_execution_is_drawn_from_its_end() -> None:
    builder = TraceBuilder(Header("t", "explored"))
    builder.tables.threads.append(ThreadInfo("main"))
    for _ in range(3000):
        builder.add(0, Op.ATOMIC)
    drawn = timeline(builder.build(), 1000)
    assert drawn.plot.count("<rect") == 500
    assert 'data-t="3000 3001"' in drawn.plot
    assert "Drawn are the last 500 of 3,000 steps." in drawn.notes
    assert drawn.view == (2942, 3002)


def test_a_crowded_timeline_keeps_its_budget_and_says_so() -> None:
    trace = timed_trace(4, 200)
    assert timeline(trace, 4000).notes == []
    drawn = timeline(trace, 400)
    assert drawn.plot.count("<rect") <= 400
    assert "drawn together" in drawn.notes[0]


@given(
    st.lists(st.tuples(st.integers(1, 50), st.sampled_from(list(Doing)), st.booleans()), max_size=60),
    st.integers(1, 120),
)
def test_drawing_states_together_keeps_every_state_its_time(
    pieces: list[tuple[int, Doing, bool]], resolution: int
) -> None:
    intervals: list[Interval] = []
    time = 0
    for length, doing, gap in pieces:
        time += 5 if gap else 0
        intervals.append(Interval(time, time + length, doing))
        time += length
    kept, mixtures = condensed(Lane("main", intervals, []), resolution)
    for doing in Doing:
        before = sum(each.end - each.start for each in intervals if each.doing is doing)
        after = sum(each.end - each.start for each in kept if each.doing is doing)
        assert before == after + sum(mixture.time_in.get(doing, 0) for mixture in mixtures)
    spans = sorted((each.start, each.end) for each in (*kept, *mixtures))
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert all(sum(mixture.time_in.values()) == mixture.end - mixture.start <= resolution for mixture in mixtures)


def test_the_picture_is_also_a_table() -> None:
    drawn = timeline(timed_trace(1, 1))
    assert drawn.columns == ["running", "ready", "blocked"]
    assert drawn.rows[0].cells == ["4.00 µs", "3.00 µs", "3.00 µs"]


# Colours and small arithmetic.


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_has_the_contrast_wcag_asks_for(palette: dict[str, str]) -> None:
    text = {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in TEXT_PAIRS}
    shape = {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in SHAPE_PAIRS}
    assert {pair: round(ratio, 2) for pair, ratio in text.items() if ratio < TEXT_CONTRAST} == {}
    assert {pair: round(ratio, 2) for pair, ratio in shape.items() if ratio < SHAPE_CONTRAST} == {}


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


def test_both_palettes_name_the_same_colours() -> None:
    assert LIGHT.keys() == DARK.keys()


def test_every_colour_in_the_style_sheet_is_defined() -> None:
    page = Page(full().html())
    style = page.texts["style"][0]
    own = {"threads", "tone", "dash"}
    assert set(re.findall(r"var\(--([\w-]+)", style)) - own <= LIGHT.keys()
    assert re.findall(r"#[0-9a-f]{6}", style.rsplit("}}", 1)[1]) == [], "colours belong into the palette"


@given(st.floats(0, 1e12), st.floats(1e-6, 1e12), st.integers(1, 12))
def test_ticks_are_round_and_inside(low: float, span: float, count: int) -> None:
    found = ticks(low, low + span, count)
    assert len(found) <= count + 2
    assert all(one < other for one, other in pairwise(found))
    if low + span > low:
        assert all(low - span * 0.01 <= value <= low + span * 1.01 for value in found)


@given(st.text("abc.<", max_size=60), st.integers(3, 30))
def test_shortened_names_keep_both_ends(text: str, length: int) -> None:
    short = shorten(text, length)
    assert len(short) <= length
    if len(text) > length:
        assert short.startswith(text[: (length - 1) // 2])
        assert short.endswith(text[-1])


def test_elements_escape_texts_and_attributes() -> None:
    drawn = element("text", "<b>", element("tspan", "&"), x=1.50, class_='"', data_t="0")
    assert drawn == '<text x="1.5" class="&quot;" data-t="0">&lt;b&gt;<tspan>&amp;</tspan></text>'
