"""Forecasts: one simulation for all configurations, simpler models beside, and the model less one term."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

import weft
from weft.real_runs.forecast import TERMS, forecast
from weft.real_runs.suite import Point
from weft.simcore.prediction import Configuration
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.trace import Header, Trace, TraceBuilder

from .suite_fakes import FakePredictor

POINTS = [Point({"workers": workers}, workers, workers) for workers in (1, 2, 4)]
FULL = Profile(
    name="full",
    balance_ns=10,
    gil_release_ns=100,
    gil_contended_ns=50,
    handover_same_core_ns=5,
    co_run=[1.0, 1.1],
    memory_bandwidth={"1024": [1.0, 1.2]},
)


def seconds(target: str, item: Configuration, profile: Profile) -> float | None:
    """A sum of terms: each can be seen to be gone."""
    workers = min(item.params["workers"], item.cores)
    cost = profile.lock_ns + profile.handover_ns + profile.submit_ns + profile.gil_release_ns + profile.timer_slack_ns
    cost += profile.thread_start_ns + profile.context_switch_ns + profile.balance_ns
    return (1.0 if item.gil else 0.5) / workers * sum(profile.co_run or [1.0]) + cost / 1e6


@pytest.fixture(scope="module")
def trace() -> Trace:
    """One worker: 1 ms in the main thread, 3 ms in the worker."""

    def program() -> None:
        weft.work(1e-3)
        thread = threading.Thread(target=weft.work, args=(3e-3, False))
        thread.start()
        thread.join()

    with takeover():
        world = TimedWorld(cores=2, gil=True, profile=IDEAL, measure=False, scheduler_events=True)
        result = world.run(program)
    assert result.trace is not None
    return result.trace


def made(predict: FakePredictor, **more: object):
    options = {"cores": 2, "gil": True, "repeat": 3, "seed": 7, **more}
    return forecast("target", POINTS, FULL, predict, **options)  # pyright: ignore[reportArgumentType]


def test_all_configurations_are_predicted_at_once_and_in_order(trace: Trace) -> None:
    predict = FakePredictor(seconds, trace)
    found = made(predict)
    assert predict.asked[0] == ("target", [Configuration(p.params, 2, True) for p in POINTS], FULL, 3)
    assert [item.run.seconds for item in found.forecasts] == [
        seconds("", Configuration(point.params, 2, True), FULL) for point in POINTS
    ]
    assert (found.unfinished, found.limits) == ([], ["simulated"])


def test_simpler_models_stand_beside(trace: Trace) -> None:
    found = made(FakePredictor(seconds, trace)).forecasts
    base = found[0].run.seconds
    for item, workers in zip(found, (1, 2, 2), strict=True):  # two cores
        assert item.baselines["linear"] == pytest.approx(base / workers)
        assert item.baselines["amdahl"] == pytest.approx(1e-3 + 3e-3 / workers, rel=0.01)
        assert item.baselines["critical path"] == pytest.approx(4e-3, rel=0.01)
        configuration = Configuration(item.run.params, 2, True)
        assert item.baselines["no overheads"] == seconds("", configuration, IDEAL)
        assert item.baselines["no gil term"] == seconds("", replace(configuration, gil=False), FULL)
        assert item.without == {"GIL": item.baselines["no gil term"]}


def test_without_simpler_models_only_the_cheap_ones_are_there(trace: Trace) -> None:
    predict = FakePredictor(seconds, trace)
    found = made(predict, simpler=False).forecasts
    assert set(found[0].baselines) == {"linear", "amdahl", "critical path"}
    assert len(predict.asked) == 1


def test_each_term_is_taken_away_once(trace: Trace) -> None:
    predict = FakePredictor(seconds, trace)
    one, two, four = made(predict, ablate=[1, 2]).forecasts
    assert set(two.without) == set(four.without) == set(TERMS)
    assert set(one.without) == {"GIL"}
    for term in (
        "hand-over",
        "GIL release",
        "thread start",
        "locks",
        "timers",
        "context switch",
        "executor and queue",
        "a queue for each core",
    ):
        assert two.without[term] < two.run.seconds, term
    assert two.without["co-run"] < two.run.seconds
    ablated = predict.asked[3:]
    assert all([item.params["workers"] for item in asked[1]] == [2, 4] for asked in ablated)
    assert len(ablated) == len(TERMS) - 1


def test_simulations_side_by_side_answer_the_same(trace: Trace) -> None:
    alone = made(FakePredictor(seconds, trace), ablate=[1, 2]).forecasts
    together = made(FakePredictor(seconds, trace), ablate=[1, 2], workers=3).forecasts
    assert [(item.baselines, item.without) for item in together] == [(item.baselines, item.without) for item in alone]


def test_a_term_that_the_profile_does_not_have_is_not_simulated_again(trace: Trace) -> None:
    predict = FakePredictor(seconds, trace)
    neutral = replace(FULL, co_run=[], memory_bandwidth={}, lock_ns=0, balance_ns=0)
    found = forecast("t", POINTS, neutral, predict, cores=2, gil=True, repeat=1, seed=0, ablate=[0])
    only = found.forecasts[0]
    assert only.without["co-run"] == only.without["memory"] == only.without["locks"] == only.run.seconds
    assert len(predict.asked) == 3 + len(TERMS) - 1 - 4


def test_what_never_ends_in_simulation_is_left_out_and_said(trace: Trace) -> None:
    predict = FakePredictor(lambda _, item, __: None if item.params["workers"] == 2 else 1.0, trace)
    found = made(predict, ablate=[1])
    assert [item.point.threads for item in found.forecasts] == [1, 4]
    assert found.unfinished == ["workers=2, 2 cores: deadlock"]


@pytest.mark.parametrize("kind", ["none", "no machine"])
def test_without_a_timeline_there_are_no_features(kind: str) -> None:
    empty = None if kind == "none" else TraceBuilder(Header("x", "explored")).build()
    found = made(FakePredictor(seconds, empty)).forecasts
    assert found[0].features is None
    assert "amdahl" not in found[0].baselines
    assert "critical path" not in found[0].baselines
