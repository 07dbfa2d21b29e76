"""Sweeps over several processes: the same answer as in one, measured by one, and a clear word when that cannot be."""

from __future__ import annotations

import sys
import textwrap
import types
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import weft
from weft import sweeping
from weft.process import ChildError
from weft.simcore.prediction import Configuration, Prediction, predict, sweep
from weft.simcore.profile import IDEAL
from weft.sweep_estimate import SweepError
from weft.sweeping import Sweep, merged, shares


def program(params: dict[str, Any]) -> None:
    """Two seconds on as many threads as there are workers; none comes to an end with 13."""
    import threading

    if params["workers"] == 13:
        threading.Event().wait()
    threads = [
        threading.Thread(target=weft.work, args=(2 / params["workers"], False)) for _ in range(params["workers"])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def predicted(configurations: list[Configuration]) -> Prediction:
    return predict(program, configurations, profile=IDEAL, measure=False, target="f.py:main")


CONFIGURATIONS = sweep({"workers": [1, 2, 13, 4]}, [1, 2, 4], [True, False])


@pytest.mark.parametrize("count", [1, 2, 5, 24, 99])
def test_merged_shares_are_what_one_process_says(count: int) -> None:
    parts = [predicted(share) for share in shares(CONFIGURATIONS, count)]
    parts.reverse()
    whole = predicted(CONFIGURATIONS)
    found = merged(CONFIGURATIONS, parts)
    assert found == replace(whole, weft=found.weft, seconds=found.seconds)
    assert len(found.unfinished) == 6


def test_a_base_that_is_in_no_share_of_a_run_is_still_its_base() -> None:
    parts = [predicted(share) for share in shares(CONFIGURATIONS, 8)]
    assert parts[-1].runs[-1].speedup != 2
    assert merged(CONFIGURATIONS, parts).runs[-1].speedup == 4


def test_shares_are_even_and_complete() -> None:
    for count in range(1, 30):
        found = shares(CONFIGURATIONS, count)
        assert [one for share in found for one in share] == CONFIGURATIONS
        assert len(found) == min(count, len(CONFIGURATIONS))
        assert max(map(len, found)) - min(map(len, found)) <= 1


# The parent's side, with a child that answers at once.


class Children:
    """Stands for child processes; notes the jobs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.jobs: list[dict[str, Any]] = []
        monkeypatch.setattr(sweeping, "run_job", self)

    def __call__(self, job: dict[str, Any], **limits: Any) -> dict[str, Any]:
        import msgspec

        self.jobs.append({**job, **limits})
        if job.get("tables_to"):
            Path(job["tables_to"]).write_bytes(b"what was measured")
        if job.get("tables_from"):
            assert Path(job["tables_from"]).read_bytes() == b"what was measured"
        configurations = [
            Configuration(**{**values, "free_locks": tuple(values["free_locks"])}) for values in job["configurations"]
        ]
        traces = [f"{number}.weft" for number in job["timelines"]]
        return {"result": msgspec.to_builtins(predicted(configurations)), "traces": traces, "explanation": {}}


class Sequential:
    """joblib in one process."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def __call__(self, tasks: Any) -> Any:
        return (function(*args) for function, args in tasks)


@pytest.fixture
def joblib(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A joblib that does everything here, one after the other."""
    from contextlib import nullcontext

    module: Any = types.ModuleType("joblib")
    module.Parallel = Sequential
    module.delayed = lambda function: lambda *args: (function, args)
    module.parallel_config = lambda **_: nullcontext()
    monkeypatch.setitem(sys.modules, "joblib", module)
    return module


def test_one_process_gets_one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    children = Children(monkeypatch)
    found = sweeping.run(Sweep("f.py:main", [], CONFIGURATIONS, IDEAL, traces_in="/there", timelines=(3,)))
    (job,) = children.jobs
    assert job["configurations"][3]["params"] == {"workers": 2}
    assert job["explain"] == {"changes": "", "scale": {}, "prediction": None}
    assert (job["traces_in"], job["timelines"], found.traces) == ("/there", [3], ["3.weft"])
    assert found.prediction == replace(predicted(CONFIGURATIONS), seconds=found.prediction.seconds)


def test_several_measure_first_then_share_and_explain_the_whole(
    monkeypatch: pytest.MonkeyPatch, joblib: types.ModuleType
) -> None:
    children = Children(monkeypatch)
    told: list[tuple[int, int]] = []
    asked = Sweep("f.py:main", ["--fast"], CONFIGURATIONS, IDEAL, traces_in="/there", timelines=(4,), what_if="cores=8")
    found = sweeping.run(asked, workers=2, progress=lambda *now: told.append(now))
    first, *between, last = children.jobs
    assert [values["params"]["workers"] for values in first["configurations"]] == [1, 2, 13, 4], "once for each set"
    assert "explain" not in first
    assert len(between) == 4
    shared = [values for job in between for values in job["configurations"]]
    assert shared == asked.job(CONFIGURATIONS)["configurations"]
    assert all(job["tables_from"] and job["argv"] == ["--fast"] and job["timelines"] == [] for job in between)
    assert len(last["explain"]["prediction"]["runs"]) == len(found.prediction.runs) == 18
    assert (last["explain"]["changes"], last["timelines"], found.traces) == ("cores=8", [0], ["0.weft"])
    assert last["configurations"][0]["params"] == {"workers": 2}
    whole = predicted(CONFIGURATIONS)
    assert found.prediction.runs == whole.runs
    assert found.prediction.laws == whole.laws
    assert found.prediction.limits[-1].startswith("simulated in 2 processes, by what one measured before")
    assert told[-1] == (4, 4)


def test_of_a_large_sweep_a_few_are_drawn_for_beside_the_explanation(
    monkeypatch: pytest.MonkeyPatch, joblib: types.ModuleType
) -> None:
    children = Children(monkeypatch)

    def drawing(job: dict[str, Any], **limits: Any) -> dict[str, Any]:
        answer = children(job, **limits)
        if job.get("draws", True):
            for run in answer["result"]["runs"]:
                run["seconds_interval"] = (0.5 * run["seconds"], 2 * run["seconds"])
        return answer

    monkeypatch.setattr(sweeping, "run_job", drawing)
    large = sweep({"workers": [1, 2, 3, 4, 5]}, [1, 2, 3, 4, 5])
    runs = sweeping.run(
        Sweep("f.py:main", [], large, IDEAL, traces_in="/there", timelines=(24,)), workers=2
    ).prediction.runs
    first, *between, explained, fewest, most = children.jobs
    assert not any(job["draws"] for job in (first, *between, explained))
    drawn = [values for job in (fewest, most) for values in job["configurations"] if job.get("draws", True)]
    assert [(values["params"]["workers"], values["cores"]) for values in drawn] == [(1, 1), (5, 5)]
    assert explained["timelines"] == [0]
    with_interval = {(run.params["workers"], run.cores): run for run in runs if run.seconds_interval[0] < run.seconds}
    assert set(with_interval) == {(1, 1), (5, 5)}
    assert with_interval[1, 1].interval == (0.5, 2)
    assert with_interval[5, 5].interval == pytest.approx((2.5, 10))
    assert [run.speedup for run in runs] == [run.speedup for run in predicted(large).runs]


def test_one_configuration_is_not_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    children = Children(monkeypatch)
    sweeping.run(Sweep("f.py:main", [], CONFIGURATIONS[:1], IDEAL), workers=8)
    assert len(children.jobs) == 1


def test_an_error_in_a_share_is_the_errors_of_the_sweep(
    monkeypatch: pytest.MonkeyPatch, joblib: types.ModuleType
) -> None:
    children = Children(monkeypatch)

    def failing(job: dict[str, Any], **limits: Any) -> dict[str, Any]:
        if job.get("tables_from"):
            raise ChildError("the program failed in MainThread", 4)
        return children(job, **limits)

    monkeypatch.setattr(sweeping, "run_job", failing)
    with pytest.raises(ChildError, match="failed in MainThread") as caught:
        sweeping.run(Sweep("f.py:main", [], CONFIGURATIONS, IDEAL), workers=2)
    assert caught.value.code == 4


@pytest.mark.parametrize("yes", [True, False])
def test_a_yes_lifts_the_limit(monkeypatch: pytest.MonkeyPatch, yes: bool) -> None:
    children = Children(monkeypatch)
    sweeping.run(Sweep("f.py:main", [], CONFIGURATIONS, IDEAL), yes=yes)
    assert (children.jobs[0]["limit_s"] > sweeping.LIMIT_S) is yes


# What is not installed, or not there.


def without(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """From here on ``name`` is not installed."""
    real = sweeping.import_module

    def import_module(module: str) -> Any:
        if module.partition(".")[0] == name:
            raise ImportError(f"No module named {module!r}")
        return real(module)

    monkeypatch.setattr(sweeping, "import_module", import_module)


def test_without_joblib_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "joblib")
    with pytest.raises(SweepError, match=r"needs joblib.*pip install 'weft\[cluster\]'.*leave --workers out"):
        sweeping.run(Sweep("f.py:main", [], CONFIGURATIONS, IDEAL), workers=2)


def test_without_dask_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, joblib: types.ModuleType
) -> None:
    without(monkeypatch, "dask")
    with pytest.raises(SweepError, match=r"--cluster needs dask.*pip install 'weft\[cluster\]'.*--workers N"):
        sweeping.run(Sweep("f.py:main", [], CONFIGURATIONS, IDEAL), cluster="tcp://nowhere:8786")


class Client:
    """A Dask client with two workers of two threads; ``nowhere`` does not answer, ``empty`` has no workers."""

    def __init__(self, address: str, timeout: float) -> None:
        if "nowhere" in address:
            raise OSError(f"Timed out trying to connect to {address} after {timeout} s")
        self.address = address
        self.closed = False

    def nthreads(self) -> dict[str, int]:
        return {} if "empty" in self.address else {"one": 2, "two": 2}

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def dask(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed: Any = types.ModuleType("dask.distributed")
    distributed.Client = Client
    monkeypatch.setitem(sys.modules, "dask", types.ModuleType("dask"))
    monkeypatch.setitem(sys.modules, "dask.distributed", distributed)


@pytest.mark.usefixtures("dask", "joblib")
def test_a_cluster_gets_shares_for_all_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    children = Children(monkeypatch)
    found = sweeping.run(Sweep("f.py:main", [], CONFIGURATIONS, IDEAL), cluster="tcp://there:8786")
    assert len(children.jobs) == 1 + 8 + 1
    assert found.prediction.runs == predicted(CONFIGURATIONS).runs


@pytest.mark.usefixtures("dask", "joblib")
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tcp://nowhere:8786", "no Dask scheduler answers at tcp://nowhere:8786 .*dask scheduler"),
        ("tcp://empty:8786", "tcp://empty:8786 has no workers; start one with `dask worker"),
    ],
)
def test_a_cluster_that_is_not_there_is_said_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, address: str, message: str
) -> None:
    children = Children(monkeypatch)
    with pytest.raises(SweepError, match=message):
        sweeping.run(Sweep("f.py:main", [], CONFIGURATIONS, IDEAL), cluster=address)
    assert children.jobs == []


# For real.


@pytest.mark.slow
def test_two_processes_say_what_one_says(tmp_path: Path) -> None:
    source = """\
        import threading
        import weft
        def main(workers=2):
            lock = threading.Lock()
            def body():
                for _ in range(4):
                    weft.work(0.2, gil=False)
                    with lock:
                        weft.work(0.1, gil=False)
            threads = [threading.Thread(target=body) for _ in range(workers)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        """
    file = tmp_path / "pool.py"
    file.write_text(textwrap.dedent(source), encoding="utf-8")
    asked = Sweep(f"{file}:main", [], sweep({"workers": [1, 2, 4]}, [1, 2, 4], [False]), IDEAL, repeat=1)
    one, two = sweeping.run(asked), sweeping.run(asked, workers=2)
    assert [(run.params, run.cores) for run in two.prediction.runs] == [
        (run.params, run.cores) for run in one.prediction.runs
    ]
    for mine, other in zip(two.prediction.runs, one.prediction.runs, strict=True):
        assert mine.seconds == pytest.approx(other.seconds, rel=0.05)
    mine, other = two.explanation.attributions[0], one.explanation.attributions[0]
    assert mine.bottleneck.split(":")[0] == other.bottleneck.split(":")[0]
    assert [row.value for row in two.explanation.recommended] == [row.value for row in one.explanation.recommended]
