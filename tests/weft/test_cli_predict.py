"""``weft predict``: what holds a program back, what-ifs, sweeps that take long, and everything that is refused."""

from __future__ import annotations

import json

import pytest

from .conftest import Weft

POOL = """\
    import threading
    import weft

    class Optimizer:
        def __init__(self):
            self.lock = threading.Lock()

    def step(optimizer):
        weft.work(0.1, gil=False)
        with optimizer.lock:
            weft.work(0.1, gil=False)

    def main(workers=2, rounds=12, pause=0.0):
        optimizer = Optimizer()
        def worker(first):
            for _ in range(first, rounds, workers):
                step(optimizer)
        threads = [threading.Thread(target=worker, args=(index,)) for index in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    """
QUICK = ["--machine", "ideal", "--repeat", "1", "--gil", "off"]


def test_predict_says_what_holds_back_how_many_are_enough_and_what_changes_gain(weft: Weft) -> None:
    target = weft.write("pool.py", POOL) + ":main"
    sweep = ["--set", "workers=1,2,4", "--cores", "1,2,4", *QUICK]
    changes = "lock:Optimizer.lock,scale:step=0.5,cores=8,workers=3,gil=on"
    done = weft("predict", target, *sweep, "--what-if", changes, "--json", "result.json")
    assert (done.code, done.err) == (0, "")
    text = " ".join(done.out.split())
    assert "bottleneck with workers=" in text
    assert "critical path with workers=" in text
    assert "recommended on 4 cores, GIL off: 2 workers: 1.8x; a third gains " in text
    assert "what if, with workers=" in text
    assert "seconds by the laws, GIL off:" in text
    assert max(map(len, done.out.splitlines())) <= 80
    result = weft.result()
    assert [row["change"] for row in result["what_if"]] == ["as it is", *changes.split(","), "all of these"]
    gains = {row["change"]: row["gain"] for row in result["what_if"]}
    assert gains["scale:step=0.5"] == pytest.approx(2, rel=0.05)
    assert gains["lock:Optimizer.lock"] >= 1
    assert gains["gil=on"] == pytest.approx(1, rel=0.05)
    assert set(result["laws"]) == {"amdahl", "usl", "gustafson", "threads", "critical_path", "published"}
    (attribution,) = result["attributions"]
    assert sum(part["share"] for part in attribution["path"]) == pytest.approx(1, abs=0.05)
    (recommended,) = result["recommended"]
    assert (recommended["parameter"], recommended["value"]) == ("workers", 2)


def test_a_scaled_function_takes_that_much_less_everywhere(weft: Weft) -> None:
    target = weft.write("pool.py", POOL) + ":main"
    options = [target, "--set", "workers=1", "--cores", "1", *QUICK, "--json", "-"]
    (whole,) = json.loads(weft("predict", *options).out)["runs"]
    (half,) = json.loads(weft("predict", *options, "--scale", "step=0.5").out)["runs"]
    assert whole["seconds"] == pytest.approx(2.4, rel=0.02)
    assert half["seconds"] == pytest.approx(1.2, rel=0.02)
    assert half["scale"] == {"step": 0.5}


def test_slow_cores_are_slow(weft: Weft) -> None:
    target = weft.write("pool.py", POOL) + ":main"
    options = [target, "--set", "workers=1", "--cores", "1", *QUICK, "--json", "-"]
    (run,) = json.loads(weft("predict", *options, "--core-speeds", "0.5").out)["runs"]
    assert run["seconds"] == pytest.approx(4.8, rel=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cores", "0"], "0 is too small; it must be 1 or more"),
        (["--cores", "1.5"], "'1.5' is not a whole number"),
        (["--cores", "-1"], "-1 is too small"),
        (["--core-speeds", "1,0"], "0 is no speed; it must be above 0"),
        (["--core-speeds", "-1"], "-1 is no speed"),
        (["--core-speeds", "fast"], "'fast' is not a number"),
        (["--core-speeds", "nan"], "nan is no speed"),
        (["--scale", "step"], "must be NAME=FACTOR"),
        (["--scale", "step=-1"], "the factor is -1; it must be 0 or more"),
        (["--scale", "step=1", "--scale", "step=2"], "--scale step is given twice"),
        (["--what-if", "cores=0"], "must be a whole number, 1 or more"),
        (["--what-if", "faster"], "'faster' is no change"),
        (["--workers", "0"], "0 is not in the range"),
        (["--machine", "abacus"], "abacus"),
        (["--cluster", "tcp://127.0.0.1:1", "--cores", "1,2"], "dask"),
    ],
)
def test_bad_options_are_one_message_and_exit_2_before_anything_runs(
    weft: Weft, options: list[str], message: str
) -> None:
    target = weft.write("never.py", "open('ran.txt', 'w')\ndef main(): raise SystemExit\n") + ":main"
    done = weft("predict", target, *options)
    assert (done.code, done.out) == (2, "")
    assert message.lower() in done.message.lower()
    assert "Traceback" not in done.err
    assert not (weft.folder / "ran.txt").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scale", "stepp=0.5"], "no function, library call or line is called 'stepp'; did you mean 'step'?"),
        (["--what-if", "scale:nothing=0.5"], "is called 'nothing'; seen: "),
        (["--what-if", "lock:nobody"], "no lock is called 'nobody'; seen: Optimizer.lock (pool.py:6)"),
        (["--what-if", "lanes=3"], "it takes workers, rounds, pause"),
        (["--set", "lanes=3"], "it takes workers, rounds, pause"),
    ],
)
def test_unknown_names_say_what_was_seen(weft: Weft, options: list[str], message: str) -> None:
    target = weft.write("pool.py", POOL) + ":main"
    done = weft("predict", target, "--cores", "1", *QUICK, *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.message
    assert len(done.err.splitlines()) == 1


def test_a_target_that_ends_at_once_has_nothing_to_predict(weft: Weft) -> None:
    done = weft("predict", weft.write("f.py", "def main(): pass\n") + ":main", "--machine", "ideal")
    assert (done.code, done.out) == (2, "")
    assert "f.py:main ends at once" in done.message
    assert "--set" in done.message


def test_a_long_sweep_is_estimated_and_asks_for_a_yes(weft: Weft) -> None:
    """Runs of some milliseconds, so many that they would take hours; stopped after the first few."""
    target = weft.write("pool.py", POOL) + ":main"
    many = ",".join(str(number) for number in range(1, 3000))
    done = weft("predict", target, "--cores", "1,2", "--set", f"rounds={many}", "--repeat", "2000", limit_s=60)
    assert (done.code, done.out) == (2, "")
    assert "the sweep would take about " in done.message
    assert "5998 configurations" in done.message
    assert "--yes" in done.message


@pytest.mark.slow
def test_workers_share_a_sweep_and_say_so(weft: Weft) -> None:
    target = weft.write("pool.py", POOL) + ":main"
    options = [target, "--set", "workers=1,2,4", "--cores", "1,2,4", *QUICK, "--json", "result.json"]
    done = weft("predict", *options, "--workers", "2", "--html", "report.html", "--what-if", "cores=8")
    assert (done.code, done.err) == (0, "")
    result = weft.result()
    assert len(result["runs"]) == 9
    assert result["limits"][-1].startswith("simulated in 2 processes")
    assert [row["change"] for row in result["what_if"]] == ["as it is", "cores=8"]
    assert result["recommended"][0]["value"] == 2
    seconds = {(run["params"]["workers"], run["cores"]): run["seconds"] for run in result["runs"]}
    assert seconds[1, 1] == pytest.approx(2.4, rel=0.02)
    assert seconds[2, 2] == pytest.approx(1.3, rel=0.02)
    assert weft.size("report.html") > 0
