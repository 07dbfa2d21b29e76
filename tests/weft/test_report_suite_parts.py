"""The parts of the suite's report one by one: curves, breakdowns, envelope, terms, causes; numbers before pictures."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from weft.real_runs.suite_result import EnvelopeCell, SuiteRow
from weft.report_shares import stretches
from weft.report_suite_breakdown import breakdowns, differences, merged
from weft.report_suite_curves import curves, sweeps
from weft.report_suite_envelope import bytes_in_words, cell_maps, envelope, level_of, points_in_words
from weft.report_suite_errors import error_curves, families, judged
from weft.report_suite_failures import causes, failures, outside
from weft.report_suite_models import ablation_table, whatif_table
from weft.report_suite_rows import Named, named_rows

from .suite_example import ablations, rows, suite_result


def named(*found: SuiteRow) -> list[Named]:
    return named_rows(suite_result(rows=list(found)), "s1")


# Curves.


def test_a_sweep_holds_the_speedups_of_its_workload() -> None:
    found = {sweep.name: sweep for sweep in sweeps(named(*rows()))}
    assert len(found) == len({row.workload for row in rows()})
    sweep = found["pipeline of three stages"]
    assert [name for name, _ in sweep.lines] == ["pinned", "not pinned"]
    mine = [row for row in rows() if row.workload == sweep.name and row.pinned]
    points = sweep.lines[0][1]
    assert [(point.threads, point.predicted, point.measured) for point in points] == [
        (row.threads, row.speedup, row.measured_speedup) for row in mine
    ]
    assert [(point.band, point.bar) for point in points] == [
        (row.speedup_interval, row.measured_speedup_interval) for row in mine
    ]


def test_simpler_models_are_speedups_over_the_same_base() -> None:
    sweep = next(sweep for sweep in sweeps(named(*rows())) if sweep.name == "work stealing")
    mine = [row for row in rows() if row.workload == sweep.name]
    laws = dict(sweep.laws)
    assert list(laws) == ["amdahl", "usl", "no gil term", "critical path", "linear"]
    base = mine[0].predicted_seconds * mine[0].speedup
    for name, points in laws.items():
        assert points == [(row.threads, pytest.approx(base / row.baselines[name])) for row in mine]
    assert laws["linear"] == [(threads, pytest.approx(threads)) for threads in (1, 2, 4)]


def test_parameters_that_vary_otherwise_than_threads_make_sweeps_of_their_own() -> None:
    mine = [row for row in rows() if row.workload == "work stealing"]
    other = [replace(row, params={**row.params, "tasks": 8}) for row in mine]
    assert [sweep.name for sweep in sweeps(named(*mine, *other))] == [
        "work stealing, tasks=64",
        "work stealing, tasks=8",
    ]
    assert sweeps(named(mine[0])) == [], "one point is no curve"


def test_no_curve_leaves_its_plot_and_no_two_names_overlap() -> None:
    for drawn in curves(sweeps(named(*rows()))):
        for line in re.findall(r'<path d="M([^"]*)" class="(?:curve|law|band)"', drawn.plot):
            for place in line.removesuffix("Z").split("L"):
                x, y = (float(value) for value in place.split())
                assert 36 <= x <= 284
                assert 12 <= y <= 206
        tags = sorted(float(y) for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)" class="tag"', drawn.plot))
        assert len(tags) == 5
        assert all(low - high >= 12.9 for high, low in pairwise(tags))


# Where the time went.

states = st.dictionaries(
    st.sampled_from(["running", "ready", "lock wait", "gil wait", "io", "sleeping"]), st.floats(0.01, 1), min_size=1
)


@given(states, states)
def test_putting_states_together_loses_no_time(simulated: dict[str, float], other: dict[str, float]) -> None:
    real = {"running": 0.5, "ready": 0.25, "waiting": sum(other.values())}
    together = merged(simulated, real)
    assert sum(together.values()) == pytest.approx(sum(simulated.values()))
    assert set(together) <= {"running", "ready", "waiting"}
    apart = differences(simulated, real)
    assert sum(change for _, change in apart) == pytest.approx(0, abs=1e-9)
    assert [abs(change) for _, change in apart] == sorted((abs(change) for _, change in apart), reverse=True)
    assert differences(simulated, simulated)[0][1] == pytest.approx(0)


def test_a_real_run_that_knows_only_running_or_ready_is_compared_with_both() -> None:
    simulated = {"running": 0.5, "ready": 0.2, "lock wait": 0.3}
    assert dict(differences(simulated, {"running or ready": 0.6, "lock wait": 0.4})) == pytest.approx(
        {"running or ready": 0.1, "lock wait": -0.1}
    )


@given(states)
def test_a_bar_is_full_and_without_gaps(time_in: dict[str, float]) -> None:
    bar = stretches(time_in)
    assert bar[0].start == 0
    assert bar[-1].start + bar[-1].width == pytest.approx(100)
    assert all(one.start + one.width == pytest.approx(other.start) for one, other in pairwise(bar))
    whole = sum(time_in.values())
    assert {share.name: share.width for share in bar} == pytest.approx(
        {name: 100 * value / whole for name, value in time_in.items()}
    )


def test_each_workload_shows_its_configuration_with_most_threads() -> None:
    found = breakdowns(named(*rows()))
    assert found is not None
    assert [pair.name for pair in found.pairs][:2] == ["hash pool: 2 threads", "pure Python: 2 threads"]
    assert "pipeline of three stages: 4 threads, pinned" in [pair.name for pair in found.pairs]
    assert breakdowns(named(*(replace(row, measured_time_in=None) for row in rows()))) is None


def test_what_is_booked_differently_is_half_the_differences() -> None:
    row = replace(
        rows()[0], time_in={"running": 0.8, "lock wait": 0.2}, measured_time_in={"running": 0.7, "waiting": 0.3}
    )
    found = breakdowns(named(row))
    assert found is not None
    assert found.pairs[0].apart == pytest.approx(0.1)
    assert found.pairs[0].difference == "10 % of the time booked differently; most: running +10.0 points"


# The envelope.


def cell(**values: Any) -> EnvelopeCell:
    given: dict[str, Any] = {"segment_seconds": 1e-4, "lock_share": 0.0, "bytes_touched": 0, "threads": 2}
    return EnvelopeCell(**{**given, "error": 0.01, "noise_floor": 0.001, "inside": True, **values})


def test_every_cell_is_drawn_once_and_says_where_it_is() -> None:
    cells = suite_result().envelope
    maps = cell_maps(cells)
    assert sum(len(each.cells) for each in maps) == len(cells)
    for each in maps:
        assert len({(column, row) for column, row, _ in each.cells}) == len(each.cells), "no two on one place"
    drawn = envelope(cells)
    assert drawn is not None
    assert (drawn.cells, drawn.inside) == (len(cells), sum(found.inside for found in cells))
    marked = sum(each.plot.count('class="outside') for each in drawn.maps)
    assert marked == sum(not found.inside for found in cells)
    assert envelope([]) is None


def test_sizes_that_have_one_length_each_share_a_map() -> None:
    sizes = [cell(bytes_touched=size, segment_seconds=size / 8e9) for size in (1 << 18, 1 << 22)]
    both = cell_maps([cell(), *sizes])
    assert [each.name for each in both] == ["2 threads, no data touched", "2 threads, arrays of several sizes"]
    assert both[1].columns == ["256 KiB", "4 MiB"]
    crossed = [cell(bytes_touched=size, segment_seconds=length) for size in (1000, 2000) for length in (1e-5, 1e-4)]
    assert [each.name for each in cell_maps([cell(), *crossed])][1:] == [
        "2 threads, 1 kB touched",
        "2 threads, 2 kB touched",
    ]


@pytest.mark.parametrize(
    ("error", "level"), [(0, 1), (0.02, 1), (-0.021, 2), (0.05, 2), (-0.09, 3), (0.2, 4), (-0.9, 5)]
)
def test_the_class_of_an_error_is_that_of_its_magnitude(error: float, level: int) -> None:
    assert level_of(error) == level


@pytest.mark.parametrize(
    ("error", "text"), [(0.0, "0.0"), (-0.0004, "0.0"), (0.024, "+2.4"), (-0.31, "\N{MINUS SIGN}31"), (0.0996, "+10")]
)
def test_errors_in_cells_are_short(error: float, text: str) -> None:
    assert points_in_words(error) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (512, "512 B"), (4000, "4 kB"), (1 << 25, "32 MiB")])
def test_sizes_are_in_the_unit_they_were_chosen_in(count: int, text: str) -> None:
    assert bytes_in_words(count) == text


# Errors of the whole.


def test_the_judged_rows_are_those_of_the_summary() -> None:
    result = suite_result()
    found = named_rows(result)
    assert len(judged(found)) == result.summaries["hold-out"].rows
    own, *others = error_curves(result, found)
    assert sorted(own.errors) == sorted(each.row.error or 0.0 for each in judged(found))
    assert {"Amdahl", "USL", "no GIL", "bound", "linear", "noise floor"} <= {curve.name for curve in others}
    linear = next(curve for curve in others if curve.name == "linear")
    row = judged(found)[0].row
    assert row.measured_seconds is not None
    assert linear.errors[0] == row.baselines["linear"] / row.measured_seconds - 1


def test_families_are_ordered_by_their_error() -> None:
    result = suite_result()
    found = families(result, named_rows(result))
    assert [group.size for group in found] == sorted(group.size for group in found)
    assert sum(len(group.pairs) for group in found) == sum(row.judged for row in result.rows)


# Terms and changes.


def test_terms_are_ordered_by_what_they_are_worth() -> None:
    table = ablation_table(ablations(suite_result().summaries["hold-out"]))
    assert table is not None
    changes = [row[1].key for row in table.rows]
    assert changes == [0.118, 0.024, 0.017, 0.006, 0.002, 0.0004, -0.001]
    assert table.rows[0][1].text == "+11.8 points"
    bars = [
        float(found)
        for found in re.findall(r'width="([\d.]+)" height="14"', "".join(str(r[2].drawing) for r in table.rows))
    ]
    assert bars[0] / bars[1] == pytest.approx(0.118 / 0.024, rel=0.01)
    assert ablation_table([]) is None


def test_changes_show_what_they_were_said_to_gain_and_gained() -> None:
    table = whatif_table(suite_result().whatifs)
    assert table is not None
    assert [cell.text for cell in table.rows[0]] == [
        "one lock, 2/3: the locked part halved", "+41 % [40, 43]", "+40 % [38, 41]", "", "+1.6 points",
    ]  # fmt: skip
    assert whatif_table([{"name": "no numbers"}]) is None
    only = whatif_table([{"name": "planned", "predicted": 0.2}])
    assert only is not None
    assert only.texts()[0][2] == "not made"


# Where it fails.


def plain(**values: Any) -> SuiteRow:
    """A row whose numbers speak for no cause."""
    given: dict[str, Any] = {
        "error": 0.08, "raw_error": 0.08, "noise_floor": 0.001, "baselines": {}, "predicted_interval": (1.07, 1.09),
        "predicted_seconds": 1.08, "measured_seconds": 1.0, "time_in": {"running": 1.0}, "measured_time_in": None,
        "inside_envelope": True, "envelope_reason": "", "note": "", "threads": 2, "pinned": True, "verdict": "wrong",
        "judged": True,
    }  # fmt: skip
    return replace(rows()[5], **{**given, **values})


def told(row: SuiteRow, *others: SuiteRow) -> list[str]:
    found = named(row, *others)
    return causes(found[0], found)


def test_without_evidence_no_cause_is_named() -> None:
    assert told(plain()) == []
    assert told(plain(predicted_cpu_seconds=1.0, measured_cpu_seconds=1.05)) == [], "it was faster all the same"
    assert told(plain(error=-0.08, predicted_cpu_seconds=1.0, measured_cpu_seconds=1.03)) == [], "too little"
    assert failures(named(plain()))[0].cause == "open, no number of this validation speaks for one"


@pytest.mark.parametrize(
    ("row", "others", "cause"),
    [
        (plain(envelope_reason="short segments"), [], "short segments"),
        (plain(noise_floor=0.05), [], "the machine's own noise: half of the real runs predict the rest with an error of 5.0 %"),
        (
            plain(error=-0.08, predicted_cpu_seconds=1.0, measured_cpu_seconds=1.05, threads=1), [],
            "the cores themselves were slower: its work took 5.0 % more processor time than when it was measured alone "
            "(busy neighbours on a core's other hardware thread, caches, the clock)",
        ),
        (plain(threads=1), [], "one thread only: the segments' own times are off, no model of threads is involved"),
        (plain(), [plain(threads=1, error=0.06)], "the segments' own times: with one thread the error is +6.0 % already"),
        (plain(pinned=False), [plain(error=0.01)], "placement: with threads pinned to cores the error is +1.0 %"),
        (
            plain(time_in={"running": 0.6, "lock wait": 0.4}, measured_time_in={"running": 0.8, "waiting": 0.2}), [],
            "computing takes 20.0 points less of the simulated threads' time than of the real ones'",
        ),
        (plain(raw_error=0.01), [], "the rule that drops runs: with all of them the error is +1.0 %"),
        (
            plain(predicted_interval=(0.9, 1.3)), [],
            "the segments' spread: the measured time lies inside the prediction's own interval",
        ),
        (plain(baselines={"no gil term": 1.01}), [], "the GIL's cost: the model without it is 1.0 % off with 2 threads"),
    ],
)  # fmt: skip
def test_a_cause_is_named_with_the_number_that_speaks_for_it(row: SuiteRow, others: list[SuiteRow], cause: str) -> None:
    assert told(row, *others)[0] == cause


@pytest.mark.parametrize(
    "others",
    [
        [plain(threads=1, error=-0.06)],
        [plain(threads=1, error=0.01)],
        [plain(threads=1, error=0.06, workload="another")],
        [plain(threads=1, error=0.06, pinned=False)],
    ],
)
def test_one_thread_explains_only_what_it_shares(others: list[SuiteRow]) -> None:
    assert told(plain(), *others) == []


def test_the_five_worst_come_worst_first_and_those_outside_apart() -> None:
    found = named(*rows())
    worst = failures(found)
    sizes = [abs(each.row.row.error or 0) for each in worst]
    assert len(worst) == 5
    assert sizes == sorted(sizes, reverse=True)
    rest = [
        abs(row.error or 0)
        for row in rows()
        if row.judged and row.verdict in ("right", "wrong") and abs(row.error or 0) > sizes[-1]
    ]
    assert len(rest) == 4
    assert {each.row.row.verdict for each in outside(found)} == {"bound only"}
