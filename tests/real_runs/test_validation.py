"""Validation: predictions beside measurements, errors with their sign, and what cannot be measured said so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from weft.real_runs import measure as measuring
from weft.real_runs import validation
from weft.real_runs.calibration import CalibrationError
from weft.real_runs.envelope import Belief
from weft.real_runs.interpreter import Interpreter
from weft.real_runs.measure import Configuration, Measurement, Sample
from weft.real_runs.validation import ValidationResult, ValidationRun, validate
from weft.simcore.prediction import PredictedRun, Prediction
from weft.simcore.profile import Profile

Program = Callable[[str], str]


def row(seconds: float, params: dict[str, Any] | None = None, **more: Any) -> PredictedRun:
    values: dict[str, Any] = {
        "cores": 1,
        "gil": True,
        "seconds_interval": (seconds, seconds),
        "speedup": 1.0,
        "interval": (1.0, 1.0),
        "utilisation": 1.0,
        "time_in": {"running": 1.0},
        "bottleneck": "none",
    }
    return PredictedRun(seconds=seconds, params=params or {}, **{**values, **more})


def predicted(*runs: PredictedRun) -> Prediction:
    return Prediction(base=[], runs=list(runs), unfinished=[], laws={}, limits=["a limit"])


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts fixed times in place of real runs, by the parameter ``name``; None is a failed run. The processor time is
    ``busy`` times as long, where that is known."""

    def put(times: dict[str, list[float | None]], busy: float | None = None) -> None:
        def measure(target: str, configurations: list[Configuration], **_: object) -> list[Measurement]:
            return [
                Measurement(
                    item,
                    [
                        Sample(block, "failed", message="broke")
                        if value is None
                        else Sample(block, "ok", seconds=value, cpu_seconds=None if busy is None else busy * value)
                        for block, value in enumerate(times[item.params["name"]])
                    ],
                )
                for item in configurations
            ]

        monkeypatch.setattr(validation, "measure", measure)

    return put


def named(name: str, seconds: float, **more: Any) -> PredictedRun:
    return row(seconds, {"name": name}, **more)


def test_errors_are_signed_and_relative_to_the_median(measured: Callable[..., None]) -> None:
    measured({"a": [1.0, 1.1, 0.9], "b": [2.0, 2.0, 2.0]})
    result = validate("t", predicted(named("a", 1.1), named("b", 1.8)), repeat=3)
    first, second = result.runs
    assert (first.measured_seconds, second.measured_seconds) == (1.0, 2.0)
    assert first.error == pytest.approx(0.1)
    assert second.error == pytest.approx(-0.1)
    assert first.measured_interval == (0.9, 1.1)
    assert second.measured_interval == (2.0, 2.0)
    assert result.error_median == pytest.approx(0.1)
    assert result.error_max == pytest.approx(0.1)
    assert result.error_bias == pytest.approx(0.0)
    assert result.sign_right == 1.0
    assert len(first.samples) == 3


@pytest.mark.parametrize(
    ("busy", "said"),
    [
        (1.5, "took 1.50 times the processor time that was predicted: the cores were slower than"),
        (0.5, "took 0.50 times the processor time that was predicted: the cores were faster than"),
        (1.09, ""),
        (None, ""),
    ],
)
def test_a_machine_of_another_pace_is_told_by_the_processor_time(
    measured: Callable[..., None], busy: float | None, said: str
) -> None:
    measured({"a": [1.0] * 3, "b": [2.0] * 3}, busy=busy)
    result = validate("t", predicted(named("a", 1), named("b", 4, utilisation=0.25, cores=2)), repeat=3)
    assert [run.predicted_cpu_seconds for run in result.runs] == [1, 2]
    assert [run.measured_cpu_seconds for run in result.runs] == ([None] * 2 if busy is None else [busy, 2 * busy])
    limits = [limit for limit in result.limits if "processor time" in limit]
    assert len(limits) == bool(said)
    assert said in "".join(limits)


def test_the_pace_of_several_configurations_is_a_range(measured: Callable[..., None]) -> None:
    measured({"a": [1.0] * 3, "b": [2.0] * 3}, busy=1.5)
    result = validate("t", predicted(named("a", 1), named("b", 1)), repeat=3)
    assert "1.50 to 3.00 times the processor time" in "".join(result.limits)


def test_speedup_is_paired_block_by_block(measured: Callable[..., None]) -> None:
    measured({"one": [1.0, 3.0, 2.0], "two": [0.5, 1.5, 1.0]})
    result = validate("t", predicted(named("one", 1), named("two", 0.5)), repeat=3)
    assert result.runs[1].measured_speedup == 2.0
    assert result.runs[1].measured_speedup_interval == (2.0, 2.0)


def test_the_wrong_direction_counts(measured: Callable[..., None]) -> None:
    measured({"a": [1.0] * 3, "b": [2.0] * 3, "c": [2.01] * 3})
    result = validate("t", predicted(named("a", 2), named("b", 1), named("c", 3)), repeat=3)
    # a and b are predicted the wrong way round, a and c right; b and c are too close to have a direction.
    assert result.sign_right == 0.5


def test_what_cannot_be_measured_stays_as_a_prediction(
    measured: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "available_cores", lambda: [0])
    monkeypatch.setattr(measuring, "gil_optional", lambda: False)
    monkeypatch.setattr(measuring, "gil_enabled", lambda: True)
    measured({"a": [1.0]})
    result = validate("t", predicted(named("a", 1), named("a", 0.3, cores=4), named("a", 1, gil=False)), repeat=1)
    assert result.runs[0].error == 0
    assert "not measured here: this machine has 1 core" in result.runs[1].note
    assert "not measured here: this interpreter has a GIL" in result.runs[2].note
    assert [run.measured_seconds for run in result.runs] == [1.0, None, None]
    assert [run.error for run in result.runs] == [0, None, None]
    assert [run.verdict for run in result.runs] == ["no verdict", "", ""]
    assert result.sign_right is None


def test_runs_that_went_wrong_are_told_and_not_counted(measured: Callable[..., None]) -> None:
    measured({"a": [None, 1.0, 1.0], "b": [None, None]})
    result = validate("t", predicted(named("a", 1), named("b", 1)), repeat=3)
    assert result.runs[0].measured_seconds == 1.0
    assert "1 of 3 runs failed: broke" in result.runs[0].note
    assert result.runs[1].measured_seconds is None
    assert result.error_max == 0


def test_nothing_to_compare_gives_no_summary(measured: Callable[..., None]) -> None:
    measured({"a": [None]})
    result = validate("t", predicted(named("a", 1)), repeat=1)
    assert (result.error_median, result.error_max, result.error_bias, result.sign_right) == (None, None, None, None)


def run_of(*samples: tuple[float, bool]) -> ValidationRun:
    rows = [Sample(block, "ok", seconds=value, disturbed=bad) for block, (value, bad) in enumerate(samples)]
    return validation.compare(row(1.0), Measurement(Configuration(), rows), None)


def test_disturbed_runs_are_left_out_while_half_are_clean() -> None:
    run = run_of((1.0, False), (1.0, False), (5.0, True), (5.0, True))
    assert (run.measured_seconds, run.raw_seconds, run.disturbed, run.note) == (1.0, 3.0, 2, "")


def test_too_many_disturbed_runs_all_count_and_are_told() -> None:
    run = run_of((1.0, False), (5.0, True), (5.0, True))
    assert (run.measured_seconds, run.raw_seconds, run.disturbed) == (5.0, 5.0, 2)
    assert "2 of 3 runs were disturbed" in run.note


def test_the_noise_floor_compares_every_second_run_with_the_others() -> None:
    run = run_of((1.0, False), (2.0, False), (1.0, False), (2.0, False))
    assert run.noise_floor == pytest.approx(0.5)


def test_the_prediction_is_sealed_before_anything_is_measured(measured: Callable[..., None]) -> None:
    seals: list[str] = []
    for times in ([1.0], [2.0]):
        measured({"a": times})
        seals.append(validate("t", predicted(named("a", 1)), repeat=1).prediction_sha256)
    assert seals[0] == seals[1]
    assert validate("t", predicted(named("a", 1.5)), repeat=1).prediction_sha256 != seals[0]


def test_outside_the_envelope_only_a_bound_is_given_and_no_error_counts(measured: Callable[..., None]) -> None:
    measured({"a": [1.0] * 12, "b": [1.0] * 12})
    beliefs = {0: Belief("too fine", 0.5), 1: Belief("", 0.9)}
    first, second = validate("t", predicted(named("a", 3), named("b", 1.04)), repeat=12, beliefs=beliefs).runs
    assert (first.verdict, first.envelope_reason, first.bound_seconds) == ("bound only", "too fine", 0.5)
    assert (second.verdict, second.envelope_reason, second.bound_seconds) == ("right", "", 0.9)
    result = validate("t", predicted(named("a", 3), named("b", 1.06)), repeat=12, beliefs=beliefs)
    assert result.runs[1].verdict == "wrong"
    assert result.error_max == pytest.approx(0.06)


def test_too_few_clean_runs_give_no_verdict(measured: Callable[..., None]) -> None:
    measured({"a": [1.0] * 9})
    (run,) = validate("t", predicted(named("a", 1)), repeat=9).runs
    assert (run.verdict, run.note) == ("no verdict", "no verdict: 9 clean runs of 9, 10 are needed")
    assert run.error == 0


def test_the_real_side_may_be_another_interpreter(
    measured: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured({"a": [1.0]})
    free = Interpreter("/opt/python3.13t", (3, 13, 1), gil_enabled=False, gil_optional=True)
    result = validate("t", predicted(named("a", 1, gil=False)), repeat=1, interpreter=free, pinned=True)
    assert result.runs[0].measured_seconds == 1.0
    assert (result.machine["python"], result.machine["gil"], result.pinned) == ("3.13.1", False, True)
    assert result.rules["clean_min"] == 10


def test_the_hand_over_is_measured_before_and_after(measured: Callable[..., None]) -> None:
    measured({"a": [1.0]})
    times = iter([100.0, 150.0])
    stability = validate("t", predicted(named("a", 1)), repeat=1, handover=lambda: next(times)).stability
    assert stability is not None
    assert (stability.before_ns, stability.after_ns, stability.unstable) == (100.0, 150.0, True)

    def stuck() -> float:
        raise CalibrationError("no answer")

    result = validate("t", predicted(named("a", 1)), repeat=1, handover=stuck)
    assert result.stability is None
    assert result.limits == ["a limit", "whether the machine was stable is not known: no answer"]


def test_the_json_has_the_keys_of_the_contract(measured: Callable[..., None]) -> None:
    measured({"a": [1.0, 1.2]})
    run = named("a", 1, seconds_interval=(0.9, 1.1))
    result = validate("t.py:main", predicted(run), repeat=2, seed=3, profile=Profile(name="p"), version="0.1.0")
    values = msgspec.json.decode(msgspec.json.encode(result))
    assert values["schema"] == "weft.result/1"
    assert values["command"] == "validate"
    assert {"error_median", "error_max", "sign_right", "profile", "machine", "seed", "target"} <= set(values)
    first = values["runs"][0]
    forecast = {"params", "cores", "gil", "seconds", "speedup", "interval", "utilisation", "time_in", "bottleneck"}
    assert forecast | {"measured_seconds", "measured_interval", "error"} <= set(first)
    assert [sample["seconds"] for sample in first["samples"]] == [1.0, 1.2]
    assert first["seconds_interval"] == [0.9, 1.1]
    assert values["profile"]["name"] == "p"
    assert "samples" not in values["profile"]
    assert values["limits"] == ["a limit"]
    assert msgspec.json.decode(msgspec.json.encode(result), type=ValidationResult) == result


@pytest.mark.slow
def test_real_sleeps_are_measured_as_long_as_they_are(program: Program) -> None:
    """The pool of the timed world's measuring stick, twenty times shorter: no round of 50 ms ends too early; how much
    later than asked it does is this machine's affair."""
    source = """
import time
from concurrent.futures import ThreadPoolExecutor
def main(workers=4):
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda _: time.sleep(0.05), range(8)))
"""
    forecast = predicted(*(row(0.4 / workers, {"workers": workers}) for workers in (1, 4)))
    result = validate(program(source) + ":main", forecast, repeat=5, timeout_seconds=120)
    assert result.sign_right == 1.0
    assert all(run.error is not None and -0.9 < run.error < 0.001 for run in result.runs)
