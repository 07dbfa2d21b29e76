"""A whole validation with a simulated side and a real side made by hand: its order, its seals, its accidents."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

import weft
from weft.real_runs.calibration import CalibrationError
from weft.real_runs.forecast import ForecastError
from weft.real_runs.interpreter import Interpreter
from weft.real_runs.measure import Configuration, MeasureError, Measurement
from weft.real_runs.recording import RecordError
from weft.real_runs.rules import GOALS, RULES, digest
from weft.real_runs.suite_plan import Plan, ablated, estimated_seconds
from weft.real_runs.suite_result import SuiteResult
from weft.real_runs.suite_validation import validate_suite
from weft.simcore.prediction import Configuration as Predicted
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.takeover import takeover
from weft.simcore.target import TargetError
from weft.simcore.timed import TimedWorld
from weft.simcore.trace import Trace

from .suite_fakes import BUFFERED, LOCKED, POOLED, FakeMeasurer, FakePredictor

PROFILE = Profile(name="fake", machine={"cpu": "x"})


@pytest.fixture(scope="module")
def trace() -> Trace:
    def program() -> None:
        threads = [threading.Thread(target=weft.work, args=(1e-3, False)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with takeover():
        world = TimedWorld(cores=2, gil=True, profile=IDEAL, measure=False, scheduler_events=True)
        result = world.run(program)
    assert result.trace is not None
    return result.trace


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(
        workloads=(POOLED, LOCKED, BUFFERED),
        counts=(1, 2),
        profile=PROFILE,
        repeat=12,
        ablations=False,
        sweep=False,
        what_ifs=False,
        cores=2,
        folder=tmp_path / "kept",
        version="0.1.0",
        commands=["weft validate --suite"],
    )


def simulated(target: str, item: Predicted, profile: Profile) -> float:
    return 0.4 / min(item.params["workers"], item.cores)


def real(target: str, item: Configuration) -> float:
    return 0.41 / min(item.params["workers"], item.cores)


def validated(plan: Plan, trace: Trace, **more: Any) -> SuiteResult:
    options: dict[str, Any] = {"measurer": FakeMeasurer(real), "handover": lambda: 1000.0, **more}
    return validate_suite(plan, FakePredictor(simulated, trace), **options)


def test_the_whole_of_it(plan: Plan, trace: Trace) -> None:
    result = validated(plan, trace)
    # Pinned where every computing thread has a core: the buffer has one beside its workers.
    assert [(row.workload, row.threads, row.pinned, row.judged) for row in result.rows] == [
        ("pooled", 1, True, True),
        ("pooled", 1, False, False),
        ("pooled", 2, True, True),
        ("pooled", 2, False, False),
        ("locked", 1, True, True),
        ("locked", 1, False, False),
        ("locked", 2, True, True),
        ("locked", 2, False, False),
        ("buffered", 1, True, True),
        ("buffered", 1, False, False),
        ("buffered", 2, False, True),
    ]
    assert {row.verdict for row in result.rows} == {"right"}
    assert all(row.error == pytest.approx(0.4 / 0.41 - 1, abs=0.006) for row in result.rows)
    assert result.rows[6].measured_speedup == pytest.approx(2.0, rel=0.02)
    assert result.rows[6].speedup == 2.0
    assert result.summaries["hold-out"].rows == 4
    assert result.summaries["calibration"].rows == 2
    assert result.stability is not None
    assert not result.stability.unstable
    assert (result.weft, result.repeat, result.commands) == ("0.1.0", 12, ["weft validate --suite"])
    assert "samples" not in result.profile
    assert msgspec.json.decode(msgspec.json.encode(result), type=SuiteResult) == result


def test_predictions_are_on_disk_before_the_first_real_run(plan: Plan, trace: Trace) -> None:
    seen: list[bytes] = []

    def look() -> None:
        (file,) = (plan.folder / "predictions").iterdir()
        seen.append(file.read_bytes())

    result = validated(plan, trace, measurer=FakeMeasurer(real, look))
    data = Path(result.frozen.predictions_file).read_bytes()
    assert seen == [data] * 3
    assert hashlib.sha256(data).hexdigest() == result.frozen.predictions_sha256
    content = json.loads(data)
    assert [row["predicted_seconds"] for row in content["rows"]] == [row.predicted_seconds for row in result.rows]
    assert [row["baselines"]["linear"] for row in content["rows"]][:2] == [0.4, 0.4]
    assert "error" not in content["rows"][0]


def test_what_was_fixed_can_be_checked_by_a_reader(plan: Plan, trace: Trace) -> None:
    frozen = validated(plan, trace).frozen
    assert frozen.rules_sha256 == digest(frozen.rules)
    assert frozen.rules["goals"] == GOALS
    assert frozen.rules["envelope"]["short_share"] == 0.1
    assert frozen.rules["clean_min"] == 10
    assert frozen.profile_sha256 == digest(asdict(PROFILE))
    other = validated(replace(plan, rules=replace(RULES, clean_min=9)), trace).frozen
    assert other.rules_sha256 != frozen.rules_sha256
    assert other.suite_sha256 == frozen.suite_sha256


def test_the_real_side_is_asked_for_paired_blocks(plan: Plan, trace: Trace) -> None:
    measurer = FakeMeasurer(real)
    validated(plan, trace, measurer=measurer)
    target, configurations, options = measurer.asked[2]
    assert target == BUFFERED.target
    assert configurations == [
        Configuration({"workers": 1}, 2, True, True, 2),
        Configuration({"workers": 1}, 2, True, False, 2),
        Configuration({"workers": 2}, 2, True, False, 3),
    ]
    assert (options["repeat"], options["seed"], options["rules"]) == (12, 2, RULES)
    assert options["timeout_seconds"] == pytest.approx(30 * 0.4)


def test_a_machine_that_changed_meanwhile_is_unstable(plan: Plan, trace: Trace) -> None:
    measured = iter([1000.0, 1250.0])
    stability = validated(plan, trace, handover=lambda: next(measured)).stability
    assert stability is not None
    assert (stability.before_ns, stability.after_ns, stability.moved) == (1000.0, 1250.0, 0.25)
    assert stability.unstable
    assert validated(plan, trace, handover=None).stability is None

    def stuck() -> float:
        raise CalibrationError("the probe got stuck")

    result = validated(plan, trace, handover=stuck)
    assert result.stability is None
    assert any("the probe got stuck" in limit for limit in result.limits)


def test_a_program_that_cannot_be_predicted_is_a_limit(plan: Plan, trace: Trace) -> None:
    def predict(target: str, *args: Any, **more: Any) -> Any:
        if target == BUFFERED.target:
            raise ForecastError("it reads the clock")
        return FakePredictor(simulated, trace)(target, *args, **more)

    result = validate_suite(plan, predict, measurer=FakeMeasurer(real), handover=None)
    assert {row.workload for row in result.rows} == {"pooled", "locked"}
    assert "buffered: not predicted: it reads the clock" in result.limits


@pytest.mark.parametrize("error", [MeasureError("no Python"), TargetError("no such module")])
def test_a_program_that_cannot_be_run_keeps_its_rows(plan: Plan, trace: Trace, error: Exception) -> None:
    good = FakeMeasurer(real)

    def measurer(target: str, *args: Any, **more: Any) -> list[Measurement]:
        if target == BUFFERED.target:
            raise error
        return good(target, *args, **more)

    result = validated(plan, trace, measurer=measurer)
    lost = [row for row in result.rows if row.workload == "buffered"]
    assert {(row.verdict, row.note) for row in lost} == {("no verdict", f"not measured: {error}")}
    assert f"buffered: not measured: {error}" in result.limits
    assert result.summaries["hold-out"].rows == 2


def test_ctrl_c_leaves_what_was_measured(plan: Plan, trace: Trace) -> None:
    good = FakeMeasurer(real)

    def measurer(target: str, *args: Any, **more: Any) -> list[Measurement]:
        if target == BUFFERED.target:
            raise KeyboardInterrupt
        return good(target, *args, **more)

    result = validated(plan, trace, measurer=measurer)
    assert result.interrupted
    assert result.summaries["hold-out"].rows == 2
    assert [row.note for row in result.rows if row.workload == "buffered"] == ["not measured"] * 3


def test_terms_are_taken_away_for_as_many_workers_as_cores(plan: Plan, trace: Trace) -> None:
    assert ablated(replace(plan, counts=(1, 2, 4), ablations=True)) == [1]
    assert ablated(replace(plan, counts=(1, 2, 16, 32), cores=16, ablations=True)) == [2]
    assert ablated(replace(plan, counts=(1, 2), cores=1, ablations=True)) == [1]
    assert ablated(replace(plan, ablations=False)) == []
    result = validated(replace(plan, ablations=True), trace)
    assert "GIL" in {item.term for item in result.ablations}
    assert "hand-over" in {item.term for item in result.ablations}


def test_the_sweep_becomes_an_error_map(plan: Plan, trace: Trace) -> None:
    def seconds(target: str, item: Configuration) -> float:
        far = "grain" in target and item.params["workers"] == 4
        return real(target, item) * (2 if far else 1)

    result = validated(replace(plan, sweep=True), trace, measurer=FakeMeasurer(seconds))
    assert len(result.envelope) > 30
    assert {cell.threads for cell in result.envelope} == {1, 2, 4}
    assert all(cell.error is not None and cell.noise_floor is not None and cell.inside for cell in result.envelope)
    assert {round(cell.error or 0, 1) for cell in result.envelope if cell.threads == 4} == {-0.5}
    assert any("places inside the envelope are more than 12% off, the worst -51%" in limit for limit in result.limits)
    assert "sweep" in json.loads(Path(result.frozen.predictions_file).read_bytes())


def test_another_interpreter_is_named_and_programs_it_cannot_run_are_left_out(plan: Plan, trace: Trace) -> None:
    bare = Interpreter("/opt/python3.13t", (3, 13, 1), gil_enabled=False, gil_optional=True)
    measurer = FakeMeasurer(real)
    workloads = (LOCKED, replace(BUFFERED, needs=("numpy",)))
    result = validated(replace(plan, workloads=workloads, interpreter=bare, gil=False), trace, measurer=measurer)
    assert "buffered: not run, the interpreter has no numpy" in result.limits
    assert any("CPython 3.13.1 (free-threading build), without the GIL" in limit for limit in result.limits)
    assert {row.gil for row in result.rows} == {False}
    assert result.machine["python"] == "3.13.1"
    assert measurer.asked[0][2]["interpreter"] is bare
    assert any("not validated here" in limit for limit in validated(plan, trace).limits)


def test_one_configuration_keeps_its_timelines(plan: Plan, trace: Trace, tmp_path: Path) -> None:
    recorded: list[tuple[str, dict[str, Any]]] = []

    def record(target: str, params: dict[str, Any], path: Path) -> None:
        recorded.append((target, params))
        trace.save(path)

    result = validated(plan, trace, record=record)
    assert recorded == [(LOCKED.target, {"workers": 2})], "the first of the hold-out with two workers"
    assert set(result.timelines) == {"simulated", "real"}
    assert all(Path(file).is_file() for file in result.timelines.values())

    def fails(target: str, params: dict[str, Any], path: Path) -> None:
        raise RecordError("nothing was recorded")

    result = validated(plan, trace, record=fails)
    assert result.timelines == {}
    assert "no timelines of locked: nothing was recorded" in result.limits


def test_progress_names_every_step(plan: Plan, trace: Trace) -> None:
    steps: list[str] = []
    validated(plan, trace, progress=lambda what, done, total: steps.append(what))
    assert steps == [
        "predicting pooled",
        "predicting locked",
        "predicting buffered",
        "measuring the hand-over",
        "measuring pooled (1 of 3)",
        "measuring locked (2 of 3)",
        "measuring buffered (3 of 3)",
        "measuring the hand-over",
    ]


@pytest.mark.parametrize("change", [lambda p: replace(p, repeat=24), lambda p: replace(p, sweep=True)])
def test_more_to_do_is_estimated_to_take_longer(plan: Plan, change: Callable[[Plan], Plan]) -> None:
    assert estimated_seconds(change(plan)) > estimated_seconds(plan) > 0
