"""The suite's predictor: measured once for each program, simulated as often as asked, faults with their message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from weft import process
from weft.real_runs.forecast import ForecastError
from weft.simcore.prediction import Configuration, Prediction
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.trace import Header, TraceBuilder
from weft.suite_predicting import SuitePredictor, traces_of

EMPTY = Prediction(base=[], runs=[], unfinished=[], laws={}, limits=[])
TWO = [Configuration({"workers": workers}, 2, True) for workers in (1, 2)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Notes the jobs of children; they leave an empty table and no prediction."""
    found: list[dict[str, Any]] = []

    def run_job(job: dict[str, Any], **limits: Any) -> dict[str, Any]:
        found.append({**job, "limits": limits})
        if "tables_from" in job:
            assert Path(job["tables_from"]).read_bytes() == job["target"].encode()
        else:
            Path(job["tables_to"]).write_bytes(job["target"].encode())
        return {"result": msgspec.to_builtins(EMPTY), "traces": []}

    monkeypatch.setattr(process, "run_job", run_job)
    return found


def test_a_program_is_measured_by_its_first_call_only(asked: list[dict[str, Any]]) -> None:
    with SuitePredictor(7.0) as predict:
        predict("a", TWO, IDEAL, repeat=5, seed=3, timelines=True)
        predict("a", TWO, Profile(name="other"), repeat=1, seed=3)
        predict("b", TWO, Profile(), repeat=1, seed=3)
    first, again, other = asked
    assert (first["command"], first["repeat"], first["seed"], first["timelines"]) == ("predict", 5, 3, [0, 1])
    assert first["limits"]["silence_s"] == 7.0
    assert first["traces_in"]
    assert [item["params"] for item in first["configurations"]] == [{"workers": 1}, {"workers": 2}]
    assert (again["timelines"], again["traces_in"], again["profile"]["name"]) == ([], "", "other")
    assert "tables_from" not in first
    assert "tables_to" not in again
    assert again["tables_from"] == first["tables_to"] != other["tables_to"]
    assert not Path(first["tables_to"]).exists(), "nothing is left behind"


def test_a_child_that_fails_is_a_forecast_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> dict[str, Any]:
        raise process.ChildError("it reads the clock", 4)

    monkeypatch.setattr(process, "run_job", fails)
    with SuitePredictor() as predict, pytest.raises(ForecastError, match="it reads the clock"):
        predict("a", TWO, IDEAL, repeat=1, seed=0)


def test_timelines_are_found_by_the_number_of_their_configuration(tmp_path: Path) -> None:
    file = tmp_path / "1.weft"
    TraceBuilder(Header("x", "timed")).build().save(file)
    none, one, two = traces_of([str(file)], 3)
    assert (none, two) == (None, None)
    assert one is not None
    assert one.header.target == "x"


@pytest.mark.slow
def test_the_same_measurements_serve_another_machine() -> None:
    """Half as fast a lock hand-over changes a prediction; nothing else differs between the two."""
    configurations = [Configuration({"workers": 2, "tasks": 8, "task_seconds": 0.02}, 2, True)]
    with SuitePredictor() as predict:
        seconds = [
            predict("weft.models.executor:run", configurations, profile, repeat=2, seed=0)[0].runs[0].seconds
            for profile in (IDEAL, replace(IDEAL, timer_slack_ns=5_000_000), IDEAL)
        ]
    assert seconds[0] == pytest.approx(seconds[2], rel=0.01)  # the first one also looks who else could get which task
    assert seconds[1] - seconds[0] == pytest.approx(4 * 5e-3, rel=0.05)
