"""A prediction with its explanation: one result, as JSON and as text of 80 columns."""

from __future__ import annotations

import json
import threading
from contextlib import nullcontext
from typing import Any

import msgspec
import pytest

import weft
from weft.explanation import Explanation, combined, explain, not_looked_at
from weft.explanation_text import law_lines, lines
from weft.predict_text import render
from weft.simcore.prediction import Configuration, Prediction, predict, sweep, timeline
from weft.simcore.profile import IDEAL
from weft.simcore.trace import Trace
from weft.what_if import parse_changes


def program(params: dict[str, Any]) -> None:
    """12 rounds, a third of each inside a lock (which is free when the parameters say so)."""
    lock: Any = nullcontext() if params.get("free") else threading.Lock()

    def worker(first: int) -> None:
        for _ in range(first, 12, params["workers"]):
            weft.work(0.2, gil=params.get("gil", False))
            with lock:
                weft.work(0.1, gil=False)

    threads = [threading.Thread(target=worker, args=(index,)) for index in range(params["workers"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_timeline(configuration: Configuration) -> Trace:
    params = {**configuration.params, "free": configuration.free_locks}
    plain = Configuration(params, configuration.cores, configuration.gil)
    return timeline(program, plain, profile=IDEAL, measure=False)


def predicted(parameters: dict[str, list[Any]], cores: list[int], gil: list[bool]) -> Prediction:
    return predict(program, sweep(parameters, cores, gil), profile=IDEAL, measure=False, target="pool.py:main")


def test_everything_is_explained_in_one_go() -> None:
    prediction = predicted({"workers": [1, 2, 4, 6]}, [1, 2, 4], [True, False])
    found = explain(prediction, run_timeline, parse_changes("cores=8,workers=3"))
    assert [(row.gil, row.params["workers"], row.cores) for row in found.attributions] == [
        (True, 4, 4),
        (False, 4, 4),
    ]
    assert [row.value for row in found.recommended] == [3, 3]
    assert [row.change for row in found.what_if] == ["as it is", "cores=8", "workers=3", "all of these"]
    assert set(found.laws) == {*prediction.laws, "critical_path", "published"}


def test_nothing_asked_is_nothing_answered() -> None:
    found = explain(predicted({"workers": [2]}, [2], [False]), run_timeline)
    assert (found.recommended, found.what_if) == ([], [])
    assert len(found.attributions) == 1


def test_a_prediction_without_runs_has_no_explanation() -> None:
    def stuck(params: dict[str, Any]) -> None:
        threading.Event().wait()

    prediction = predict(stuck, sweep({}, [1]), profile=IDEAL, measure=False)
    assert explain(prediction, run_timeline, parse_changes("cores=2")) == Explanation()


def test_the_json_has_both_and_the_bottleneck_is_of_the_critical_path() -> None:
    prediction = predicted({"workers": [1, 4]}, [4], [False])
    explanation = explain(prediction, run_timeline)
    values = json.loads(json.dumps(combined(prediction, explanation)))
    assert values["schema"] == "weft.result/1"
    assert set(values) == {
        *msgspec.to_builtins(prediction),
        *("attributions", "recommended", "what_if", "bounds", "believed"),
    }
    slow, fast = values["runs"]
    assert "of the critical path" not in slow["bottleneck"]
    assert fast["bottleneck"] == explanation.attributions[0].bottleneck
    assert fast["bottleneck"].startswith("Lock 'lock' (test_explanation.py:")
    assert values["attributions"][0]["changed_speedup"] > fast["speedup"]
    assert msgspec.convert(values, Explanation) == explanation
    assert combined(prediction, None) == msgspec.to_builtins(prediction)


def fine(params: dict[str, Any]) -> None:
    """Threads whose steps without the GIL are too short to be predicted with one."""

    def worker() -> None:
        for _ in range(200):
            weft.work(params["step"], gil=False)
            weft.work(1e-6)

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def explained(configurations: list[Configuration]) -> tuple[Prediction, Explanation]:
    def timeline_of(configuration: Configuration) -> Trace:
        return timeline(fine, configuration, profile=IDEAL, measure=False)

    prediction = predict(fine, configurations, profile=IDEAL, measure=False)
    return prediction, explain(prediction, timeline_of)


def test_outside_the_envelope_a_time_is_not_to_be_believed() -> None:
    prediction, explanation = explained(sweep({"step": [5e-6, 1e-3]}, [2], [True, False]))
    assert not_looked_at(prediction, explanation) == []
    (bound,) = explanation.bounds
    assert (bound.params, bound.gil) == ({"step": 5e-6}, True)
    assert 0 < bound.seconds <= prediction.runs[0].seconds
    text = " ".join(render(prediction, explanation).split())
    assert "step=5e-06 on 2 cores, GIL on: bound only, at least 0.001" in text
    assert "83% of the computing is in GIL-free operations shorter than 20 us" in text
    assert text.count("bound only") == 1


def test_of_a_large_sweep_the_fastest_are_held_against_the_envelope() -> None:
    prediction, explanation = explained(sweep({"step": [5e-6, *(n * 1e-5 for n in range(3, 15))]}, [2]))
    assert (explanation.believed, len(explanation.bounds)) == (1, 1)
    (limit,) = not_looked_at(prediction, explanation)
    assert "looked at for 1 of 13 configurations" in limit


def test_the_text_fits_80_columns_and_has_every_part() -> None:
    prediction = predicted({"workers": [1, 2, 4, 6]}, [1, 2, 4], [True, False])
    found = explain(prediction, run_timeline, parse_changes("cores=8,lock:a_lock_with_a_very_long_name,workers=3"))
    text = render(prediction, found)
    assert max(map(len, text.splitlines())) <= 80
    assert "bottleneck with workers=4 on 4 cores, GIL on: Lock 'lock'" in text
    assert "critical path with workers=4 on 4 cores, GIL on:" in text
    assert "held by Thread-" in text
    assert "recommended on 4 cores, GIL off: 3 workers: " in text
    assert "what if, with workers=4 on 4 cores, GIL on:" in text
    assert "as it is" in text
    assert "seconds by the laws, GIL off:" in text
    assert "Amdahl, gil on" in text
    assert "Gustafson, gil on" in text
    assert "USL, gil on" in text
    assert "at least" in text
    assert "wrong" in text


def test_the_laws_stand_beside_the_prediction_core_count_by_core_count() -> None:
    prediction = predicted({"workers": [4]}, [1, 2, 4], [False])
    found = explain(prediction, run_timeline)
    text = law_lines(prediction, found.laws)
    start = text.index("seconds by the laws, GIL off:")
    rows = [line.split() for line in text[start + 2 : start + 5]]
    assert text[start + 1].split() == ["cores", "predicted", "Amdahl", "USL", "W/N+cN+S", "bound", "published"]
    assert [row[0] for row in rows] == ["1", "2", "4"]
    seconds = {run.cores: run.seconds for run in prediction.runs}
    for row in rows:
        predicted_seconds, bound = float(row[1]), float(row[5])
        assert predicted_seconds == pytest.approx(seconds[int(row[0])], rel=1e-3)
        assert bound <= predicted_seconds * 1.001
    assert float(rows[0][5]) == pytest.approx(3.6)


def test_a_change_that_fails_says_so_in_its_row() -> None:
    def failing(configuration: Configuration) -> Trace:
        if configuration.cores == 8:
            from weft.simcore.prediction import PredictionError

            raise PredictionError("the program failed in MainThread: ValueError: eight is too many of them for me")
        return run_timeline(configuration)

    prediction = predicted({"workers": [2]}, [2], [False])
    found = explain(prediction, failing, parse_changes("cores=8"))
    text = lines(found)
    (row,) = [line for line in text if "cores=8" in line]
    assert row.endswith("-")
    assert any("eight is too many" in line for line in text)
    assert max(map(len, text)) <= 80
