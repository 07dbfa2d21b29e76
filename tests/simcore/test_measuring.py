"""Measured predictions on a clock that the programs turn by hand: repetitions, items of work, what races, what waits."""

from __future__ import annotations

import heapq
import itertools
import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from weft.simcore import world as _world
from weft.simcore.measuring import STRANGE_MAX
from weft.simcore.prediction import DRAWN_MAX, Configuration, Study, few_drawn, sweep, worth_drawing
from weft.simcore.profile import IDEAL
from weft.simcore.work import work

from .hand_clock import HandClock

MS = 1_000_000
_CHANCE = random.Random(1)
TASKS = [_CHANCE.randrange(1, 40) for _ in range(30)]
"""Lengths in ms."""


def study(run: Callable[[dict[str, Any]], object], clock: HandClock, **options: Any) -> Study:
    return Study(run, **{"profile": IDEAL, "repeat": 3, "stopwatch": clock, "probe": False, **options})


def free_threaded(*cores: int) -> list[Configuration]:
    """So that code that holds the GIL scales."""
    return sweep({}, cores, [False])


def seconds(found: Study, configurations: list[Configuration]) -> list[float]:
    prediction = found.predict(configurations)
    assert not prediction.unfinished
    return [run.seconds for run in prediction.runs]


def in_threads(*bodies: Callable[[], object]) -> None:
    made = [threading.Thread(target=body) for body in bodies]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join()


def list_scheduled(tasks: list[int], workers: int) -> float:
    """Each task goes to the worker that is free first."""
    free = [0] * workers
    for task in tasks:
        heapq.heappush(free, heapq.heappop(free) + task)
    return max(free) / 1000


def test_every_thread_has_medians_of_its_own() -> None:
    clock, noise = HandClock(), itertools.chain([9.0, 0.0, 0.005, 0.001], itertools.repeat(0.0))

    def program(params: dict[str, Any]) -> None:
        more = next(noise)

        def body(length: float) -> None:
            lock = threading.Lock()
            for turn in range(3):
                clock.compute(length * (turn + 1) + more)
                with lock:
                    pass

        in_threads(lambda: body(0.010), lambda: body(0.100))

    found = study(program, clock)
    assert seconds(found, free_threaded(1)) == [pytest.approx(6 * 0.110 + 6 * 0.001)]
    assert seconds(found, free_threaded(2)) == [pytest.approx(6 * 0.100 + 3 * 0.001)]


def by_queue(clock: HandClock, workers: int = 3) -> Callable[[dict[str, Any]], None]:
    def program(params: dict[str, Any]) -> None:
        left: queue.Queue[int] = queue.Queue()
        for task in TASKS:
            left.put(task)

        def body() -> None:
            while True:
                try:
                    task = left.get_nowait()
                except queue.Empty:
                    return
                clock.compute(task / 1000)

        in_threads(*[body] * workers)

    return program


def by_pool(clock: HandClock) -> Callable[[dict[str, Any]], None]:
    def program(params: dict[str, Any]) -> None:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda task: clock.compute(task / 1000), TASKS))

    return program


def by_lock(clock: HandClock) -> Callable[[dict[str, Any]], None]:
    def program(params: dict[str, Any]) -> None:
        left, lock = TASKS[::-1], threading.Lock()

        def body() -> None:
            while True:
                with lock:
                    if not left:
                        return
                    task = left.pop()
                clock.compute(task / 1000)

        in_threads(body, body, body)

    return program


@pytest.mark.parametrize("make", [by_queue, by_pool])
def test_an_item_takes_its_time_whoever_works_on_it(make: Callable[[HandClock], Any]) -> None:
    """Measured on one core, where the threads take other items than on three."""
    clock, made = HandClock(), itertools.count()
    program = make(clock)

    def counted(params: dict[str, Any]) -> None:
        next(made)
        program(params)

    found = study(counted, clock)
    assert seconds(found, free_threaded(1, 3)) == [sum(TASKS) / 1000, list_scheduled(TASKS, 3)]
    assert next(made) == 1 + 3 + 2, "one to warm up, three measured, and a run for each number of cores"


def test_items_of_items_are_followed_through_a_pipeline() -> None:
    """Two workers on each stage, and stage two takes what stage one has finished first."""
    clock = HandClock()

    def program(params: dict[str, Any]) -> None:
        first, second = queue.Queue[int | None](), queue.Queue[int | None]()
        for task in TASKS:
            first.put(task)
        first.put(None)

        def stage(source: queue.Queue[int | None], target: queue.Queue[int | None] | None, factor: int) -> None:
            while True:
                task = source.get()
                if task is None:
                    source.put(None)
                    return
                clock.compute(task * factor / 1000)
                if target is not None:
                    target.put(task)

        ones = [threading.Thread(target=stage, args=(first, second, 1)) for _ in range(2)]
        twos = [threading.Thread(target=stage, args=(second, None, 2)) for _ in range(2)]
        for thread in (*ones, *twos):
            thread.start()
        for thread in ones:
            thread.join()
        second.put(None)
        for thread in twos:
            thread.join()

    ready, free = [], [0, 0]
    for task in TASKS:
        start = heapq.heappop(free)
        heapq.heappush(free, start + task)
        ready.append((start + task, task))
    free = [0, 0]
    for at, task in sorted(ready):
        heapq.heappush(free, max(heapq.heappop(free), at) + 2 * task)
    found = study(program, clock)
    assert seconds(found, free_threaded(1, 4)) == [3 * sum(TASKS) / 1000, max(free) / 1000]


def test_work_that_threads_race_for_behind_a_lock_is_measured_where_it_is_predicted() -> None:
    """Nothing tells which task a thread has got; that its times are plainly other ones does."""
    clock = HandClock()
    found = study(by_lock(clock), clock)
    assert seconds(found, free_threaded(1, 3)) == [sum(TASKS) / 1000, list_scheduled(TASKS, 3)]


@pytest.mark.parametrize(("spoken_s", "measured_again"), [(0.0, True), (0.2, False)])
def test_what_is_said_with_work_is_never_strange(spoken_s: float, measured_again: bool) -> None:
    """Code that takes ten times as long elsewhere is measured again, unless it hardly counts beside ``weft.work``."""
    clock = HandClock()
    made = [0]

    def program(params: dict[str, Any]) -> None:
        world: Any = _world.active
        cores: int = world.machine.cores

        def body() -> None:
            made[0] += 1
            clock.compute(0.001 if cores == 1 else 0.01)
            work(spoken_s, gil=False)
            with lock:
                pass

        lock = threading.Lock()
        in_threads(body)

    found = study(program, clock)
    found.predict(free_threaded(1))
    before = made[0]
    (run,) = found.predict(free_threaded(2)).runs
    assert (made[0] - before > 1) is measured_again
    assert run.seconds == pytest.approx(spoken_s + (0.01 if measured_again else 0.001))


def test_work_that_medians_would_mix_up_keeps_the_times_of_one_run() -> None:
    """Noise decides who gets which of two tasks, however often it is measured."""
    clock, noise = HandClock(), itertools.cycle([0.0, 0.0002, 0.0005, 0.0003, 0.0001])

    def program(params: dict[str, Any]) -> None:
        left, lock = [1, 99] * 4, threading.Lock()

        def body() -> None:
            while True:
                clock.compute(next(noise))
                with lock:
                    if not left:
                        return
                    task = left.pop()
                clock.compute(task / 1000)

        in_threads(body, body)

    found = study(program, clock)
    prediction = found.predict(free_threaded(2))
    (run,) = prediction.runs
    assert 0.2 <= run.seconds <= 0.5, "no task is done twice or never"
    said = [limit for limit in prediction.limits if "small differences in time" in limit]
    assert len(said) == (found._points[repr(free_threaded(2)[0])].predicted.strangeness > STRANGE_MAX)  # pyright: ignore[reportOptionalMemberAccess]


def test_ten_timelines_of_a_measured_program_are_one() -> None:
    clock, noise = HandClock(), random.Random(3)

    def program(params: dict[str, Any]) -> None:
        items: queue.Queue[int] = queue.Queue(2)

        def produce() -> None:
            for number in range(20):
                clock.compute(noise.random() / 1000)
                items.put(number)

        def consume() -> None:
            for _ in range(10):
                items.get()
                clock.compute(noise.random() / 1000)
                time.sleep(noise.random() * 0)

        in_threads(produce, consume, consume)

    found = study(program, clock, repeat=5)
    (configuration,) = sweep({}, [2])
    prediction = found.predict([configuration])
    assert len({found.timeline(configuration).to_json_lines() for _ in range(10)}) == 1
    assert prediction.runs == found.predict([configuration]).runs
    low, high = prediction.runs[0].seconds_interval
    assert low < prediction.runs[0].seconds < high


def test_a_study_of_another_process_predicts_the_same_without_measuring() -> None:
    clock, made = HandClock(), itertools.count()

    def program(params: dict[str, Any]) -> None:
        next(made)
        by_queue(clock, params["workers"])(params)

    configurations = sweep({"workers": [2, 3]}, [1, 2, 3], [False])
    here = study(program, clock)
    expected = here.predict(configurations)
    runs_before = next(made)
    there = study(program, clock)
    there.adopt(here.tables())
    assert there.predict(configurations).runs == expected.runs
    assert next(made) - runs_before - 1 == len(configurations)


def test_on_another_machine_a_race_for_work_is_measured_again() -> None:
    """Two cores are slow there, so that other tasks are the first thread's than where they were measured."""
    clock = HandClock()

    def program(params: dict[str, Any]) -> None:
        tasks, lock = [*TASKS], threading.Lock()

        def body() -> None:
            while True:
                with lock:
                    task = tasks.pop(0) if tasks else 0
                if not task:
                    return
                clock.compute(task / 1000)

        in_threads(body, body, body)

    slow = replace(IDEAL, core_speeds=[1.0, 0.25])
    here, there, fresh = study(program, clock), study(program, clock, profile=slow), study(program, clock, profile=slow)
    assert seconds(here, free_threaded(3)) == pytest.approx([list_scheduled(TASKS, 3)])
    there.adopt(here.tables())
    assert seconds(there, free_threaded(3)) == pytest.approx(seconds(fresh, free_threaded(3)))


def test_an_interval_is_of_the_same_work() -> None:
    """Noise decides which of two threads comes to the giant; a run in which nobody does would be far too short."""
    clock, noise = HandClock(), random.Random()

    def program(params: dict[str, Any]) -> None:
        tasks, lock = [0.010] * 8 + [0.200], threading.Lock()

        def body() -> None:
            while True:
                with lock:
                    task = tasks.pop(0) if tasks else 0
                if not task:
                    return
                clock.compute(task * (1 + noise.random() / 100))

        in_threads(body, body)

    for seed in range(20):
        noise.seed(seed)
        (run,) = study(program, clock, repeat=5, seed=seed).predict(free_threaded(2)).runs
        assert run.seconds == pytest.approx(0.240, rel=0.06)
        assert run.seconds_interval[0] > 0.9 * run.seconds


# What is not computing.


def test_waiting_outside_of_python_needs_no_core() -> None:
    clock = HandClock()

    def program(params: dict[str, Any]) -> None:
        def body() -> None:
            clock.compute(0.010)
            clock.wait(0.100)

        in_threads(body, body, body)

    (run,) = study(program, clock).predict(sweep({}, [1])).runs
    assert run.seconds == pytest.approx(3 * 0.010 + 0.100)
    assert run.time_in["io"] > 0.5


def test_code_without_the_gil_runs_beside_code_with_it() -> None:
    """A probe has said that a third of the only segment is free of it."""
    clock = HandClock()

    def program(params: dict[str, Any]) -> None:
        in_threads(*[lambda: clock.compute(0.3)] * 2)

    found = study(program, clock)
    (configuration,) = sweep({}, [2])
    assert seconds(found, [configuration]) == [0.6]
    (measured,) = found._measuring.measured.values()
    measured.table.free = dict.fromkeys(measured.table.heavy(MS), 1 / 3)
    found._points.clear()
    assert seconds(found, [configuration]) == [pytest.approx(0.5, abs=0.01)]


def test_code_that_is_hardly_anything_is_left_out_and_not_measured_again() -> None:
    clock, made = HandClock(), itertools.count()

    def program(params: dict[str, Any]) -> None:
        next(made)
        work(1)
        clock.compute(0.0001)

    prediction = study(program, clock, repeat=5).predict(sweep({}, [1, 2]))
    assert [run.seconds for run in prediction.runs] == [1, 1]
    assert next(made) == 1 + 1 + 2
    assert prediction.limits == [
        "code beside what weft.work stands for takes less than 0.2 % of the time and was left out"
    ]


def test_a_program_that_does_not_end_is_not_repeated_and_other_configurations_are_tried() -> None:
    clock, made = HandClock(), itertools.count()

    def program(params: dict[str, Any]) -> None:
        next(made)
        clock.compute(1)
        if threading.active_count() and params["stuck"]:
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()

    prediction = study(program, clock).predict(sweep({"stuck": [True, False]}, [1, 2]))
    assert [(run.params["stuck"], run.cores) for run in prediction.runs] == [(False, 1), (False, 2)]
    assert [(row.cores, row.reason) for row in prediction.unfinished] == [
        (1, "deadlock at 1.000000 s of virtual time"),
        (2, "deadlock at 1.000000 s of virtual time"),
    ]
    assert next(made) == 1 + 1 + 3 + 2


def test_native_threads_are_told() -> None:
    clock = HandClock()

    def program(params: dict[str, Any]) -> None:
        clock.compute(1)
        clock.native_ns += 500 * MS

    limits = study(program, clock).predict(sweep({}, [1])).limits
    assert any("native libraries" in limit and "50 %" in limit for limit in limits)


def test_without_draws_there_are_no_runs_for_an_interval() -> None:
    def made(**options: Any) -> tuple[int, float, tuple[float, float]]:
        clock, lengths, runs = HandClock(), itertools.chain([9.0, 1.0, 4.0, 2.0], itertools.repeat(2.0)), [0]

        def program(params: dict[str, Any]) -> None:
            runs[0] += 1
            clock.compute(next(lengths))

        (run,) = study(program, clock, **options).predict(sweep({}, [1])).runs
        return runs[0], run.seconds, run.seconds_interval

    with_draws, without = made(), made(draws=False)
    assert without[1:] == (2.0, (2.0, 2.0))
    assert with_draws[1:] == (2.0, (1.0, 4.0))
    assert with_draws[0] > without[0]


def test_of_a_large_sweep_the_first_and_the_fastest_have_an_interval() -> None:
    clock, runs = HandClock(), [0]
    lengths = itertools.chain([9.0, 1.0, 4.0, 2.0], itertools.repeat(2.0))

    def program(params: dict[str, Any]) -> None:
        runs[0] += 1
        length = next(lengths)

        def worker() -> None:
            clock.compute(length / 2)

        threads = [threading.Thread(target=worker) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    configurations = sweep({}, [*range(1, DRAWN_MAX + 2)], [False])
    prediction = study(program, clock).predict(configurations)
    assert [run.cores for run in prediction.runs if run.seconds_interval[0] < run.seconds_interval[1]] == [1, 2]
    said = [limit for limit in prediction.limits if "only the first and the fastest of each GIL mode" in limit]
    assert said == few_drawn(25)
    drawn = runs[0]
    assert drawn < len(configurations) + 4 + 2 * 4 + 1
    again = study(lambda params: clock.compute(1), clock).predict(configurations[:DRAWN_MAX])
    assert all("only the first and the fastest" not in limit for limit in again.limits)


def test_each_mode_has_a_first_and_a_fastest() -> None:
    assert worth_drawing([]) == []
    assert worth_drawing([(True, 3.0), (True, 1.0), (True, 1.0), (False, 2.0)]) == [0, 1, 3]
    assert worth_drawing([(False, 1.0), (True, 2.0), (False, 1.5)]) == [1, 0]
