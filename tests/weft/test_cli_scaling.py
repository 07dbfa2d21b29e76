"""The commands about time, and the tour.

Simulated programs take minutes of virtual time, beside which what was measured of them on a busy machine does not show.
"""

from __future__ import annotations

import json

import pytest

from .conftest import Weft


def test_predict_says_two_rounds_for_the_executor(weft: Weft) -> None:
    options = ["--set", "workers=4", "--set", "tasks=8", "--set", "task_seconds=100", "--cores", "4", "--repeat", "1"]
    files = ["--json", "result.json", "--html", "report.html", "--perfetto", "run.json"]
    done = weft("predict", "weft.models.executor:run", *options, *files)
    assert (done.code, done.err) == (0, "")
    (run,) = weft.result()["runs"]
    assert run["params"] == {"workers": 4, "tasks": 8, "task_seconds": 100}
    assert (run["cores"], run["gil"]) == (4, True)
    assert run["seconds"] == pytest.approx(200, rel=0.01)
    assert sum(run["time_in"].values()) == pytest.approx(1.0, abs=0.02)
    assert "<svg" in (weft.folder / "report.html").read_text(encoding="utf-8")
    assert weft.result("run.json")["traceEvents"]
    assert max(len(line) for line in done.out.splitlines()) <= 80


def test_predict_sweeps_cores_gil_and_parameters(weft: Weft) -> None:
    weft.write(
        "f.py",
        "import weft, threading\ndef main(n=1):\n    for _ in range(n):\n        "
        "threading.Thread(target=weft.work, args=(50,)).start()\n",
    )
    options = ["--cores", "1,2", "--gil", "both", "--set", "n=1,2", "--repeat", "1", "--machine", "ideal"]
    result = json.loads(weft("predict", "f.py:main", *options, "--json", "-").out)
    seconds = {(run["params"]["n"], run["cores"], run["gil"]): run["seconds"] for run in result["runs"]}
    assert len(seconds) == 8
    assert seconds[2, 2, True] == pytest.approx(100, rel=0.02)
    assert seconds[2, 2, False] == pytest.approx(50, rel=0.02)
    assert seconds[2, 1, False] == pytest.approx(100, rel=0.02)


def test_predict_of_a_program_that_deadlocks_says_who_waits(weft: Weft) -> None:
    source = """\
        import threading
        ready = threading.Event()
        def main():
            ready.wait()
        """
    done = weft("predict", weft.write("waits.py", source) + ":main", "--repeat", "1")
    assert done.code == 4
    assert "MainThread" in done.out
    assert "ready" in done.out


def test_predict_of_a_program_that_fails(weft: Weft) -> None:
    done = weft("predict", weft.write("fails.py", "def main():\n    raise KeyError('lost')\n") + ":main")
    assert done.code == 4
    assert "KeyError" in done.err


@pytest.mark.slow
def test_record_of_a_deadlock_ends_by_itself_and_says_who_waits(weft: Weft) -> None:
    source = """\
        import threading
        locks = [threading.Lock(), threading.Lock()]
        meet = threading.Barrier(2)
        def work(number):
            with locks[number]:
                meet.wait()
                with locks[1 - number]:
                    pass
        for number in range(2):
            threading.Thread(target=work, args=(number,), name=f"worker-{number}").start()
        """
    done = weft(
        "record", weft.write("stuck.py", source), "--timeout", "5", "--perfetto", "run.json", "--html", "r.html"
    )
    assert done.code == 1
    for number in range(2):
        assert f"worker-{number} holds locks[{number}]" in done.message
        assert f"locks[{1 - number}]" in done.message
    assert weft.size("trace.weft") > 0
    assert weft.result("run.json")["traceEvents"]
    assert weft.size("r.html") > 0


@pytest.mark.slow
def test_record_of_a_good_program(weft: Weft) -> None:
    done = weft("record", weft.write("good.py", "import threading\nprint('hello')\nwith threading.Lock(): pass\n"))
    assert (done.code, done.out) == (0, "hello\n")
    assert weft.size("trace.weft") > 0
    assert weft("record", "good.py", "--quiet", "-o", "none/trace.weft").code == 2


@pytest.mark.slow
def test_validate_prints_and_keeps_prediction_measurement_interval_and_error(weft: Weft) -> None:
    size = ["--set", "task_seconds=0.05", "--set", "tasks=2", "--set", "workers=2"]
    done = weft("validate", "weft.models.executor:run", *size, "--repeat", "4", "--json", "result.json")
    assert done.code == 0
    (run,) = weft.result()["runs"]
    assert run["measured_seconds"] == pytest.approx(0.05, rel=0.5)
    low, high = run["measured_interval"]
    assert low <= run["measured_seconds"] <= high
    assert run["error"] == pytest.approx(run["seconds"] / run["measured_seconds"] - 1, abs=0.01)
    assert {"error_median", "error_max", "sign_right"} <= set(weft.result())
    samples = [sample["seconds"] for sample in run["samples"]]
    assert len(samples) >= 4
    assert min(samples) <= run["measured_seconds"] <= max(samples)
    for word in ("predicted, ms", "measured, ms", "error: median"):
        assert word in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    assert weft("validate", "weft.models.executor:run", *size, "--repeat", "2", "--max-error", "0", "-q").code == 1


@pytest.mark.slow
def test_calibrate_writes_a_profile_that_predict_takes(weft: Weft) -> None:
    done = weft("calibrate", "--seconds", "4", "-o", "here.json")
    assert done.code == 0
    assert "lock" in done.out
    target = ["weft.models.executor:run", "--set", "tasks=2", "--repeat", "1", "--cores", "1"]
    done = weft("predict", *target, "--machine", "here.json", "--json", "result.json")
    assert done.code == 0
    assert weft.result()["profile"] == "here"


@pytest.mark.slow
def test_the_tour(weft: Weft) -> None:
    done = weft("tour", "--no-open", "--html", "tour.html")
    assert (done.code, done.err) == (0, "")
    assert "D001 deadlock (confirmed)" in done.out
    assert "clean: " in done.out
    assert "tour.html" in done.out.splitlines()[-1]
    assert max(len(line) for line in done.out.splitlines() if not line.startswith("   $ weft")) <= 80
    report = (weft.folder / "tour.html").read_text(encoding="utf-8")
    assert "D001" in report
    assert len(report) < 1_000_000
    commands = [line.removeprefix("   $ weft ").split() for line in done.out.splitlines() if line.startswith("   $ ")]
    assert [command[0] for command in commands] == ["check", "check", "predict", "validate"]
    assert [weft(*command).code for command in commands[:2]] == [1, 0]


def test_the_tour_notices_a_missing_folder_first(weft: Weft) -> None:
    done = weft("tour", "--html", "none/tour.html")
    assert (done.code, done.out) == (2, "")
