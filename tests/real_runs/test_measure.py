"""Measurements: every sample a row, accidents included, in interleaved blocks whose order is repeatable."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from weft.real_runs import machine
from weft.real_runs import measure as module
from weft.real_runs.measure import Configuration, MeasureError, Sample, measure, not_measurable, sample_of
from weft.simcore.target import TargetError

Program = Callable[[str], str]


def test_a_trivial_workload(program: Program) -> None:
    target = program("import time\ndef main(ms=1):\n    time.sleep(ms / 1000)\n") + ":main"
    asked = [Configuration({"ms": 1}), Configuration({"ms": 8})]
    seen: list[tuple[int, int]] = []
    short, long = measure(target, asked, repeat=3, timeout_seconds=120, progress=lambda *step: seen.append(step))
    assert [short.configuration, long.configuration] == asked
    assert [sample.block for sample in short.samples][:3] == [0, 1, 2]  # more follow on a busy machine
    assert all(sample.status == "ok" and sample.threads == 1 for sample in short.samples + long.samples)
    assert min(short.seconds()) >= 0.001
    assert min(long.seconds()) >= 0.008
    assert seen[:7] == [(done, 8) for done in range(1, 8)]
    assert seen[-1][0] == seen[-1][1] >= 8


def test_blocks_are_interleaved_in_an_order_that_the_seed_repeats(program: Program, tmp_path: Path) -> None:
    log = tmp_path / "order.txt"
    target = program(f"def main(name):\n    print(name, end='', file=open({str(log)!r}, 'a'))\n") + ":main"
    orders: list[str] = []
    for seed in (5, 5, 6):
        log.write_text("")
        measure(target, [Configuration({"name": name}) for name in "abcd"], repeat=4, seed=seed, timeout_seconds=120)
        orders.append(log.read_text()[:20])  # a busy machine adds blocks
    blocks = [orders[0][start : start + 4] for start in range(0, 20, 4)]  # a warm-up and four
    assert all(sorted(block) == list("abcd") for block in blocks)
    assert len(set(blocks)) > 1
    assert orders[0] == orders[1] != orders[2]


def test_the_run_ends_with_its_last_thread_and_stays_on_its_cores(program: Program, tmp_path: Path) -> None:
    seen = tmp_path / "cores.txt"
    source = f"""
import os, threading, time
def late():
    time.sleep(0.01)
    open({str(seen)!r}, "w").write(str(len(os.sched_getaffinity(0))))
def main():
    threading.Thread(target=late).start()
"""
    (result,) = measure(program(source) + ":main", [Configuration(cores=1)], repeat=1, timeout_seconds=120)
    assert result.seconds()[0] >= 0.01
    assert result.samples[0].threads == 2
    assert seen.read_text() == "1"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("raise ValueError('no good')", "failed", "ValueError: no good"),
        ("import sys; sys.exit(3)", "failed", "sys.exit(3)"),
        ("import os; os._exit(7)", "crashed", "exit code 7"),
        ("import os; os.kill(os.getpid(), 11)", "crashed", "SIGSEGV"),
        ("import threading; threading.Event().wait()", "timeout", "0.3 s"),
        ("[None for _ in iter(int, 1)]", "timeout", "0.3 s"),
    ],
)
def test_what_goes_wrong_is_a_row(program: Program, body: str, status: str, message: str) -> None:
    target = program(f"def main(): {body}\n") + ":main"
    (result,) = measure(target, [Configuration()], repeat=1, timeout_seconds=0.3 if status == "timeout" else 120)
    assert [sample.status for sample in result.samples] == [status, status]  # the warm-up and the run
    assert message in result.samples[0].message
    assert message in result.trouble()
    assert result.seconds() == []


def test_one_bad_run_does_not_spoil_the_others(program: Program, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    source = f"""
import os
def main():
    with open({str(marks)!r}, "a") as file:
        file.write("x")
    if os.path.getsize({str(marks)!r}) == 3:
        os._exit(1)
"""
    (result,) = measure(program(source) + ":main", [Configuration()], repeat=4, timeout_seconds=120)
    assert [sample.status for sample in result.samples][:4] == ["ok", "crashed", "ok", "ok"]
    assert "1 of " in result.trouble()
    assert "runs crashed" in result.trouble()


def test_a_program_that_never_works_is_given_up(program: Program) -> None:
    (result,) = measure(program("def main(): 1 / 0\n") + ":main", [Configuration()], repeat=50, timeout_seconds=120)
    assert len(result.samples) == 3


def test_threads_left_over_do_not_meet_the_next_run(program: Program) -> None:
    source = """
import threading
def main():
    assert threading.active_count() == 1, threading.enumerate()
    threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
    (result,) = measure(program(source) + ":main", [Configuration()], repeat=3, timeout_seconds=120)
    assert {sample.status for sample in result.samples} == {"ok"}


def test_a_pool_that_is_never_shut_down_does_not_hang(program: Program) -> None:
    source = """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
def main():
    pool.submit(int).result()
"""
    (result,) = measure(program(source) + ":main", [Configuration()], repeat=2, timeout_seconds=120)
    assert {sample.status for sample in result.samples} == {"ok"}


def test_scripts_and_their_arguments(program: Program) -> None:
    target = program("import sys\nassert sys.argv[1:] == ['x'], sys.argv\nprint('not to be seen')\n")
    (result,) = measure(target, [Configuration()], repeat=1, timeout_seconds=120, argv=["x"])
    assert result.trouble() == ""


@pytest.mark.slow
def test_others_on_the_same_core_are_noticed(program: Program) -> None:
    """A process that computes on the core of the measured one makes its thread wait, which the kernel counts."""
    target = program(
        "import time\ndef main():\n    end = time.process_time() + 0.05\n    while time.process_time() < end: pass\n"
    )
    core = machine.available_cores()[0]
    busy = f"import os\nos.sched_setaffinity(0, [{core}])\nprint('busy', flush=True)\nwhile True: pass"
    hog = subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE)
    assert hog.stdout is not None
    try:
        assert hog.stdout.readline()
        (result,) = measure(target + ":main", [Configuration(cores=1)], repeat=3, timeout_seconds=120)
    finally:
        hog.kill()
        hog.wait()
        hog.stdout.close()
    assert len(result.samples) == 6  # three more blocks, in the hope of better times
    delays = [sample.run_delay_seconds for sample in result.samples]
    assert all(delay is not None and delay > 0.01 for delay in delays)
    assert all(sample.disturbed for sample in result.samples)
    assert result.clean_seconds() == []


ANSWER: dict[str, Any] = {"wall_ns": 10**9, "cpu_ns": 10**9, "run_delay_ns": 0, "others_ns": None, "threads": 3}


def test_an_answer_becomes_a_sample_in_seconds() -> None:
    answer = {
        **ANSWER,
        "run_delay_ns": 5_000_000,
        "others_ns": 20_000_000,
        "stolen_ns": 0,
        "runnable_others": 1,
        "spent_ns": {"running": 600, "ready": 100, "waiting": 300},
    }
    sample = sample_of(4, answer, Configuration(cores=2))
    assert (sample.block, sample.status, sample.seconds, sample.cpu_seconds) == (4, "ok", 1.0, 1.0)
    assert (sample.run_delay_seconds, sample.others_seconds, sample.stolen_seconds) == (0.005, 0.02, 0.0)
    assert (sample.threads, sample.runnable_others, sample.disturbed, sample.why) == (3, 1, False, [])
    assert sample.time_in == {"running": 0.6, "ready": 0.1, "waiting": 0.3}


@pytest.mark.parametrize(
    ("changed", "cores", "busy", "disturbed"),
    [
        ({}, 2, None, False),
        ({"run_delay_ns": 50_000_000}, 2, None, True),
        ({"run_delay_ns": 50_000_000, "threads": 9}, 2, None, None),
        ({"run_delay_ns": 50_000_000, "threads": 9}, 2, 2, True),
        ({"run_delay_ns": 50_000_000}, 2, 3, None),
        ({"run_delay_ns": None}, 2, None, None),
    ],
)
def test_run_delay_tells_while_every_busy_thread_has_a_core(
    changed: dict[str, Any], cores: int, busy: int | None, disturbed: bool | None
) -> None:
    assert sample_of(0, {**ANSWER, **changed}, Configuration(cores=cores, busy_threads=busy)).disturbed is disturbed


def test_what_disturbed_a_run_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    answer = {**ANSWER, "run_delay_ns": 100_000_000, "others_ns": 10**9, "stolen_ns": 30_000_000, "runnable_others": 9}
    why = sample_of(0, answer, Configuration(cores=2)).why
    assert why == [
        "waited for a processor 5.0 % of the time",
        "the host took 1.5 % of the processors",
        "others used 1.0 processors",
        "9 threads of others were ready to run",
    ]


def run(status: str = "ok", disturbed: bool = False) -> Sample:
    return Sample(0, cast(Any, status), seconds=1.0 if status == "ok" else None, disturbed=disturbed)


@pytest.mark.parametrize(
    ("samples", "short"),
    [
        ([run()] * 10, False),
        ([run()] * 10 + [run(disturbed=True)] * 10, False),
        ([run()] * 10 + [run(disturbed=True)] * 11, True),
        ([run()] * 9 + [run(disturbed=True)], True),
        ([run()] * 4, False),
        ([run("failed")] * 20, False),
        ([], False),
    ],
)
def test_further_blocks_are_for_those_that_were_disturbed(samples: list[Sample], short: bool) -> None:
    assert module._short_of_clean(samples, 10) is short


class FakeWorkers:
    """Stands for the child processes: each run is disturbed or not as listed, then never again."""

    def __init__(self, disturbed: list[bool]) -> None:
        self.disturbed = disturbed
        self.commands: list[dict[str, Any]] = []

    def __enter__(self) -> FakeWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, command: dict[str, Any], gil: bool) -> dict[str, Any]:
        self.commands.append(command)
        bad = self.disturbed.pop(0) if self.disturbed else False
        return {**ANSWER, "others_ns": 10**9 if bad else 0}


@pytest.mark.parametrize(("disturbed", "runs"), [([], 4), ([True] * 3, 7), ([True] * 99, 8)])
def test_blocks_are_added_until_enough_are_clean(
    monkeypatch: pytest.MonkeyPatch, disturbed: list[bool], runs: int
) -> None:
    workers = FakeWorkers([False, *disturbed])  # the warm-up first
    monkeypatch.setattr(module, "Workers", lambda *_: workers)
    (result,) = measure("t", [Configuration({"a": 1}, pinned=True)], repeat=4)
    assert len(result.samples) == runs
    assert len(workers.commands) == runs + 1
    assert workers.commands[0] == {"parameters": {"a": 1}, "cores": machine.available_cores()[:1], "pinned": True}


@pytest.mark.slow
def test_threads_are_pinned_in_the_order_they_start(program: Program, tmp_path: Path) -> None:
    seen = tmp_path / "cores.txt"
    source = f"""
import os, threading
def body(number):
    with open({str(seen)!r}, "a") as file:
        file.write(f"{{number}}:{{sorted(os.sched_getaffinity(0))}};")
def main():
    for number in range(3):
        thread = threading.Thread(target=body, args=(number,))
        thread.start()
        thread.join()
"""
    cores = machine.available_cores()[:2]
    for pinned in (False, True):
        seen.unlink(missing_ok=True)
        configuration = Configuration(cores=len(cores), pinned=pinned)
        (result,) = measure(program(source) + ":main", [configuration], repeat=1, timeout_seconds=120)
        expected = [[cores[number % len(cores)]] if pinned else cores for number in range(3)]
        once = "".join(f"{number}:{places};" for number, places in enumerate(expected))
        assert seen.read_text() == once * (1 + len(result.samples))


def test_the_kernel_says_where_the_time_went(program: Program) -> None:
    source = """
import threading, time
def main():
    threads = [threading.Thread(target=time.sleep, args=(0.05,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""
    (result,) = measure(program(source) + ":main", [Configuration()], repeat=1, timeout_seconds=120)
    time_in = result.samples[0].time_in
    assert time_in is not None
    assert sum(time_in.values()) == pytest.approx(1, abs=1e-4)
    assert time_in["waiting"] > time_in["running"]


def test_what_this_machine_cannot_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_cores", lambda: [0, 3])
    monkeypatch.setattr(module, "gil_enabled", lambda: True)
    monkeypatch.setattr(module, "gil_optional", lambda: False)
    assert not_measurable(Configuration(cores=2)) == ""
    assert "2 cores" in not_measurable(Configuration(cores=3))
    assert "free-threading build" in not_measurable(Configuration(gil=False))
    monkeypatch.setattr(module, "gil_optional", lambda: True)
    assert not_measurable(Configuration(gil=False)) == ""


def test_bad_input(program: Program) -> None:
    target = program("def main(count=1): pass\n")
    with pytest.raises(MeasureError, match="repeat is 0"):
        measure(target, [Configuration()], repeat=0)
    with pytest.raises(MeasureError, match="time limit of a run"):
        measure(target, [Configuration()], timeout_seconds=-1)
    with pytest.raises(MeasureError, match="cores=4096"):
        measure(target, [Configuration(cores=4096)])
    with pytest.raises(TargetError, match="no function 'mian'"):
        measure(target + ":mian", [Configuration()])
    with pytest.raises(TargetError, match="it takes count"):
        measure(target + ":main", [Configuration({"size": 1})])
    with pytest.raises(TargetError, match="no such file"):
        measure("nowhere.py", [Configuration()])


def test_samples_of_failed_runs_hold_no_numbers() -> None:
    sample = Sample(1, "failed", message="x")
    assert (sample.seconds, sample.cpu_seconds, sample.run_delay_seconds) == (None, None, None)


def test_blocks_in_which_the_machine_changed_its_pace_are_disturbed(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second configuration tells the pace: too slow in blocks 1 and 2, too fast in block 3, unknown in block 4."""
    paces: dict[int, float | None] = {-1: 1.0, 0: 1.09, 1: 1.2, 2: 1.5, 3: 0.8, 4: None}
    asked: list[tuple[int, str]] = []

    def one_run(_: object, configuration: Configuration, __: object, block: int, ___: object) -> Sample:
        name = configuration.params["name"]
        asked.append((block, name))
        pace = paces.get(block, 1.0)
        if pace is None and name == "alone":
            return Sample(block, "crashed", message="gone")
        return Sample(block, "ok", seconds=0.2, cpu_seconds=0.2 * (pace or 1), disturbed=False)

    monkeypatch.setattr(module, "_one_run", one_run)
    configurations = [Configuration({"name": name}) for name in ("several", "alone")]
    target = program("def main(name): pass\n") + ":main"
    reference = module.Reference(1, 0.2)
    several, alone = measure(target, configurations, repeat=5, reference=reference)
    assert [sample.disturbed for sample in several.samples[:5]] == [False, True, True, True, False]
    assert several.samples[1].why == [
        "the machine's pace: one worker alone took 1.20 times the processor time that it took before"
    ]
    assert [sample.disturbed for sample in alone.samples[:4]] == [False, True, True, True]
    assert (5, "alone") in asked, "where more blocks are run, the pace is told, too"
    assert not several.samples[5].disturbed


def test_the_pace_is_not_judged_without_numbers() -> None:
    assert module.off_pace(0.0, 1.0) == module.off_pace(1.0, 0.0) == ""
    assert module.off_pace(1.0, 1.09) == module.off_pace(1.09, 1.0) == ""
    assert "0.50 times" in module.off_pace(0.5, 1.0)
