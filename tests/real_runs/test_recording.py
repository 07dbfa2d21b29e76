"""``record``: programs in a child process, whatever they do: end, fail, block for ever, be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import weft
from weft.real_runs.children import Child
from weft.real_runs.recording import RecorderFault, RecordError, Recording, blocked_threads, record
from weft.simcore.target import TargetError
from weft.simcore.trace import Op, load

from .conftest import assert_true_order

Program = Callable[[str], str]
ROOT = Path(weft.__path__[0]).resolve().parent

WELL = """
import sys, threading

class Account:
    def __init__(self, balance):
        self.balance = balance
        self.lock = threading.Lock()

accounts = [Account(10), Account(20)]

def deposit(account, amount):
    with account.lock:
        account.balance += amount

def main(count=3):
    threads = [threading.Thread(target=deposit, args=(accounts[i % 2], i), name=f"clerk-{i}") for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(accounts[0].balance, accounts[1].balance)
    print("a word", file=sys.stderr)
"""

DEADLOCK = """
import threading

def main():
    first, second = threading.Lock(), threading.Lock()
    meet = threading.Barrier(2)

    def take(mine, other):
        with mine:
            meet.wait()
            with other:
                pass

    one = threading.Thread(target=take, args=(first, second), name="one")
    two = threading.Thread(target=take, args=(second, first), name="two")
    one.start(), two.start()
    one.join(), two.join()
"""


LIMIT_S = 120.0
"""Longer than any of these programs runs on any machine, unless it is about to be stopped."""


def recorded(target: str, tmp_path: Path, **options: object) -> Recording:
    return record(target, output=tmp_path / "trace.weft", timeout_seconds=LIMIT_S, quiet=True, **options)  # pyright: ignore[reportArgumentType]


def test_a_program_that_ends(program: Program, tmp_path: Path) -> None:
    result = recorded(program(WELL) + ":main", tmp_path, parameters={"count": 4}, version="9.9")
    assert (result.status, result.exit_code, result.threads) == ("finished", 0, [])
    trace = load(result.path)
    assert trace.note == ""
    assert (trace.header.world, trace.header.weft, trace.header.parameters) == ("real", "9.9", {"count": 4})
    assert [row.name for row in trace.tables.threads] == ["MainThread", *(f"clerk-{index}" for index in range(4))]
    assert [row.name for row in trace.tables.objects if row.kind == "Lock"] == ["accounts[0].lock", "accounts[1].lock"]
    assert sum(event.operation is Op.ACQUIRE for event in trace) == 4
    assert_true_order(trace)


def test_the_programs_streams_and_exit_code_are_its_own(
    program: Program, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = program(WELL + "\nif __name__ == '__main__':\n    main()\n    sys.exit(len(sys.argv))\n")
    result = record(target, output=tmp_path / "trace.weft", timeout_seconds=LIMIT_S, argv=["a", "b"])
    assert (result.status, result.exit_code) == ("finished", 3)
    assert capfd.readouterr() == ("12 21\n", "a word\n")


def test_threads_that_outlive_the_main_one_are_recorded_to_their_end(program: Program, tmp_path: Path) -> None:
    source = """
import threading
go = threading.Event()
threading.Thread(target=lambda: go.wait() and threading.Lock().acquire(), name="late").start()
go.set()
"""
    trace = recorded(program(source), tmp_path).trace
    ends = [trace.thread_name(event.thread) for event in trace if event.operation is Op.END]
    assert sorted(ends) == ["MainThread", "late"]


def test_json_lines(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    result = record(program(WELL) + ":main", output=path, timeout_seconds=LIMIT_S, quiet=True)
    assert len(load(path)) == len(result.trace)
    assert [entry.name for entry in tmp_path.iterdir() if "trace" in entry.name] == ["trace.jsonl"]


def test_an_uncaught_exception(program: Program, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = program("def main():\n    raise KeyError('lost')\n") + ":main"
    result = record(target, output=tmp_path / "trace.weft", timeout_seconds=LIMIT_S)
    assert (result.status, result.exit_code) == ("failed", 1)
    assert "KeyError: 'lost'" in result.message
    failure = next(event for event in result.trace if event.operation is Op.FAIL)
    assert result.trace.at(failure.location) == "program.py:2"
    printed = capfd.readouterr().err
    assert "program.py" in printed
    assert "real_runs" not in printed


@pytest.mark.slow
def test_a_real_deadlock_is_a_result(program: Program, tmp_path: Path) -> None:
    """It is told from the threads' own states long before the time limit."""
    begin = time.monotonic()
    result = recorded(program(DEADLOCK) + ":main", tmp_path)
    assert time.monotonic() - begin < LIMIT_S / 2
    assert result.status == "deadlock"
    states = {state.name: state for state in result.threads}
    assert [hold.object for hold in states["one"].holds] == ["first"]
    wait = states["one"].waits
    assert wait is not None
    assert (wait.object, wait.operation, wait.at, wait.detail) == ("second", "acquire", "program.py:11", "held by two")
    assert states["MainThread"].waits is not None
    assert "one holds first (program.py:9), wants second" in result.message
    assert blocked_threads(load(result.path)) == result.threads
    assert_true_order(result.trace)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "wants"),
    [
        ("queue.Queue().get()", "Queue.get"),
        ("queue.Queue().join() or q.join()", "Queue.join"),
        ("threading.Event().wait()", "Event.wait"),
        ("futures.Future().result()", "Future.result"),
        ("condition.acquire(); condition.wait()", "Condition.wait"),
        ("threading.Barrier(2).wait()", "Barrier.wait"),
        ("pool.submit(lambda: pool.submit(int).result()).result()", "Future.result"),
    ],
)
def test_every_way_to_block_for_ever(program: Program, tmp_path: Path, body: str, wants: str) -> None:
    source = (
        "import queue, threading\nfrom concurrent import futures\nq = queue.Queue(); q.put(1)\n"
        f"condition = threading.Condition()\npool = futures.ThreadPoolExecutor(1)\n{body}\n"
    )
    result = recorded(program(source), tmp_path)
    assert result.status == "deadlock", result.message
    waits = [state.waits for state in result.threads]
    assert any(wait is not None and wait.operation == wants and wait.at == "program.py:6" for wait in waits)


@pytest.mark.slow
def test_busy_until_the_time_limit(program: Program, tmp_path: Path) -> None:
    """Also in code that never lets another thread run: the parent stops it."""
    target = program("import threading\nlock = threading.Lock()\nlock.acquire()\nwhile True: pass\n")
    result = record(target, output=tmp_path / "trace.weft", timeout_seconds=3, quiet=True)
    assert result.status == "timeout"
    assert "limit of 3 s" in result.message
    assert any(event.operation is Op.ACQUIRE for event in result.trace)


@pytest.mark.slow
def test_a_timed_wait_is_not_taken_for_a_deadlock(program: Program, tmp_path: Path) -> None:
    result = recorded(program("import threading\nthreading.Event().wait(1.2)\n"), tmp_path)
    assert result.status == "finished"


@pytest.mark.slow
def test_a_program_that_kills_itself(program: Program, tmp_path: Path) -> None:
    # After several flushes: what is only in memory goes with the process.
    source = f"""
import os, threading, time
threading.Lock().acquire()
size = os.path.getsize({str(tmp_path / "trace.weft.part")!r})
while os.path.getsize({str(tmp_path / "trace.weft.part")!r}) < size + 1000:
    time.sleep(0.001)
os.kill(os.getpid(), 9)
"""
    result = recorded(program(source), tmp_path)
    assert result.status == "killed"
    assert "SIGKILL" in result.message
    assert any(event.operation is Op.ACQUIRE for event in load(result.path))


def test_a_forked_child_does_not_write_into_the_trace(program: Program, tmp_path: Path) -> None:
    source = """
import os, sys, threading
lock = threading.Lock()
child = os.fork()
with lock:
    pass
if child:
    os.waitpid(child, 0)
"""
    result = recorded(program(source), tmp_path)
    assert result.status == "finished"
    assert sum(event.operation is Op.ACQUIRE for event in result.trace) == 1


@pytest.mark.slow
def test_the_file_of_a_killed_child_is_read_up_to_its_last_chunk(program: Program, tmp_path: Path) -> None:
    target = program("import threading, time\nlock = threading.Lock()\nwhile True:\n    with lock: time.sleep(0.001)\n")
    path = tmp_path / "trace.weft"
    job = {
        "kind": "record",
        "target": target,
        "parameters": {},
        "output": str(path),
        "timeout_seconds": 60,
        "weft": "",
    }
    with Child(job, stdout=subprocess.DEVNULL) as child:
        deadline = time.monotonic() + LIMIT_S
        while not path.exists() or path.stat().st_size < 20_000:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(child.process.pid, signal.SIGKILL)
        child.wait(LIMIT_S)
    trace = load(path)
    assert "cut short" in trace.note
    assert len(trace) > 100
    assert {event.operation for event in trace} >= {Op.ACQUIRE, Op.RELEASE, Op.SLEEP}


@pytest.mark.parametrize(
    ("target", "parameters", "message"),
    [
        ("nowhere.py", {}, "no such file"),
        ("{program}:missing", {}, "no function 'missing'"),
        ("{program}:main", {"wrong": 1}, "cannot be called so"),
    ],
)
def test_bad_targets(
    program: Program, tmp_path: Path, target: str, parameters: dict[str, object], message: str
) -> None:
    (tmp_path / "trace.weft").write_text("of an earlier run")
    with pytest.raises(TargetError, match=message):
        recorded(target.format(program=program(WELL)), tmp_path, parameters=parameters)
    assert (tmp_path / "trace.weft").read_text() == "of an earlier run"
    assert not (tmp_path / "trace.weft.part").exists()


def test_bad_outputs_and_limits(program: Program, tmp_path: Path) -> None:
    target = program(WELL)
    with pytest.raises(RecordError, match=r"cannot write .*missing/trace\.weft\.part: No such file"):
        record(target, output=tmp_path / "missing" / "trace.weft")
    with pytest.raises(RecordError, match="more than 0"):
        record(target, output=tmp_path / "trace.weft", timeout_seconds=0)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["Accesses.install", "Recorder.start_writer", "Recorder.final_names"])
def test_a_fault_of_ours_is_not_the_end_of_the_program(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Before the program, and after it: a ``sitecustomize`` breaks our own code in the child."""
    module = "accesses" if where.startswith("Accesses") else "log"
    owner, name = where.split(".")
    (tmp_path / "sitecustomize.py").write_text(
        f"import weft.real_runs.{module} as broken\n\n\ndef fail(*_):\n    raise ValueError('broken on purpose')\n\n\n"
        f"broken.{owner}.{name} = fail\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    with pytest.raises(RecorderFault, match="broken on purpose"):
        recorded(program("print('hello')\n"), tmp_path, accesses=True)
    assert not (tmp_path / "trace.weft.part").exists()
