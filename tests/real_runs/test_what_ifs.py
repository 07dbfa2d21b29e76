"""Changes predicted on the unchanged program, and then really made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from weft.real_runs.forecast import ForecastError
from weft.real_runs.measure import Configuration, MeasureError, Measurement
from weft.real_runs.suite_plan import Plan
from weft.real_runs.what_ifs import WHAT_IFS, WhatIf, measure_what_ifs, predict_what_ifs
from weft.simcore.prediction import Configuration as Simulated
from weft.simcore.profile import Profile

from .suite_fakes import FakeMeasurer, FakePredictor, measurement

CHANGE = WhatIf("twice as fast", "t", {"workers": 2, "size": 8}, {"workers": 2, "size": 4}, scale={"work": 0.5})
PLAN = Plan(workloads=(), counts=(1,), profile=Profile(), repeat=12, cores=2, folder=Path("unused"))


def silent(what: str, done: int, total: int) -> None:
    pass


def simulated(target: str, item: Simulated, profile: Profile) -> float:
    return 0.4 * item.scale.get("work", 1.0)


@pytest.mark.parametrize("change", WHAT_IFS, ids=lambda change: change.name)
def test_the_programs_take_both_sets_of_parameters(change: WhatIf) -> None:
    module, _, function = change.target.partition(":")
    signature = inspect.signature(getattr(import_module(module), function))
    signature.bind(**change.params)
    signature.bind(**change.really)
    assert bool(change.scale) is not bool(change.free_locks)


def test_the_prediction_knows_only_the_unchanged_program() -> None:
    predict = FakePredictor(simulated)
    (found,) = predict_what_ifs(PLAN, [CHANGE], predict, {}, silent)
    (_, asked, _, repeat) = predict.asked[0]
    assert asked == [
        Simulated({"workers": 2, "size": 8}, 2, True),
        Simulated({"workers": 2, "size": 8}, 2, True, {"work": 0.5}),
    ]
    assert repeat == PLAN.predict_repeat
    assert found.gain == pytest.approx(1.0)
    row = found.published()
    assert (row["name"], row["predicted"]) == ("twice as fast", 1.0)
    assert row["predicted_interval"] == pytest.approx([2 / 1.01 - 1, 2 / 0.99 - 1])


def test_what_cannot_be_predicted_is_a_limit() -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise ForecastError("nothing is called work")

    limits: dict[str, None] = {}
    assert predict_what_ifs(PLAN, [CHANGE], fails, limits, silent) == []
    assert list(limits) == ["twice as fast: not predicted: nothing is called work"]
    endless = FakePredictor(lambda *_: None)
    assert predict_what_ifs(PLAN, [CHANGE], endless, limits, silent) == []


def measured(measurer: Any, limits: dict[str, None] | None = None) -> dict[str, Any]:
    changes = predict_what_ifs(PLAN, [CHANGE], FakePredictor(simulated), {}, silent)
    (row,) = measure_what_ifs(PLAN, changes, measurer, {} if limits is None else limits, silent)
    return row


def by_size(target: str, item: Configuration) -> float:
    return item.params["size"] / 10


def test_both_programs_are_run_in_the_same_blocks() -> None:
    fake = FakeMeasurer(by_size)
    row = measured(lambda *args, **more: fake(*args, **{**more, "progress": silent_runs}))
    ((_, configurations, options),) = fake.asked
    assert [item.params["size"] for item in configurations] == [8, 4]
    assert options["repeat"] == 12
    assert row["measured"] == pytest.approx(1.0, abs=0.02)
    low, high = row["measured_interval"]
    assert low <= row["measured"] <= high


def silent_runs(done: int, total: int) -> None:
    pass


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (lambda: [measurement(*[1.0] * 12, disturbed=range(6)), measurement(*[1.0] * 12)], "6 pairs of clean runs"),
        (lambda: [measurement(None), measurement(*[1.0] * 12)], "0 pairs of clean runs"),
    ],
)
def test_too_few_pairs_are_no_measurement(samples: Callable[[], list[Measurement]], said: str) -> None:
    row = measured(lambda *_, **__: samples())
    assert "measured" not in row
    assert said in row["note"]


def test_what_cannot_be_run_keeps_its_prediction() -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise MeasureError("no processor")

    limits: dict[str, None] = {}
    assert "measured" not in measured(fails, limits)
    assert list(limits) == ["twice as fast: not measured: no processor"]
