"""Priority inversions and starvation in ``weft predict``: found, told in the text and the JSON, and cured.

What decides here lasts far longer than anything that is measured, so that a busy machine changes nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import weft
from weft.checking import FunctionTarget
from weft.predict_text import render
from weft.predicting import predict_target
from weft.simcore.prediction import Prediction, sweep
from weft.simcore.profile import IDEAL


def inverted(medium: float = 1) -> None:
    lock = threading.Lock()

    def low() -> None:
        weft.priority(1)
        with lock:
            weft.work(1, gil=False)
        weft.work(2, gil=False)

    def high() -> None:
        weft.priority(3)
        time.sleep(0.2)
        with lock:
            pass

    def between() -> None:
        weft.priority(2)
        time.sleep(0.4)
        weft.work(medium, gil=False)

    weft.priority(9)
    threads = [threading.Thread(target=body, name=body.__name__) for body in (low, high, between)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def predicted(cores: list[int]) -> Prediction:
    return weft.predict(inverted, cores=cores, gil=[False], machine="ideal", repeat=1)


def test_an_inversion_is_listed_with_its_configuration() -> None:
    result = predicted([1, 2])
    (observed,) = result.observed
    assert (observed.cores, observed.gil) == (1, False)
    (finding,) = observed.findings  # that low had no core is not said twice
    assert finding["rule"] == "P001"
    assert "kept low from running" in finding["message"]
    assert [run.prioritised for run in result.runs] == [True, True]
    assert json.loads(result.json())["observed"][0]["findings"][0]["rule"] == "P001"
    text = render(result)
    assert "P001 priority-inversion (observed) with 1 core, GIL off:" in text
    assert max(len(line) for line in text.split("\n")) <= 80


def test_enough_cores_list_nothing() -> None:
    result = predicted([2])
    assert result.observed == []
    assert "P001" not in render(result)


def hogged() -> None:
    """An important thread hardly leaves the only core."""

    def important() -> None:
        weft.priority(2)
        for _ in range(40):
            weft.work(1, gil=False)
            time.sleep(0)

    def modest() -> None:
        weft.priority(1)
        weft.work(0.1, gil=False)

    weft.priority(9)
    threads = [threading.Thread(target=body, name=body.__name__) for body in (important, modest)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_thread_without_a_core_is_listed() -> None:
    (observed,) = weft.predict(hogged, cores=[1, 2], gil=[False], machine="ideal", repeat=1).observed
    (finding,) = observed.findings
    assert (observed.cores, finding["rule"]) == (1, "L002")
    assert finding["message"].startswith("modest was ready for ")


def greedy(pause: float = 0.0) -> None:
    """No priorities: one thread gives the lock up and takes it again at once.

    On one core nobody can be faster: the other one is woken, but not given the core before the lock is taken again.
    """
    lock = threading.Lock()

    def collector() -> None:
        for _ in range(200):
            with lock:
                time.sleep(0.1)
            if pause:
                time.sleep(pause)

    def reporter() -> None:
        time.sleep(0.05)
        for _ in range(3):
            with lock:
                pass

    threads = [threading.Thread(target=body, name=body.__name__) for body in (collector, reporter)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_thread_that_never_gets_the_lock_is_listed_without_priorities() -> None:
    prediction = weft.predict(greedy, cores=[1], repeat=1)
    (observed,) = prediction.observed
    assert [finding["rule"] for finding in observed.findings] == ["L002"]
    assert observed.findings[0]["message"].startswith("reporter waited")
    (run,) = prediction.runs
    assert not run.prioritised
    assert run.lock_wait_max > 0.9
    assert "L002 starvation (observed) with 1 core" in render(prediction)


def test_a_lock_that_is_free_for_a_while_starves_nobody() -> None:
    prediction = weft.predict(greedy, cores=[1], repeat=1, pause=0.05)
    assert prediction.observed == []
    assert prediction.runs[0].lock_wait_max < 0.1


def test_inheritance_takes_the_inversion_away() -> None:
    target = FunctionTarget(inverted)
    configurations = sweep({}, [1], [False])
    with_it = predict_target(target, configurations, profile=IDEAL, repeat=1, seed=0, inheritance=True)
    without = predict_target(target, configurations, profile=IDEAL, repeat=1, seed=0)
    assert [observed.findings[0]["rule"] for observed in without.observed] == ["P001"]
    assert with_it.observed == []
    assert weft.predict(inverted, cores=[1], gil=[False], machine="ideal", repeat=1, inheritance=True).observed == []


def test_a_program_in_a_child_process(tmp_path: Path) -> None:
    source = Path(__file__).read_text(encoding="utf-8").split("def inverted")[1].split("\n\n\n")[0]
    program = tmp_path / "prog.py"
    program.write_text(f"import threading\nimport time\n\nimport weft\n\n\ndef inverted{source}\n", encoding="utf-8")
    result = weft.predict(f"{program}:inverted", cores=[1], gil=[False], machine="ideal", repeat=1)
    assert [finding["rule"] for observed in result.observed for finding in observed.findings] == ["P001"]
    command = [sys.executable, "-m", "weft", "predict", f"{program}:inverted", "--inheritance", "--json", "-"]
    command += ["--cores", "1", "--gil", "off", "--repeat", "1", "--machine", "ideal"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=240)
    assert json.loads(done.stdout)["observed"] == []
