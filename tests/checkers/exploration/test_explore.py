"""The driver: budgets, what it says of what it did not see, how programs end, and what it refuses."""

from __future__ import annotations

import concurrent.futures
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from weft.checkers.exploration.explore import STRATEGIES, Budget, Exploration, explore, record_problems
from weft.models import dining
from weft.simcore.explored import POLLS_IN_A_ROW, Outcome
from weft.simcore.trace import Header

EVERYTHING = Budget(keep_going=True)
Program = Callable[[], None]


def rules(program: Program, exploration: Exploration, budget: Budget = EVERYTHING) -> set[str]:
    rows = record_problems(program, exploration, Header("test", "explored"), budget=budget)
    return {finding.rule for finding, _, _ in rows}


def started(*works: Callable[[], object], daemon: bool = False) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, daemon=daemon) for work in works]
    for thread in threads:
        thread.start()
    return threads


def contended(threads: int, times: int) -> Program:
    def program() -> None:
        lock = threading.Lock()

        def work() -> None:
            for _ in range(times):
                with lock:
                    pass

        for thread in started(*[work] * threads):
            thread.join()

    return program


# Budgets.


def test_executions_are_bounded() -> None:
    result = explore(contended(3, 2), "dpor", Budget(max_executions=10))
    assert result.executions == 10
    assert not result.exhaustive
    assert "stopped after 10 executions (--max-executions)" in result.limits


def test_the_last_execution_of_all_is_not_a_bound() -> None:
    result = explore(contended(3, 2), "dpor", Budget(max_executions=90))
    assert result.executions == 90
    assert result.exhaustive
    assert result.limits == []


def test_time_is_bounded() -> None:
    result = explore(contended(4, 3), "dpor", Budget(max_seconds=0.05))
    assert not result.exhaustive
    assert result.executions > 0
    assert "stopped after 0.05 s (--max-seconds)" in result.limits


def test_steps_are_bounded() -> None:
    result = explore(contended(2, 50), "dpor", Budget(max_steps=20, max_executions=5))
    assert not result.exhaustive
    assert "executions longer than 20 steps were cut off (--max-steps)" in result.limits
    assert not result.problems, "work was done to the end: no livelock"


def test_after_a_finding_a_bounded_number_of_executions_follows() -> None:
    """By count, not by time: the same seed must give the same result."""

    def program() -> None:
        contended(4, 2)()
        assert threading.active_count() > 100

    result = explore(program, "dpor", Budget())
    assert result.executions == 1001
    assert not result.exhaustive
    assert result.limits == ["stopped 1000 executions after the first finding (--keep-going explores on)"]


def test_keep_going_explores_everything() -> None:
    result = explore(lambda: _ignore(dining.deadlocking(philosophers=4)), "dpor", EVERYTHING)
    assert (result.executions, result.exhaustive) == (15, True)


def _ignore(_: object) -> None:
    return


def test_progress_is_reported_while_exploring() -> None:
    seen: list[int] = []
    result = explore(contended(3, 3), "dpor", EVERYTHING, progress=lambda now: seen.append(now.executions))
    assert result.executions == 1680
    assert seen == sorted(seen)
    assert 0 < seen[-1] <= 1680


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_only_an_enumeration_is_exhaustive(strategy: str) -> None:
    result = explore(contended(2, 1), strategy, Budget(max_executions=2))
    assert result.exhaustive == (strategy == "dpor")
    assert bool(result.limits) == (strategy != "dpor")


# Polling and waiting.


def test_polling_is_bounded_and_says_so() -> None:
    def program() -> None:
        ready = threading.Event()
        (thread,) = started(ready.set)
        while not ready.is_set():
            time.sleep(0.1)
        thread.join()

    result = explore(program, "dpor", EVERYTHING)
    assert not result.problems
    assert not result.exhaustive
    assert any(f"{POLLS_IN_A_ROW} times in a row" in limit for limit in result.limits)


def test_a_loop_that_sleeps_and_ends_is_no_livelock() -> None:
    def program() -> None:
        for _ in range(30):
            time.sleep(1)

    result = explore(program, "dpor", EVERYTHING)
    assert not result.problems


def test_a_wait_for_a_deadline_ends() -> None:
    def program() -> None:
        end = time.monotonic() + 3600
        while time.monotonic() < end:
            pass

    assert not explore(program, "dpor", Budget(keep_going=True, stall_s=5)).problems


def test_a_loop_of_timed_waits_for_something_that_never_comes_is_a_livelock() -> None:
    def program() -> None:
        never = threading.Event()
        while not never.wait(1):
            pass

    budget = Budget(keep_going=True, max_steps=200)
    result = explore(program, "dpor", budget)
    assert rules(program, result, budget) == {"L001"}
    assert not result.exhaustive


def test_try_locks_that_back_off_for_ever_are_a_livelock() -> None:
    def program() -> None:
        one, two = threading.Lock(), threading.Lock()

        def work(first: threading.Lock, second: threading.Lock) -> None:
            while True:
                with first:
                    if second.acquire(blocking=False):
                        second.release()

        started(lambda: work(one, two), lambda: work(two, one))

    budget = Budget(keep_going=True, max_steps=300, max_executions=5)
    assert rules(program, explore(program, "dpor", budget), budget) == {"L001"}


def test_cut_off_work_that_goes_on_is_no_livelock() -> None:
    def program() -> None:
        items: queue.Queue[int] = queue.Queue()
        started(lambda: [items.put(number) for number in range(1000)])
        for _ in range(1000):
            items.get()

    budget = Budget(keep_going=True, max_steps=300, max_executions=3)
    assert not explore(program, "dpor", budget).problems


# How a program ends.


def test_a_daemon_may_wait_for_ever() -> None:
    def program() -> None:
        started(queue.Queue().get, daemon=True)

    result = explore(program, "dpor", EVERYTHING)
    assert result.exhaustive
    assert not result.problems


def test_a_daemon_that_loops_for_ever_ends_with_the_program() -> None:
    def program() -> None:
        stop = threading.Event()

        def loop() -> None:
            while not stop.is_set():
                time.sleep(1)

        started(loop, daemon=True)

    result = explore(program, "dpor", EVERYTHING)
    assert not result.problems


def test_a_thread_that_waits_for_ever_keeps_the_program_from_ending() -> None:
    def program() -> None:
        started(queue.Queue().get)

    result = explore(program, "dpor", EVERYTHING)
    assert rules(program, result) == {"D003"}


def test_a_pool_that_nobody_shut_down_ends_with_the_interpreter() -> None:
    done: list[int] = []

    def program() -> None:
        done.clear()
        pool = concurrent.futures.ThreadPoolExecutor(2)
        for number in range(2):
            pool.submit(done.append, number)

    result = explore(program, "dpor", EVERYTHING)
    assert result.exhaustive
    assert not result.problems
    assert sorted(done) == [0, 1], "what was submitted is done before the interpreter ends"


@pytest.mark.parametrize("argument", [None, 0, 3, "words"])
def test_sys_exit_ends_the_main_thread_only(argument: object) -> None:
    ended: list[str] = []

    def program() -> None:
        ended.clear()
        started(lambda: ended.append("thread"))
        sys.exit(argument)  # type: ignore[arg-type]

    result = explore(program, "dpor", EVERYTHING)
    assert not result.problems
    assert ended == ["thread"], "the interpreter waits for threads that are no daemons"


def test_sys_exit_in_a_thread_ends_that_thread() -> None:
    assert not explore(lambda: _ignore([thread.join() for thread in started(sys.exit)]), "dpor", EVERYTHING).problems


def test_failures_have_rules_by_kind() -> None:
    def raises() -> None:
        for thread in started(lambda: {}["key"]):
            thread.join()

    def asserts() -> None:
        number = 1
        assert number == 2

    assert rules(raises, explore(raises, "dpor", EVERYTHING)) == {"E001"}
    assert rules(asserts, explore(asserts, "dpor", EVERYTHING)) == {"E002"}


def test_a_deadlock_and_a_failure_of_one_program_are_both_found() -> None:
    def program() -> None:
        lock = threading.Lock()
        taken = lock.acquire(blocking=False)
        thread = threading.Thread(target=lock.release if taken else int)
        thread.start()
        with lock:
            pass
        thread.join()
        assert not taken

    assert rules(program, explore(program, "dpor", EVERYTHING)) == {"E002"}


# What is refused.


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a socket": (socket.socket, "opens a socket"),
    "a child process": (lambda: subprocess.run(["true"], check=False), "starts a child process"),
    "a shell": (lambda: os.system("true"), "runs a shell command"),
    "a fork": (os.fork, "forks the process"),
    "the keyboard": (input, "reads from the keyboard"),
}


@pytest.mark.parametrize(("call", "what"), REFUSED.values(), ids=REFUSED)
def test_what_no_world_can_simulate_is_refused_with_its_place(call: Callable[[], object], what: str) -> None:
    result = explore(lambda: _ignore(call()), "dpor", EVERYTHING)
    assert result.executions == 0
    assert result.gave_up.startswith(f"the program {what}")
    assert " at test_explore.py:" in result.gave_up


def test_a_refusal_that_the_program_catches_is_still_one() -> None:
    def program() -> None:
        try:
            os.system("true")
        except BaseException:
            return

    assert "runs a shell command" in explore(program, "dpor", EVERYTHING).gave_up


def test_a_refusal_in_some_schedules_only_leaves_the_rest_explored() -> None:
    """The first schedules are good; a later one opens a socket: that one is named, the others count."""

    def program() -> None:
        ready = threading.Event()
        threads = started(ready.set, lambda: None if ready.is_set() else socket.socket())
        for thread in threads:
            thread.join()

    result = explore(program, "dpor", EVERYTHING)
    if result.gave_up:
        assert "opens a socket" in result.gave_up
    else:
        assert result.executions >= 1
        assert not result.exhaustive
        assert any("opens a socket" in limit for limit in result.limits)


@pytest.mark.timeout(0)  # pytest-timeout uses the alarm, and then the watchdog leaves it alone
def test_an_endless_loop_is_stopped_by_the_watchdog() -> None:
    def program() -> None:
        while True:
            pass

    result = explore(program, "dpor", Budget(stall_s=0.2))
    assert result.executions == 0
    assert "ran for 0.2 s at test_explore.py:" in result.gave_up
    assert "endless loop" in result.gave_up
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL, "the watchdog is gone"


def test_outcomes_are_what_the_problems_say() -> None:
    result = explore(lambda: _ignore(dining.deadlocking(philosophers=2)), "dpor", EVERYTHING)
    (problem,) = result.problems.values()
    assert problem.outcome is Outcome.DEADLOCK
    assert problem.switches < len(problem.schedule)
    assert result.seen == {problem.signature: 1}
