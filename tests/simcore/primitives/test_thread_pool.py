"""``multiprocessing.pool.ThreadPool`` in a world: every schedule, its threads and their ends, and what stays refused.

CPython's own tests of it run in tests/cpython (``test_thread_pool``).
"""

from __future__ import annotations

import gc
import os
import threading
import time
import warnings
from multiprocessing.dummy import Pool
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pytest

from weft.checkers.finding import Result
from weft.checking import check
from weft.options import Options
from weft.simcore.explored import Outcome
from weft.simcore.primitives import thread_pool
from weft.simcore.profile import IDEAL
from weft.simcore.takeover import takeover
from weft.simcore.target import parse_target
from weft.simcore.timed import TimedWorld


def test_its_threads_are_those_of_cpython_but_for_the_one_that_looks_after_dead_workers(run) -> None:
    def program() -> list[str]:
        with ThreadPool(2):
            return [thread.name for thread in threading.enumerate()]

    assert run(program).value == [
        *("MainThread", "Thread-1 (worker)", "Thread-2 (worker)"),
        *("Thread-3 (_handle_tasks)", "Thread-4 (_handle_results)"),
    ]


def test_it_is_as_large_as_cpythons(run) -> None:
    def size() -> int:
        with ThreadPool() as pool:
            return len(pool._pool)

    assert run(size).value == getattr(os, "process_cpu_count", os.cpu_count)()


def test_a_job_passes_through_both_helpers(run) -> None:
    def program() -> int:
        pool = ThreadPool(1)
        eight = pool.apply(pow, (2, 3))
        pool.close()
        return eight

    ran = run(program)
    assert ran.value == 8
    steps = [step for step in ran.steps if not step.endswith((" begin", " start"))]
    worker, tasks, results = "Thread-1 (worker)", "Thread-2 (_handle_tasks)", "Thread-3 (_handle_results)"
    assert steps[: steps.index("MainThread end") + 1] == [
        "MainThread look at the pool",
        "MainThread SimpleQueue.put",
        f"{tasks} SimpleQueue.get",
        f"{tasks} look at the pool",
        f"{tasks} SimpleQueue.put",
        f"{worker} SimpleQueue.get",
        f"{worker} SimpleQueue.put",
        f"{results} SimpleQueue.get",
        f"{results} look at the pool",
        f"{results} Event.set",
        f"{results} job done",
        "MainThread Event.wait",
        "MainThread Event.is_set",
        "MainThread close",
        "MainThread SimpleQueue.put",
        "MainThread end",
    ]


def test_results_are_in_order_whoever_was_faster(explore_many) -> None:
    def program() -> tuple[int, ...]:
        with ThreadPool(2) as pool:
            return tuple(pool.map(abs, [-1, -2]))

    assert explore_many(program) == {(1, 2)}


def test_results_come_in_any_order(explore_many) -> None:
    def program() -> tuple[int, ...]:
        with ThreadPool(2) as pool:
            return tuple(pool.imap_unordered(abs, [-1, -2]))

    assert explore_many(program) == {(1, 2), (2, 1)}


def test_closing_races_with_a_job_of_another_thread(explore_many, notes, together, raised) -> None:
    def program() -> str:
        pool, note = ThreadPool(1), notes()

        def submit() -> None:
            note(raised(lambda: pool.apply_async(int)).partition(" <")[0])

        def close() -> None:
            pool.close()
            pool.join()

        together(a=submit, b=close)
        return note.all()

    assert explore_many(program) == {"a: returned", "a: ValueError: Pool not running"}


def test_terminating_drops_what_no_worker_has_taken(explore_many) -> None:
    def program() -> bool:
        pool = ThreadPool(1)
        job = pool.apply_async(int)
        pool.terminate()
        pool.join()
        return job.ready()

    assert explore_many(program) == {True, False}


def test_a_failing_callback_ends_the_thread_that_hands_results_back(run) -> None:
    """As in CPython: nobody gets a result after that, and terminating the pool says so."""

    def fail(_: int) -> None:
        raise LookupError("no such callback")

    def program() -> str:
        pool = ThreadPool(1)
        job = pool.apply_async(int, callback=fail)
        pool._result_handler.join()
        try:
            pool.terminate()
        except AssertionError as error:
            return f"{job.ready()}: {error}"
        return "ended"

    ran = run(program)
    assert ran.value == "False: Cannot have cache with result_hander not alive"
    assert [(thread.name, repr(thread.failure[0])) for thread in ran.execution.failures] == [
        ("Thread-3 (_handle_results)", "LookupError('no such callback')")
    ]


def test_waiting_in_a_pool_for_its_own_queue_starves_it(run) -> None:
    def program() -> None:
        pool = ThreadPool(1)
        pool.apply(lambda: pool.apply(int))

    ran = run(program)
    assert ran.outcome is Outcome.DEADLOCK
    assert "Thread-1 (worker)" in ran.details


def test_a_subclass_and_the_pool_of_dummy_are_simulated_too(run) -> None:
    class Own(ThreadPool):
        def twice(self, number: int) -> int:
            return self.apply(pow, (2, number))

    def program() -> tuple[int, list[int]]:
        with Own(1) as own, Pool(1) as other:
            return own.twice(3), other.map(abs, [-1])

    ran = run(program)
    assert ran.value == (8, [1])
    assert "MainThread look at the pool" in ran.steps


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ThreadPool(0), "ValueError: Number of processes must be at least 1"),
        (lambda: ThreadPool(1, initializer=3), "TypeError: initializer must be a callable"),
        (lambda: ThreadPool(1).join(), "ValueError: Pool is still running"),
        (lambda: closed().apply(int), "ValueError: Pool not running"),
        (lambda: closed().__enter__(), "ValueError: Pool not running"),
        (lambda: closed().close(), "returned None"),
        (lambda: closed().join(), "returned None"),
        (lambda: closed().terminate(), "returned None"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed running multiprocessing pool:ResourceWarning")
def test_misuse_says_what_cpython_says(run, raised, call, says: str) -> None:
    assert run(lambda: raised(call)).value == says


def closed() -> ThreadPool:
    pool = ThreadPool(1)
    pool.close()
    return pool


def test_one_that_is_forgotten_is_complained_of_and_one_that_a_run_leaves_open_is_not(run) -> None:
    def program() -> ThreadPool:
        with pytest.warns(ResourceWarning, match="unclosed running multiprocessing pool .*state=RUN"):
            ThreadPool(1)
        return ThreadPool(1)

    left = run(program).value
    assert repr(left).endswith("state=RUN pool_size=1>")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        del left
        gc.collect()
    assert seen == []


def test_rounds_take_their_time_in_the_timed_world() -> None:
    def program() -> None:
        pool = ThreadPool(2)
        assert pool.map(time.sleep, [1, 1, 1, 1], chunksize=1) == [None] * 4
        pool.close()
        pool.join()

    with takeover():
        result = TimedWorld(cores=1, profile=IDEAL, measure=False).run(program)
    assert (result.completed, result.makespan_ns) == (True, 2_000_000_000)


def test_one_made_before_the_run_is_refused_by_name(run) -> None:
    made: ThreadPool = object.__new__(ThreadPool)  # a real one has threads of its own, which would go on meanwhile
    made._state = "CLOSE"
    refusal = run(lambda: made.apply(int)).execution.refusal
    assert refusal.startswith("the program uses a ThreadPool that was made before it at test_thread_pool.py:")


def test_outside_it_is_the_real_one() -> None:
    before = ThreadPool.__init__
    with takeover():
        assert ThreadPool.__init__ is thread_pool.init
        with ThreadPool(1) as pool:
            assert pool.map(abs, [-1]) == [1]
            assert hasattr(pool, "_worker_handler")
        pool.join()
        del pool
        gc.collect()
    assert ThreadPool.__init__ is before


def checked(tmp_path: Path, program: str) -> Result:
    path = tmp_path / "program.py"
    path.write_text(program)
    target = parse_target(str(path))
    target.prepare()
    try:
        return check(target, {}, Options(save=False)).result
    finally:
        target.close()


def test_a_pool_of_processes_is_refused_and_this_one_named_instead(tmp_path: Path) -> None:
    with pytest.raises(
        Exception, match=r"makes a pool of processes \(multiprocessing.Pool\) at program.py:2.*ThreadPool"
    ):
        checked(tmp_path, "import multiprocessing\nmultiprocessing.Pool(2)\n")
