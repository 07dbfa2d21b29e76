"""One prediction in this process: what a child answers, what it leaves for others, and what it refuses."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from weft.predicting import configuration_of, predict_in_process
from weft.simcore.prediction import Configuration, Prediction
from weft.simcore.profile import IDEAL
from weft.simcore.target import Target, TargetError, parse_target
from weft.simcore.trace import load

PROGRAM = """\
    import threading

    import weft

    class Cache:
        def __init__(self):
            self.lock = threading.Lock()

    def lookup(cache):
        with cache.lock:
            weft.work(10, gil=False)

    def main(workers=2):
        cache = Cache()
        threads = [threading.Thread(target=lookup, args=(cache,)) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    """


@pytest.fixture
def target(tmp_path: Path) -> Target:
    program = tmp_path / "shop.py"
    program.write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    target = parse_target(f"{program}:main")
    target.prepare(None)
    return target


def ask(target: Target, *configurations: Configuration, **more: Any) -> dict[str, Any]:
    """As a child is asked, through JSON."""
    told: list[tuple[int, int]] = []
    job: dict[str, Any] = {
        "configurations": [asdict(configuration) for configuration in configurations],
        "profile": asdict(IDEAL),
        "repeat": 2,
        "seed": 0,
        "traces_in": "",
        "timelines": [],
        **more,
    }
    answer = predict_in_process(target, msgspec.json.decode(msgspec.json.encode(job)), lambda *made: told.append(made))
    assert told[-1][0] == told[-1][1] > 0
    return answer


def test_a_configuration_goes_through_json_with_its_what_ifs() -> None:
    configuration = Configuration({"workers": 2}, 4, False, scale={"lookup": 0.5}, free_locks=("Cache.lock",))
    assert configuration_of(msgspec.json.decode(msgspec.json.encode(asdict(configuration)))) == configuration
    assert str(configuration) == "workers=2, lookup x 0.5, Cache.lock free, 4 cores"
    assert configuration_of({"params": {}, "cores": 1, "gil": True}) == Configuration({}, 1, True)


def test_what_ifs_are_runs_beside_the_others(target: Target) -> None:
    plain = Configuration({}, 2, True)
    faster = Configuration({}, 2, True, scale={"lookup": 0.5})
    free = Configuration({}, 2, True, free_locks=("Cache.lock",))
    prediction = msgspec.convert(ask(target, faster, plain, free)["result"], Prediction)
    assert [round(run.seconds, 1) for run in prediction.runs] == [10, 20, 10]
    assert [round(run.speedup, 1) for run in prediction.runs] == [2, 1, 2], "relative to what is"
    assert [(run.scale, run.free_locks) for run in prediction.runs] == [
        ({"lookup": 0.5}, ()),
        ({}, ()),
        ({}, ("Cache.lock",)),
    ]
    assert prediction.laws == {}


def test_timelines_are_those_of_the_predicted_runs(target: Target, tmp_path: Path) -> None:
    configurations = [Configuration({"workers": workers}, 2, True) for workers in (1, 2)]
    answer = ask(target, *configurations, traces_in=str(tmp_path), timelines=[1])
    assert answer["traces"] == [str(tmp_path / "1.weft")]
    trace = load(answer["traces"][0])
    last = max(event.time_ns or 0 for event in trace)
    assert last / 1e9 == answer["result"]["runs"][1]["seconds"]
    assert len(trace.tables.threads) == 3


def test_one_child_measures_for_another(target: Target, tmp_path: Path) -> None:
    file = tmp_path / "tables"
    configurations = [Configuration({"workers": 2}, cores, True) for cores in (1, 2)]
    first = ask(target, *configurations, tables_to=str(file))
    second = ask(target, *configurations, tables_from=str(file))
    assert second["result"]["runs"] == first["result"]["runs"]
    assert second["result"]["limits"] == first["result"]["limits"]


@pytest.mark.parametrize(
    ("what_if", "says"),
    [
        ({"scale": {"lokup": 2}}, "no function, library call or line is called 'lokup'; did you mean 'lookup'?"),
        ({"free_locks": ("Cache.loc",)}, "no lock is called 'Cache.loc'; did you mean 'Cache.lock'?"),
        ({"free_locks": ("lock",)}, "no lock is called 'lock'; seen: Cache.lock (shop.py:7)"),
    ],
)
def test_what_the_program_does_not_have_is_wrong_usage(target: Target, what_if: dict[str, Any], says: str) -> None:
    with pytest.raises(TargetError) as error:
        ask(target, Configuration({}, 1, True, **what_if))
    assert str(error.value) == says


def test_an_explanation_is_made_where_the_program_is(target: Target) -> None:
    configuration = Configuration({"workers": 2}, 2, True)
    answer = ask(target, configuration, explain={"changes": "lock:Cache.lock", "scale": None})
    changes = [(row["change"], round(row["gain"], 1)) for row in answer["explanation"]["what_if"]]
    assert changes == [("as it is", 1), ("lock:Cache.lock", 2)]
    assert "explanation" not in ask(target, configuration)
