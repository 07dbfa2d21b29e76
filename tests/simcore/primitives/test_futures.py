"""Futures and pools: every outcome of small programs, workers, shutdown, and CPython's errors and messages."""

from __future__ import annotations

import concurrent.futures as cf
import logging
import threading

import pytest

from weft.simcore.explored import Outcome
from weft.simcore.primitives import futures
from weft.simcore.world import Uncontrollable


@pytest.fixture(autouse=True)
def quiet() -> object:
    """CPython logs failing callbacks and initializers, and so do we; not into the test's output."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def outcome_of(future: cf.Future) -> object:
    try:
        return future.result()
    except cf.CancelledError:
        return "cancelled"


def test_a_pool_is_as_large_as_cpythons(run) -> None:
    """From CPython 3.13 on it is the processors of this process that count, not those of the machine."""
    expected = futures.RealThreadPoolExecutor()._max_workers
    assert run(lambda: cf.ThreadPoolExecutor()._max_workers).value == expected


def test_a_task_takes_four_steps(run) -> None:
    def program() -> int:
        pool = cf.ThreadPoolExecutor(1)
        return pool.submit(pow, 2, 3).result()

    ran = run(program)
    assert ran.value == 8
    worker = "ThreadPoolExecutor-0_0"
    assert ran.steps == [
        "MainThread begin",
        "MainThread submit",
        "MainThread start",
        f"{worker} begin",
        f"{worker} take a task",
        f"{worker} Future.set_result",
        "MainThread Future.result",
        f"{worker} take a task",
        f"{worker} end",
        "MainThread end",
    ]


def test_pools_and_workers_are_numbered_from_0_in_every_execution(run) -> None:
    def program() -> list[str]:
        def name() -> str:
            return threading.current_thread().name

        with cf.ThreadPoolExecutor(1) as first, cf.ThreadPoolExecutor(1) as second:
            third = cf.ThreadPoolExecutor(1, thread_name_prefix="mine")
            return [pool.submit(name).result() for pool in (second, first, third)]

    expected = ["ThreadPoolExecutor-1_0", "ThreadPoolExecutor-0_0", "mine_0"]
    assert run(program).value == expected
    assert run(program).value == expected


def test_a_second_worker_starts_only_when_none_is_idle(explore) -> None:
    def program() -> int:
        with cf.ThreadPoolExecutor(2) as pool:
            pool.submit(int)
            pool.submit(int)
        return pool._started

    assert explore(program) == {1, 2}


def test_an_idle_worker_is_used_again(run) -> None:
    def program() -> int:
        with cf.ThreadPoolExecutor(2) as pool:
            pool.submit(int).result()
            pool.submit(int).result()
        return pool._started

    assert run(program).value == 1


def test_a_callback_that_submits_finds_its_own_worker_busy(explore) -> None:
    def program() -> int:
        done = threading.Event()
        with cf.ThreadPoolExecutor(2) as pool:
            gate = threading.Event()
            future = pool.submit(gate.wait)
            future.add_done_callback(lambda _: (pool.submit(int).result(), done.set()))
            gate.set()
            done.wait()
        return pool._started

    assert explore(program) == {2}


def test_waiting_in_a_pool_for_its_own_queue_starves_it(run) -> None:
    pools = []

    def program() -> None:
        pool = cf.ThreadPoolExecutor(1)
        pools.append(pool)
        pool.submit(lambda: pool.submit(int).result()).result()

    ran = run(program)
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.details == {
        "MainThread": "running in ThreadPoolExecutor-0_0",
        "ThreadPoolExecutor-0_0": "queued, 1 of 1 workers busy",
    }
    (pool,) = pools
    (worker,) = pool.workers
    queued = worker.pending.target
    assert queued.pool is pool
    assert queued.worker is None
    assert worker.pending.wakers() == [worker]
    assert worker.system


def test_a_queued_task_is_cancelled_or_runs(explore) -> None:
    def program() -> tuple[bool, object]:
        with cf.ThreadPoolExecutor(1) as pool:
            pool.submit(int)
            second = pool.submit(lambda: 2)
            return second.cancel(), outcome_of(second)

    assert explore(program) == {(True, "cancelled"), (False, 2)}


def test_a_future_of_the_programs_own(explore, together, notes, raised) -> None:
    def program() -> str:
        future, note = cf.Future(), notes()
        together(
            a=lambda: note(raised(lambda: future.set_result(1))),
            b=lambda: note(future.cancel()),
            c=lambda: note(future.done()),
        )
        return note.all()

    late = "InvalidStateError: CANCELLED: <Future at 0x1 state=cancelled>"  # the address: number 1 of the program
    assert explore(program) == {
        f"a: {a}, b: {b}, c: {c}" for a, b in (("returned None", False), (late, True)) for c in (False, True)
    }


def test_a_callback_runs_in_the_setter_or_at_once(explore, together, notes) -> None:
    def program() -> str:
        future, note = cf.Future(), notes()
        together(a=lambda: future.set_result(1), b=lambda: future.add_done_callback(lambda done: note(done.result())))
        return note.all()

    assert explore(program) == {"a: 1", "b: 1"}


def test_a_timed_result_is_there_or_not(explore, raised) -> None:
    def program() -> str:
        with cf.ThreadPoolExecutor(1) as pool:
            return raised(lambda: pool.submit(int).result(timeout=1))

    assert explore(program) == {"returned 0", "TimeoutError: "}


def test_first_completed(explore) -> None:
    def program() -> tuple[tuple[int, ...], int]:
        with cf.ThreadPoolExecutor(2) as pool:
            tasks = [pool.submit(lambda number=number: number) for number in range(2)]
            done, rest = cf.wait(tasks, return_when=cf.FIRST_COMPLETED)
            return tuple(sorted(future.result() for future in done)), len(rest)

    assert explore(program) == {((0,), 1), ((1,), 1), ((0, 1), 0)}


def test_first_exception(explore) -> None:
    def program() -> tuple[int, int]:
        pool = cf.ThreadPoolExecutor(1)
        tasks = [pool.submit(int), pool.submit(int, "x"), pool.submit(int)]
        done, rest = cf.wait(tasks, return_when=cf.FIRST_EXCEPTION)
        return len(done), len(rest)

    assert explore(program) == {(2, 1), (3, 0)}


def test_all_completed(explore) -> None:
    def program() -> tuple[int, int, int]:
        with cf.ThreadPoolExecutor(1) as pool:
            tasks = [pool.submit(int), pool.submit(int)]
            done, rest = cf.wait(tasks, timeout=1)
            everything, nothing = cf.wait(tasks)
            return len(done), len(done) + len(rest), len(everything) - len(nothing)

    assert explore(program) == {(0, 2, 2), (1, 2, 2), (2, 2, 2)}


def test_as_completed_gives_the_order_of_completion(explore) -> None:
    def program() -> tuple[int, ...]:
        with cf.ThreadPoolExecutor(2) as pool:
            tasks = [pool.submit(lambda number=number: number) for number in range(2)]
            return tuple(future.result() for future in cf.as_completed(tasks))

    assert explore(program) == {(0, 1), (1, 0)}


def test_as_completed_gives_up(run, raised) -> None:
    def program() -> str:
        return raised(lambda: list(cf.as_completed([cf.Future(), cf.Future()], timeout=0)))

    assert run(program).value == raised(lambda: list(cf.as_completed([cf.Future(), cf.Future()], timeout=0)))


def test_who_waits_for_several_says_how_many(run) -> None:
    ran = run(lambda: cf.wait([cf.Future(), cf.Future()]))
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.details == {"MainThread": "2 of 2 futures unfinished"}


def test_a_future_cancelled_out_of_the_queue_never_counts_as_done(run) -> None:
    """As in CPython: ``wait`` counts a cancelled future only when a worker has seen it."""

    def program() -> None:
        gate = threading.Event()
        pool = cf.ThreadPoolExecutor(1)
        pool.submit(gate.wait)
        queued = pool.submit(int)
        pool.shutdown(wait=False, cancel_futures=True)
        gate.set()
        cf.wait([queued])

    assert run(program).outcome is Outcome.DEADLOCK


def test_map_keeps_the_order_and_raises_in_place(explore, raised) -> None:
    def program() -> str:
        with cf.ThreadPoolExecutor(2) as pool:
            results = pool.map(lambda a, b: a // b, [4, 6], [2, 0])
            return f"{next(results)}, {raised(lambda: next(results))}"

    assert explore(program) == {"2, ZeroDivisionError: integer division or modulo by zero"}


def test_map_gives_up_and_cancels_the_rest(run, raised) -> None:
    def program() -> str:
        gate = threading.Event()
        pool = cf.ThreadPoolExecutor(1)
        told = raised(lambda: list(pool.map(lambda _: gate.wait(), range(2), timeout=0)))
        gate.set()
        return told

    assert run(program).value.startswith("TimeoutError")


def test_shutdown_cancels_what_no_worker_has_taken(explore) -> None:
    def program() -> tuple[object, ...]:
        pool = cf.ThreadPoolExecutor(1)
        tasks = [pool.submit(lambda number=number: number) for number in range(2)]
        pool.shutdown(cancel_futures=True)
        return tuple(outcome_of(task) for task in tasks)

    assert explore(program) == {("cancelled", "cancelled"), (0, "cancelled"), (0, 1)}


def test_shutdown_races_with_submit(explore, together, notes, raised) -> None:
    def program() -> str:
        pool, note = cf.ThreadPoolExecutor(1), notes()
        together(a=lambda: note(raised(lambda: pool.submit(int).result())), b=pool.shutdown)
        return note.all()

    assert explore(program) == {
        "a: returned 0",
        "a: RuntimeError: cannot schedule new futures after shutdown",
    }


def test_idle_workers_end_with_the_program(run) -> None:
    def program() -> None:
        pool = cf.ThreadPoolExecutor(2)
        pool.submit(int).result()

    ran = run(program)
    assert ran.outcome is Outcome.COMPLETED
    assert all(thread.terminated for thread in ran.world.threads)


def test_a_submit_after_the_main_function_is_refused(run) -> None:
    told = []

    def program() -> None:
        gate = threading.Event()
        pool = cf.ThreadPoolExecutor(1)

        def submit() -> None:
            gate.wait()
            try:
                pool.submit(int)
            except RuntimeError as error:
                told.append(str(error))

        threading.Thread(target=submit).start()
        gate.set()

    assert run(program).outcome is Outcome.COMPLETED
    assert told == ["cannot schedule new futures after interpreter shutdown"]


def test_the_initializer_runs_in_each_worker(run) -> None:
    def program() -> list[str]:
        data = threading.local()

        def set_up(value: str) -> None:
            data.value = value

        with cf.ThreadPoolExecutor(1, initializer=set_up, initargs=("ready",)) as pool:
            return pool.submit(lambda: data.value).result()

    assert run(program).value == "ready"


def test_a_failing_initializer_breaks_the_pool(explore, raised) -> None:
    def program() -> tuple[str, str]:
        pool = cf.ThreadPoolExecutor(1, initializer=int, initargs=("x",))
        first = raised(pool.submit(int).result)
        return first, raised(lambda: pool.submit(int))

    broken = "BrokenThreadPool: A thread initializer failed, the thread pool is not usable anymore"
    assert explore(program) == {(broken, broken)}


def test_sets_of_futures_are_walked_in_the_same_order_in_every_execution(run) -> None:
    def program() -> list[int]:
        made = [cf.Future() for _ in range(50)]
        return [made.index(future) for future in set(made)]

    keep = [object() for _ in range(1000)]
    first = run(program).value
    del keep
    assert run(program).value == first


def finished(make) -> cf.Future:
    future = make()
    future.set_result(1)
    return future


def cancelled(make) -> cf.Future:
    future = make()
    future.cancel()
    return future


CALLS = {
    "no time": lambda make: make().result(0),
    "no time for the exception": lambda make: make().exception(timeout=-1),
    "result": lambda make: (finished(make).result(), finished(make).exception(), finished(make).done()),
    "set twice": lambda make: finished(make).set_exception(KeyError()),
    "cancelled": lambda make: cancelled(make).result(),
    "cancelled exception": lambda make: cancelled(make).exception(),
    "cancelled state": lambda make: (cancelled(make).cancelled(), cancelled(make).done(), cancelled(make).cancel()),
    "finished cannot be cancelled": lambda make: finished(make).cancel(),
    "running": lambda make: [future := make(), future.set_running_or_notify_cancel(), future.running()][1:],
    "running cannot be cancelled": lambda make: [
        future := make(),
        future.set_running_or_notify_cancel(),
        future.cancel(),
    ][1:],
    "run twice": lambda make: [future := make(), *(future.set_running_or_notify_cancel() for _ in range(2))],
    "notified": lambda make: cancelled(make).set_running_or_notify_cancel(),
    "failing callback": lambda make: finished(make).add_done_callback(lambda _: 1 // 0),
    "callbacks in order": lambda make: [
        seen := [],
        future := make(),
        future.add_done_callback(lambda _: seen.append(1)),
        future.add_done_callback(lambda _: seen.append(2)),
        future.set_result(0),
    ][0],
    "raises": lambda make: [future := make(), future.set_exception(KeyError("k")), future.result()],
    "bad condition": lambda make: cf.wait([make()], return_when="SOME"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_future_as_cpython(run, raised, call) -> None:
    def told(make) -> str:
        return raised(lambda: call(make)).split(" at 0x")[0].split(" state=")[0]

    expected = told(futures.RealFuture)
    assert run(lambda: told(futures.Future)).value == expected
    assert told(futures.Future) == expected


POOL_CALLS = {
    "no workers": lambda make: make(0),
    "not callable": lambda make: make(1, initializer=3),
    "after shutdown": lambda make: [pool := make(1), pool.shutdown(), pool.submit(int)],
    "twice shut down": lambda make: [pool := make(1), pool.shutdown(), pool.shutdown()][1:],
    "map": lambda make: list(make(2).map(pow, [2, 3], [3, 2])),
}


@pytest.mark.parametrize("call", POOL_CALLS.values(), ids=POOL_CALLS)
def test_a_pool_as_cpython(run, raised, call) -> None:
    expected = raised(lambda: call(futures.RealThreadPoolExecutor))
    assert run(lambda: raised(lambda: call(cf.ThreadPoolExecutor))).value == expected
    assert raised(lambda: call(futures.ThreadPoolExecutor)) == expected


def test_outside_they_are_the_real_things() -> None:
    with futures.ThreadPoolExecutor(2) as pool:
        assert isinstance(pool, futures.RealThreadPoolExecutor)
        tasks = [pool.submit(pow, number, 2) for number in range(5)]
        done, rest = futures.wait(tasks, timeout=120)
        assert {task.result() for task in done} == {0, 1, 4, 9, 16}
        assert not rest
        assert len(list(futures.as_completed(tasks, timeout=120))) == 5
    own = futures.Future()
    assert isinstance(own, futures.RealFuture)
    own.set_result(3)
    assert own.result(timeout=120) == 3
    assert own in {own}


def test_born_inside_they_work_outside(run) -> None:
    def program() -> tuple[cf.Future, cf.Future, cf.ThreadPoolExecutor]:
        finished_one = cf.Future()
        finished_one.set_result("inside")
        return finished_one, cf.Future(), cf.ThreadPoolExecutor(1)

    with_result, pending, pool = run(program).value
    assert with_result.result(timeout=120) == "inside"
    pending.set_result(4)
    assert pending.result(timeout=120) == 4
    with pool:
        assert pool.submit(int).result(timeout=120) == 0


def test_made_outside_they_enter_as_they_are(run) -> None:
    done = futures.Future()
    done.set_result(5)
    pool = futures.ThreadPoolExecutor(1)

    def program() -> tuple[int, int]:
        return done.result(), pool.submit(int).result()

    assert run(program).value == (5, 0)
    assert run(program).value == (5, 0)
    pool.shutdown()


def test_foreign_futures_that_are_done_may_be_mixed_in(run) -> None:
    foreign = futures.RealFuture()
    foreign.set_running_or_notify_cancel()
    foreign.set_result(1)

    def program() -> tuple[int, int]:
        own = cf.Future()
        own.set_result(2)
        done, _ = cf.wait([own, foreign])
        return len(done), len(list(cf.as_completed([own, foreign])))

    assert run(program).value == (2, 2)


def test_a_foreign_future_that_is_not_done_is_refused_by_name(run) -> None:
    foreign = futures.RealFuture()
    ran = run(lambda: cf.wait([cf.Future(), foreign]))
    (thread,) = [thread for thread in ran.world.threads if thread.failure is not None]
    assert isinstance(thread.failure[0], Uncontrollable)
    assert "no simulated thread can finish" in str(thread.failure[0])


def test_unwinding_raises_nothing_else(run) -> None:
    def program() -> None:
        never, future = threading.Event(), cf.Future()

        def stuck() -> None:
            try:
                never.wait()
            finally:
                future.set_result(1)
                future.cancel()

        with cf.ThreadPoolExecutor(1) as pool:
            pool.submit(stuck)
            pool.submit(stuck)

    ran = run(program)
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.execution.failures == []
