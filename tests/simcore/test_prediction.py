"""Predictions: sweeps, speedups, shares, bottlenecks and laws on programs whose answers are known."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.predict_text import render
from weft.simcore import prediction
from weft.simcore import world as worlds
from weft.simcore.prediction import Configuration, Mark, Prediction, PredictionError, predict, sweep
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.trace import Op
from weft.simcore.work import work

from .hand_clock import HandClock


def pool(params: dict[str, Any]) -> None:
    """Twelve tasks of 1 s, a quarter of each under one lock."""
    import threading

    lock = threading.Lock()
    workers = params.get("workers", 4)

    def body() -> None:
        for _ in range(12 // workers):
            work(0.75, gil=False)
            with lock:
                work(0.25, gil=False)

    made = [threading.Thread(target=body) for _ in range(workers)]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join()


def ideal(run: Any, configurations: list[Configuration], **more: Any) -> Prediction:
    return predict(run, configurations, profile=IDEAL, measure=False, **more)


def test_sweep_is_gil_then_parameters_then_cores() -> None:
    rows = sweep({"workers": [1, 2], "batch": [8]}, [1, 4], [True, False])
    assert [(row.gil, row.params["workers"], row.cores) for row in rows] == [
        (gil, workers, cores) for gil in (True, False) for workers in (1, 2) for cores in (1, 4)
    ]
    assert str(rows[1]) == "workers=1, batch=8, 4 cores"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"workers": []}, [1]), "workers has no values"),
        (({}, []), "cores has no values"),
        (({}, [2, 0]), "cores is 0"),
    ],
)
def test_impossible_sweeps_are_refused(arguments: tuple[Any, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sweep(*arguments)


def test_nothing_to_predict_is_refused() -> None:
    with pytest.raises(ValueError, match="no configuration"):
        predict(pool, [])
    with pytest.raises(ValueError, match="repeat is 0"):
        predict(pool, sweep({}, [1]), repeat=0)


def test_speedups_are_relative_to_the_first_configuration_of_their_gil_mode() -> None:
    def program(params: dict[str, Any]) -> None:
        import threading

        for _ in range(4):
            threading.Thread(target=lambda: work(1, gil=True)).start()

    result = ideal(program, sweep({}, [1, 2, 4], [True, False]))
    assert [(run.gil, run.cores, run.seconds, run.speedup) for run in result.runs] == [
        (True, 1, 4.0, 1.0),
        (True, 2, 4.0, 1.0),
        (True, 4, 4.0, 1.0),
        (False, 1, 4.0, 1.0),
        (False, 2, 2.0, 2.0),
        (False, 4, 1.0, 4.0),
    ]
    assert [(base.cores, base.gil) for base in result.base] == [(1, True), (1, False)]
    assert result.runs[2].time_in["gil wait"] == pytest.approx(0.75, abs=0.001), "in turns of 5 ms, to the end"
    assert result.runs[2].bottleneck == "the GIL: 100 % of all waiting"
    assert result.runs[3].bottleneck == "a free core (of 1): 100 % of all waiting"
    assert result.runs[5].bottleneck == "none: threads compute and hardly wait"
    assert result.runs[2].utilisation == 0.25


def test_bottleneck_names_the_object_and_its_line() -> None:
    (run,) = ideal(pool, [Configuration({"workers": 12}, 12, True)]).runs
    assert run.seconds == 0.75 + 12 * 0.25
    name, _, share = run.bottleneck.partition(": ")
    assert name.startswith("Lock 'lock' (test_prediction.py:")
    assert share == "100 % of all waiting"


def test_shares_add_up_and_joining_is_idle() -> None:
    (run,) = ideal(pool, [Configuration({"workers": 1}, 1, True)]).runs
    assert sum(run.time_in.values()) == pytest.approx(1)
    assert run.time_in["running"] == run.time_in["idle"] == pytest.approx(0.5)


def test_sleep_is_io() -> None:
    def program(params: dict[str, Any]) -> None:
        import time

        time.sleep(1)

    (run,) = ideal(program, sweep({}, [1])).runs
    assert run.time_in["io"] == 1
    assert run.bottleneck == "none: threads sleep and hardly wait for each other"


def test_latency_comes_from_marks() -> None:
    def program(params: dict[str, Any]) -> None:
        world = worlds.active
        assert world is not None
        for number in range(1, 101):
            world.mark(f"begin request {number}")
            work(number / 1000)
            world.mark(f"end request {number}")

    (run,) = ideal(program, sweep({}, [1])).runs
    assert run.latency is not None
    assert (run.latency.p50, run.latency.p95, run.latency.p99) == (0.050, 0.095, 0.099)
    assert run.throughput == pytest.approx(100 / 5.05)


def test_overlapping_requests_of_one_name_are_paired_in_order() -> None:
    marks = [Mark(0, "a", "begin x"), Mark(1, "b", "begin x"), Mark(5, "a", "end x"), Mark(7, "b", "end x")]
    marks += [Mark(9, "a", "end y"), Mark(9, "a", "phase 2"), Mark(9, "a", "begin z")]
    assert prediction.request_latencies(marks) == [5e-9, 6e-9]


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_percentile_is_a_value_with_that_share_at_or_below(values: list[float], share: float) -> None:
    found = prediction.percentile(sorted(values), share)
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values)


def test_deadlock_is_a_result_beside_the_configurations_that_work() -> None:
    def program(params: dict[str, Any]) -> None:
        import threading

        lock = threading.Lock()
        work(1)
        for _ in range(params["times"]):
            lock.acquire()

    result = ideal(program, sweep({"times": [1, 2]}, [1]))
    assert [run.params["times"] for run in result.runs] == [1]
    (lost,) = result.unfinished
    assert lost.reason == "deadlock at 1.000000 s of virtual time"
    assert lost.stuck[0].startswith("MainThread waits: acquire of lock (test_prediction.py:")
    assert "deadlock at 1.000000 s" in render(result)


def test_failing_program_is_one_clear_error() -> None:
    def program(params: dict[str, Any]) -> None:
        raise LookupError("no such model")

    with pytest.raises(PredictionError, match="failed in MainThread: LookupError: no such model"):
        ideal(program, sweep({}, [1]))


def test_uncontrollable_program_is_one_clear_error() -> None:
    def program(params: dict[str, Any]) -> None:
        import subprocess

        subprocess.run(["true"], check=False)

    with pytest.raises(PredictionError, match="starts a child process"):
        ideal(program, sweep({}, [1]))


def test_program_that_exits_with_0_is_fine() -> None:
    def program(params: dict[str, Any]) -> None:
        work(1)
        raise SystemExit(0)

    assert ideal(program, sweep({}, [1])).runs[0].seconds == 1


def test_measured_runs_are_repeated_and_give_an_interval() -> None:
    """The first run is thrown away, then 1, 4 and 2 s; later runs are not asked."""
    clock, lengths = HandClock(), itertools.chain([9.0, 1.0, 4.0, 2.0], itertools.repeat(2.0))
    told: list[tuple[int, int]] = []

    def program(params: dict[str, Any]) -> None:
        clock.compute(next(lengths))

    result = predict(
        program,
        sweep({}, [1]),
        profile=IDEAL,
        repeat=3,
        stopwatch=clock,
        probe=False,
        progress=lambda *made: told.append(made),
    )
    (run,) = result.runs
    assert (run.seconds, run.seconds_interval) == (2.0, (1.0, 4.0))
    assert (run.speedup, run.interval) == (1.0, (0.5, 2.0))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_runs_that_were_kept_from_a_core_are_left_out_while_enough_remain() -> None:
    """In some runs others had the core for 1 s."""
    for disturbed, interval, told in [({1}, (1.0, 3.0), False), ({1, 2}, (1.0, 3.0), True)]:
        clock, made = HandClock(), iter(range(-1, 100))

        def program(params: dict[str, Any], made=made, clock=clock, disturbed=disturbed) -> None:
            number = next(made)
            clock.compute(min(number, 2) + 1)
            if number in disturbed:
                clock.be_delayed(1)

        result = predict(program, sweep({}, [1]), profile=IDEAL, repeat=3, stopwatch=clock, probe=False)
        assert result.runs[0].seconds_interval == interval, "the delay itself is never counted"
        assert result.runs[0].seconds == (2.0)
        assert any("kept the simulation itself from a core" in limit for limit in result.limits) is told


def test_json_is_the_contract() -> None:
    result = ideal(pool, sweep({"workers": [2, 4]}, [1, 2, 4]), target="models/pool.py:main", weft="0.1.0", seed=7)
    values = json.loads(result.json())
    assert list(values) == [
        *("schema", "weft", "command", "target", "seed", "profile", "repeat", "seconds"),
        *("base", "runs", "unfinished", "laws", "limits", "observed"),
    ]
    assert (values["schema"], values["command"], values["target"]) == (
        "weft.result/1",
        "predict",
        "models/pool.py:main",
    )
    run = values["runs"][-1]
    assert list(run) == [
        *("params", "cores", "gil", "seconds", "seconds_interval", "speedup", "interval"),
        *("utilisation", "time_in", "bottleneck", "lock_wait_max"),
    ]
    assert run["params"] == {"workers": 4}
    assert list(run["time_in"]) == ["running", "ready", "lock wait", "gil wait", "io", "idle"]
    assert {"amdahl", "usl"} <= set(values["laws"])


def test_limits_say_what_was_assumed() -> None:
    limits = predict(pool, sweep({}, [1], [True, False]), profile=Profile(), measure=False).limits
    assert any("1.1 times slower" in limit for limit in limits)
    assert any("weft calibrate" in limit for limit in limits)
    assert not ideal(pool, sweep({}, [1], [True, False])).limits


# Text and timeline.


def test_text_fits_80_columns_and_shows_every_configuration() -> None:
    configurations = sweep(
        {"workers": [1, 4], "a_parameter_with_a_long_name": ["x" * 90]}, [1, 2, 4, 64], [True, False]
    )
    text = render(predict(pool, configurations, profile=Profile(), measure=False, target="pool.py:main"))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(re.findall(r"^ +\d+ +on ", text, re.MULTILINE)) == 8
    assert len(re.findall(r"^ +\d+ +off ", text, re.MULTILINE)) == 8
    assert "Amdahl, gil on" in text
    assert "bottleneck with" in text


def test_timeline_has_the_states_of_every_thread() -> None:
    trace = prediction.timeline(pool, Configuration({"workers": 2}, 2, True), profile=IDEAL, measure=False)
    seen = {event.operation for event in trace}
    assert {Op.READY, Op.RUN, Op.BLOCK, Op.COMPUTE, Op.ACQUIRE, Op.END} <= seen
    assert trace.header.parameters == {"workers": 2}
    assert len(trace.tables.threads) == 3


def test_the_time_alone_is_that_of_the_timeline() -> None:
    study = prediction.Study(pool, profile=IDEAL, measure=False)
    for workers in (1, 3):
        asked = Configuration({"workers": workers}, 2, False)
        assert study.seconds(asked) == study.timeline(asked).rows()[-1][-1] / 1e9
        assert study.seconds(asked) == study.predict([asked]).runs[0].seconds


def test_a_program_that_does_not_end_has_no_time() -> None:
    def hang(params: dict[str, Any]) -> None:
        import threading

        lock = threading.Lock()
        for _ in range(2):
            lock.acquire()

    with pytest.raises(PredictionError, match=r"there is no time with 2 cores.*: deadlock at 0"):
        prediction.Study(hang, profile=IDEAL, measure=False).seconds(Configuration({}, 2, True))
