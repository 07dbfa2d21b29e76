"""The timed world: unmodified threaded programs, closed formulas met to the nanosecond."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.simcore import timed
from weft.simcore import world as worlds
from weft.simcore.metering import Meter
from weft.simcore.origins import Origins
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.sites import Sites
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.timed_record import TimedRun
from weft.simcore.trace import Op
from weft.simcore.work import work

from .hand_clock import HandClock

S = 1_000_000_000
MS = 1_000_000
NO_FORCED_SWITCH = replace(IDEAL, gil_switch_interval_ns=100 * S)


def run(
    program: Callable[[], Any], *, cores: int = 4, gil: bool = True, profile: Profile = IDEAL, **more: Any
) -> TimedRun:
    more.setdefault("measure", False)
    with takeover():
        return TimedWorld(cores=cores, gil=gil, profile=profile, **more).run(program)


def threads(*bodies: Callable[[], object]) -> None:
    """Start a thread for each and join them all."""
    import threading

    made = [threading.Thread(target=body) for body in bodies]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join()


def total(result: TimedRun, state: str) -> int:
    return sum(thread.time_in[state] for thread in result.threads)


# Closed formulas.


@pytest.mark.parametrize(("tasks", "cores", "seconds"), [(1, 4, 1), (4, 4, 1), (8, 4, 2), (8, 1, 8), (6, 3, 2)])
def test_independent_work_scales_with_cores(tasks: int, cores: int, seconds: int) -> None:
    result = run(lambda: threads(*[lambda: work(1, gil=False)] * tasks), cores=cores)
    assert result.makespan_ns == seconds * S
    assert total(result, "running") == tasks * S
    assert result.utilisation == tasks / (cores * seconds)


def test_gil_serialises_python_work_unless_it_is_off() -> None:
    def program() -> None:
        threads(*[lambda: work(1, gil=True)] * 4)

    assert run(program).makespan_ns == 4 * S
    assert run(program, gil=False).makespan_ns == 1 * S
    slower = replace(IDEAL, free_threading_slowdown=1.25)
    assert run(program, gil=False, profile=slower).makespan_ns == 1.25 * S
    assert run(program, profile=slower).makespan_ns == 4 * S, "the factor is for builds without a GIL"


def test_four_pool_workers_do_eight_one_second_tasks_in_two_seconds() -> None:
    def program() -> None:
        import time
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(max_workers=4) as pool:
            assert list(pool.map(lambda number: (time.sleep(1), number)[1], range(8))) == list(range(8))

    for gil in (True, False):
        result = run(program, gil=gil, cores=1)
        assert result.makespan_ns == 2 * S
        assert total(result, "sleeping") == 8 * S
        assert result.utilisation == 0, "sleeping uses no core"


def test_one_lock_serialises() -> None:
    def program() -> None:
        import threading

        lock = threading.Lock()

        def body() -> None:
            with lock:
                work(1, gil=False)

        threads(*[body] * 4)

    for handover in ("barging", "fifo"):
        result = run(program, handover=handover)
        assert result.makespan_ns == 4 * S
        assert total(result, "lock wait") == (1 + 2 + 3) * S
        (wait,) = [wait for wait in result.waits if wait.kind == "Lock"]
        assert (wait.name, wait.waits, wait.total_ns) == ("lock", 3, 6 * S)
        assert wait.at.startswith("test_timed.py:")


def test_amdahl_with_a_lock_around_the_serial_part() -> None:
    """A third of the work under the lock, two threads."""

    def program() -> None:
        import threading

        lock = threading.Lock()

        def body() -> None:
            for _ in range(3):
                with lock:
                    work(1, gil=False)
                work(2, gil=False)

        threads(body, body)

    assert run(program, cores=2).makespan_ns == 10 * S, "once out of step they never meet again: 9 s and 1 s waiting"


def test_work_before_and_after_different_gil_kinds_is_burned_in_order() -> None:
    def mixed() -> None:
        work(1, gil=True)
        work(2, gil=False)
        work(1, gil=True)

    result = run(lambda: threads(mixed, mixed), cores=2, profile=NO_FORCED_SWITCH)
    assert result.makespan_ns == 5 * S, "1 s turns with the GIL: 0-1 a, 1-2 b, 1-3 a free, 2-4 b free, 3-4 a, 4-5 b"


def test_bounded_queue_paces_the_producer() -> None:
    def program() -> None:
        import queue

        items: queue.Queue[int | None] = queue.Queue(maxsize=1)

        def producer() -> None:
            for number in range(5):
                work(1, gil=False)
                items.put(number)
            items.put(None)

        def consumer() -> None:
            while items.get() is not None:
                work(2, gil=False)

        threads(producer, consumer)

    assert run(program).makespan_ns == (1 + 5 * 2) * S


def test_condition_event_semaphore_and_barrier_in_virtual_time() -> None:
    def program() -> None:
        import threading

        event, slots, barrier = threading.Event(), threading.Semaphore(2), threading.Barrier(4)
        condition = threading.Condition()
        state = {"open": False}

        def body() -> None:
            event.wait()
            with slots:
                work(1, gil=False)
            barrier.wait()
            with condition:
                condition.wait_for(lambda: state["open"])

        def opener() -> None:
            work(1, gil=False)
            event.set()
            work(4, gil=False)
            with condition:
                state["open"] = True
                condition.notify_all()

        threads(body, body, body, body, opener)

    result = run(program)
    assert result.makespan_ns == 5 * S
    running_until = 1 + 2  # the event at 1 s, then two at a time
    assert [wait.total_ns for wait in result.waits if wait.kind == "Condition"] == [4 * (5 - running_until) * S]


def test_futures_as_they_complete() -> None:
    def program() -> None:
        import time
        from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait

        pool = ThreadPoolExecutor(3)
        jobs = [pool.submit(time.sleep, seconds) for seconds in (3, 1, 2)]
        assert [job is jobs[1] for job in wait(jobs, return_when=FIRST_COMPLETED).done] == [True]
        assert time.perf_counter() == 1
        assert [jobs.index(job) for job in as_completed(jobs)] == [1, 2, 0]
        assert time.monotonic() == 3

    result = run(program)
    assert not result.failures
    assert result.makespan_ns == 3 * S


# Costs of the profile.


def test_operations_cost_what_the_profile_says() -> None:
    def program() -> None:
        import threading

        lock = threading.Lock()
        for _ in range(1000):
            lock.acquire()
            lock.release()

    assert run(program, profile=replace(IDEAL, lock_ns=70)).makespan_ns == 2000 * 70

    def two() -> None:
        threads(lambda: work(1, gil=False))

    assert run(two, profile=replace(IDEAL, thread_create_ns=3, thread_start_ns=10)).makespan_ns == S + 10
    assert run(two, profile=replace(IDEAL, handover_ns=9)).makespan_ns == S + 9, (
        "main is woken by the end of the thread"
    )


def test_woken_thread_may_be_overtaken_only_with_barging() -> None:
    """While the waiter wakes up, the thread that released the lock takes it again."""

    def program() -> None:
        import threading

        lock = threading.Lock()

        def greedy() -> None:
            for _ in range(3):
                with lock:
                    work(0.001, gil=False)

        def modest() -> None:
            work(0.0005, gil=False)
            with lock:
                order.append(len(order))

        order: list[int] = []
        threads(greedy, modest)

    slow = replace(IDEAL, handover_ns=100_000)
    overtaken = run(program, profile=slow, trace=True)
    assert total(overtaken, "lock wait") == 2 * MS + MS // 2 + 100_000
    fair = run(program, profile=slow, handover="fifo")
    assert total(fair, "lock wait") == (MS // 2 + 100_000) + 200_000, "the greedy one waits for both to wake up"


# Time-outs and sleeps.


def test_time_outs_pass_in_virtual_time_and_are_as_late_as_timers() -> None:
    seen: list[Any] = []

    def program() -> None:
        import queue
        import threading
        import time

        lock, event, items = threading.Lock(), threading.Event(), queue.Queue[int]()
        lock.acquire()
        seen.append((lock.acquire(timeout=0.25), time.perf_counter_ns()))
        seen.append((event.wait(0.25), time.perf_counter_ns()))
        with pytest.raises(queue.Empty):
            items.get(timeout=0.5)
        seen.append(time.perf_counter_ns())
        time.sleep(1)
        seen.append(time.perf_counter_ns())
        seen.append(lock.acquire(blocking=False))

    result = run(program, profile=replace(IDEAL, timer_slack_ns=60_000))
    assert not result.failures
    slack = 60_000
    assert seen == [
        (False, S // 4 + slack),
        (False, S // 2 + 2 * slack),
        S + 3 * slack,
        2 * S + 4 * slack,
        False,
    ]


def test_lock_released_before_the_time_out_is_taken() -> None:
    seen: list[tuple[bool, float]] = []

    def program() -> None:
        import threading
        import time

        lock = threading.Lock()

        def holder() -> None:
            with lock:
                time.sleep(1)

        def patient() -> None:
            seen.append((lock.acquire(timeout=5), time.monotonic()))

        threads(holder, patient)
        time.sleep(9)

    result = run(program)
    assert seen == [(True, 1.0)]
    assert result.makespan_ns == 10 * S, "the time-out that did not happen leaves nothing behind"


# How a run ends.


def test_deadlock_is_a_result_that_names_who_waits_for_what() -> None:
    def program() -> None:
        import threading
        import time

        first, second = threading.Lock(), threading.Lock()

        def body(one: Any, other: Any) -> None:
            with one:
                time.sleep(1)
                with other:
                    pass

        threads(lambda: body(first, second), lambda: body(second, first))

    result = run(program)
    assert not result.completed
    assert result.makespan_ns == S
    waits = [(row.thread, row.waits_for.partition(" (")[0], row.waits_for.rpartition(", ")[2]) for row in result.stuck]
    assert [row[0].partition(" ")[0] for row in waits] == ["MainThread", "Thread-1", "Thread-2"]
    assert [row[1] for row in waits[1:]] == ["acquire of second", "acquire of first"]
    assert waits[1][2].startswith("held by Thread-2")


def test_main_may_return_first_and_daemons_are_left_behind() -> None:
    unwound: list[str] = []

    def program() -> None:
        import threading
        import time

        def daemon() -> None:
            try:
                time.sleep(100)
            finally:
                unwound.append("daemon")

        threading.Thread(target=daemon, daemon=True).start()
        threading.Thread(target=lambda: time.sleep(2)).start()

    result = run(program)
    assert result.completed
    assert result.makespan_ns == 2 * S
    assert unwound == ["daemon"]


def test_pool_that_is_never_shut_down_ends_with_the_program() -> None:
    def program() -> None:
        import time
        from concurrent.futures import ThreadPoolExecutor

        ThreadPoolExecutor(2).submit(time.sleep, 3)

    result = run(program)
    assert result.completed
    assert result.makespan_ns == 3 * S


def test_failure_of_a_thread_is_reported_and_the_rest_goes_on() -> None:
    def program() -> None:
        def fail() -> None:
            work(1)
            raise LookupError("gone")

        threads(fail, lambda: work(2, gil=False))

    result = run(program)
    assert result.completed
    assert result.makespan_ns == 2 * S
    ((name, error),) = result.failures
    assert name.startswith("Thread-1")
    assert isinstance(error, LookupError)


def test_wrong_use_of_a_primitive_raises_in_the_program() -> None:
    def program() -> None:
        import threading

        with pytest.raises(RuntimeError, match="release unlocked lock"):
            threading.Lock().release()
        work(1)
        with pytest.raises(RuntimeError, match="release unlocked lock"):
            threading.Lock().release()

    assert not run(program).failures


def test_spinning_without_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed, "OPERATIONS_AT_ONCE_MAX", 10_000)

    def program() -> None:
        import threading

        event = threading.Event()
        while not event.is_set():
            pass

    result = run(program)
    assert not result.completed
    assert "while no time passed at 0 s" in result.gave_up


def test_program_without_end_is_given_up_at_a_virtual_time() -> None:
    def program() -> None:
        import time

        while True:
            time.sleep(1)

    result = run(program, max_seconds=100)
    assert result.gave_up.startswith("not finished after 100 s of virtual time")
    assert result.makespan_ns == 100 * S


def test_calls_that_cannot_be_simulated_are_refused_by_name() -> None:
    def program() -> None:
        import socket

        socket.socket()

    assert "opens a socket" in run(program).refusal


def test_world_inside_a_world_is_refused() -> None:
    result = run(lambda: TimedWorld(cores=1, measure=False).run(lambda: None))
    ((_, error),) = result.failures
    assert "a world is already active" in str(error)
    assert worlds.active is None


def test_unknown_handover_is_refused() -> None:
    with pytest.raises(ValueError, match="handover is 'queue'"):
        TimedWorld(cores=1, handover="queue")  # pyright: ignore[reportArgumentType]


# Measuring.


def live(clock: HandClock) -> Meter:
    """Segments cost what they take by that clock."""
    return Meter(Sites(), Origins(), clock)


def test_measured_segments_are_python_and_listed_c_calls_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that the program turns by hand stands for real time, also inside a listed function."""
    import zlib

    clock = HandClock()
    monkeypatch.setattr(zlib, "compress", clock.compute)

    def program() -> None:
        def body() -> None:
            clock.compute(1)
            zlib.compress(2.0)  # pyright: ignore[reportArgumentType]
            clock.compute(1)

        threads(body, body)

    def simulate(gil: bool) -> TimedRun:
        return run(program, cores=2, gil=gil, meter=live(clock), profile=NO_FORCED_SWITCH)

    assert not simulate(gil=True).failures
    assert simulate(gil=True).makespan_ns == 5 * S, "as with work(1), work(2, gil=False), work(1)"
    assert simulate(gil=False).makespan_ns == 4 * S
    assert any("the @ operator" in limit for limit in simulate(gil=True).limits)


def test_hash_objects_are_as_before_outside_and_inside_a_run() -> None:
    import hashlib
    import zlib

    before = hashlib.sha256, hashlib.new, zlib.compress
    data = b"weft" * 1000

    def program() -> None:
        digest = hashlib.sha256()
        digest.update(data)
        copy = digest.copy()
        copy.update(b"!")
        assert digest.hexdigest() == before[0](data).hexdigest()
        assert copy.digest() == before[0](data + b"!").digest()
        assert hashlib.new("sha1", data).hexdigest() == before[1]("sha1", data).hexdigest()
        assert (digest.name, digest.digest_size) == ("sha256", 32)
        assert zlib.decompress(zlib.compress(data)) == data
        with pytest.raises(TypeError):
            digest.update("text")

    assert not run(program, measure=True).failures
    assert (hashlib.sha256, hashlib.new, zlib.compress) == before


def test_the_tools_own_time_is_not_in_the_result() -> None:
    """A thousand lock operations take the profile's time and no more than their measured loop around them."""

    def program() -> None:
        import threading

        lock = threading.Lock()
        for _ in range(1000):
            with lock:
                pass

    result = run(program, measure=True, profile=replace(IDEAL, lock_ns=50), cores=1)
    assert result.makespan_ns >= 2000 * 50


# Repeatability and the trace.


def busy_program() -> None:
    import queue
    import random
    import threading
    import time

    lock, items = threading.Lock(), queue.Queue[int](3)

    def producer() -> None:
        for number in range(20):
            work(random.random() / 1000, gil=random.random() < 0.5)
            items.put(number)
        items.put(-1)

    def consumer() -> None:
        while items.get() >= 0:
            with lock:
                work(random.random() / 1000)
            time.sleep(0.0001)
        items.put(-1)

    threads(producer, consumer, consumer, consumer)


def test_ten_runs_give_one_trace() -> None:
    traces = {
        text
        for _ in range(10)
        for text in [_text(run(busy_program, cores=2, profile=Profile(), scheduler_events=True))]
    }
    assert len(traces) == 1


def _text(result: TimedRun) -> str:
    assert result.trace is not None
    return result.trace.to_json_lines()


def test_another_seed_gives_another_run() -> None:
    assert run(busy_program, seed=1).makespan_ns != run(busy_program, seed=2).makespan_ns


def test_the_trace_has_a_lane_for_every_thread() -> None:
    def program() -> None:
        import threading

        lock = threading.Lock()

        def body() -> None:
            with lock:
                work(0.004, gil=True)

        threads(body, body)

    result = run(program, cores=1, scheduler_events=True)
    trace = result.trace
    assert trace is not None
    assert trace.header.world == "timed"
    times = [event.time_ns for event in trace]
    assert times == sorted(times, key=lambda value: value or 0)
    second = [
        (event.operation, event.time_ns, trace.object_name(event.object))
        for event in trace
        if event.thread == 2 and event.operation is not Op.COMPUTE
    ]
    assert [row[0] for row in second] == [
        Op.READY,
        Op.RUN,
        Op.BEGIN,
        Op.REQUEST,
        Op.BLOCK,
        Op.READY,
        Op.RUN,
        Op.ACQUIRE,
        Op.GIL_ACQUIRE,
        Op.PREEMPT,
        Op.RUN,
        Op.RELEASE,
        Op.END,
        Op.GIL_RELEASE,
    ]
    assert second[3][2] == "lock"
    assert [row[1] for row in second[3:5]] == [3 * MS, 3 * MS], "its first slice begins when the other's ends"
    assert second[7][1] == 4 * MS
    assert second[9][1] == 7 * MS, "for the main thread, whose first join is over"
    assert second[-1][1] == 8 * MS
    assert [row.name.partition(" ")[0] for row in trace.tables.threads] == ["MainThread", "Thread-1", "Thread-2"]


# Against other formulations.


@given(st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=4), min_size=1, max_size=6), st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_pool_against_list_scheduling(durations: list[list[int]], workers: int) -> None:
    """Tasks taken from one queue in order: each goes to the worker that is free first."""
    import heapq

    tasks = [duration for part in durations for duration in part]

    def program() -> None:
        import queue

        left = queue.Queue[int]()
        for task in tasks:
            left.put(task)

        def body() -> None:
            while True:
                try:
                    task = left.get_nowait()
                except queue.Empty:
                    return
                work(task / 1000, gil=False)

        threads(*[body] * workers)

    free = [0] * workers
    for task in tasks:
        heapq.heappush(free, heapq.heappop(free) + task * MS)
    assert run(program, cores=workers).makespan_ns == max(free)


Draws = list[list[tuple[int, int]]]


def plain_simpy(draws: Draws, cores: int) -> int:
    """The same program as SimPy processes: a FIFO resource for cores (kept until blocked) and one for the mutex."""
    env: Any = simpy.Environment()
    core_pool, mutex = simpy.Resource(env, cores), simpy.Resource(env, 1)

    def live(mine: list[tuple[int, int]]) -> Generator[Any, Any, None]:
        core = core_pool.request()
        yield core
        for outside, inside in mine:
            yield env.timeout(outside)
            ticket = mutex.request()
            if not ticket.triggered:
                core_pool.release(core)
                yield ticket
                core = core_pool.request()
                yield core
            yield env.timeout(inside)
            mutex.release(ticket)
        core_pool.release(core)

    for mine in draws:
        env.process(live(mine))
    env.run()
    return env.now


@given(
    st.lists(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**5)), max_size=5), min_size=1, max_size=6),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=60)
def test_mutex_model_ends_at_the_same_time_as_plain_simpy(draws: Draws, cores: int) -> None:
    # Ties between threads have no right order, so every duration gets a fraction of its own.
    draws = [
        [(a * 64 + number, b * 64 + number * 7 + turn) for turn, (a, b) in enumerate(mine)]
        for number, mine in enumerate(draws)
    ]

    def program() -> None:
        import threading

        mutex = threading.Lock()

        def body(mine: list[tuple[int, int]]) -> None:
            for outside, inside in mine:
                work(outside / 1e9, gil=False)
                with mutex:
                    work(inside / 1e9, gil=False)

        for mine in draws:
            threading.Thread(target=body, args=(mine,)).start()

    endless_slice = replace(IDEAL, quantum_ns=10**15)
    result = run(program, cores=cores, profile=endless_slice, handover="fifo")
    assert result.makespan_ns == plain_simpy(draws, cores)


# The collector.


@pytest.fixture
def nothing_frozen() -> Generator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("nothing_frozen")
def test_objects_are_frozen_only_while_a_run_lasts() -> None:
    counts: list[int] = []
    run(lambda: counts.append(gc.get_freeze_count()))
    assert counts[0] > 0
    assert gc.get_freeze_count() == 0


@pytest.mark.usefixtures("nothing_frozen")
def test_what_was_frozen_before_a_run_stays_so() -> None:
    gc.freeze()
    before = gc.get_freeze_count()
    run(lambda: None)
    # A frozen object may die of its count, so the number may fall a little; it must neither vanish nor grow.
    assert before * 0.9 < gc.get_freeze_count() <= before
