"""Each closed formula against a simulation of the program it is meant for, on a machine whose operations are free."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft import work
from weft.models import laws
from weft.simcore.prediction import Configuration, predict
from weft.simcore.profile import IDEAL

UNIT = 0.001
"""A millisecond: whole numbers of nanoseconds stay whole when divided by small numbers."""


def simulated(program: Callable[[], None], cores: int, *, gil: bool = False) -> float:
    """Seconds of virtual time."""
    result = predict(lambda _: program(), [Configuration({}, cores, gil)], profile=IDEAL, measure=False)
    return result.runs[0].seconds


def together(bodies: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def divided(serial: float, workers: int, *, grown: int = 1) -> Callable[[], None]:
    """1 s of work: the serial share alone, then the rest (``grown`` times as much) in equal parts."""

    def program() -> None:
        work(serial, gil=False)
        share = (1 - serial) * grown / workers
        together([lambda: work(share, gil=False)] * workers)

    return program


@pytest.mark.parametrize("serial", [0.0, 0.25, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("cores", [1, 2, 4, 16])
def test_amdahl_is_exact_for_its_program(serial: float, cores: int) -> None:
    assert 1 / simulated(divided(serial, cores), cores) == pytest.approx(laws.amdahl_speedup(serial, cores), rel=1e-6)


@pytest.mark.parametrize("serial", [0.0, 0.25, 0.7])
@pytest.mark.parametrize("cores", [1, 2, 4, 16])
def test_gustafson_is_exact_for_its_program(serial: float, cores: int) -> None:
    """The time stays what it is on one core, and the work done in it grows."""
    assert simulated(divided(serial, cores, grown=cores), cores) == pytest.approx(1, rel=1e-6)
    done = simulated(divided(serial, cores, grown=cores), 1)
    assert done == pytest.approx(laws.gustafson_speedup(serial, cores), rel=1e-6)


def in_rounds(contention: float, coherency: float, workers: int, rounds: int = 5) -> Callable[[], None]:
    """Every worker does 1 ms a round: the share ``contention`` of it, and ``coherency`` for each other, in a lock."""

    def program() -> None:
        lock, meet, inside = threading.Lock(), threading.Barrier(workers), threading.Barrier(workers)

        def worker() -> None:
            for _ in range(rounds):
                work((1 - contention) * UNIT, gil=False)
                inside.wait()
                with lock:
                    work((contention + coherency * (workers - 1)) * UNIT, gil=False)
                meet.wait()

        together([worker] * workers)

    return program


@pytest.mark.parametrize(("contention", "coherency"), [(0, 0), (0.2, 0), (0.1, 0.01), (0, 0.05)])
@pytest.mark.parametrize("cores", [1, 2, 8, 32])
def test_usl_is_exact_for_its_program(contention: float, coherency: float, cores: int) -> None:
    seconds = simulated(in_rounds(contention, coherency, cores), cores)
    assert 5 * UNIT * cores / seconds == pytest.approx(laws.usl_speedup(contention, coherency, cores), rel=1e-5)


def test_usl_without_coherency_is_amdahl() -> None:
    for cores in (1, 3, 64):
        assert laws.usl_speedup(0.2, 0, cores) == pytest.approx(laws.amdahl_speedup(0.2, cores))


def test_amdahl_is_too_pessimistic_about_a_lock() -> None:
    """One thread's share inside the lock overlaps the others' outside: 4 of them, a tenth inside."""

    def program() -> None:
        lock = threading.Lock()

        def worker() -> None:
            for _ in range(20):
                with lock:
                    work(0.1 * UNIT, gil=False)
                work(0.9 * UNIT, gil=False)

        together([worker] * 4)

    speedup = 4 * 20 * UNIT / simulated(program, 4)
    assert speedup > 1.2 * laws.amdahl_speedup(0.1, 4)
    assert speedup <= 4


@pytest.mark.parametrize("cores", [1, 2, 3, 6])
def test_no_simulation_beats_work_and_span(cores: int) -> None:
    """Six tasks, one of them as long as three others."""

    def program() -> None:
        together([lambda length=length: work(length * UNIT, gil=False) for length in (3, 1, 1, 1, 1, 1)])

    bound = laws.critical_path_seconds(8 * UNIT, 3 * UNIT, cores)
    seconds = simulated(program, cores)
    assert seconds >= bound - 1e-9
    assert seconds <= 8 * UNIT / cores + 3 * UNIT


def pool(tasks: int, threads: int, create: float, overhead: float, serial: float, *, gil: bool = False) -> None:
    """Threads with equal shares of tasks of 1 ms; creating each, winding each up and the serial part in this one."""

    def worker(first: int) -> None:
        for _ in range(first, tasks, threads):
            work(UNIT, gil=gil)

    made: list[threading.Thread] = []
    for index in range(threads):
        work(create * UNIT, gil=False)
        made.append(threading.Thread(target=worker, args=(index,)))
    for thread in made:
        thread.start()
    for thread in made:
        thread.join()
    work(threads * overhead * UNIT, gil=False)
    work(serial * UNIT, gil=False)


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_the_published_time_is_exact_while_it_divides_and_there_are_cores(threads: int) -> None:
    costs = (0.25, 0.5, 2.0)
    expected = laws.threads_seconds(16, threads, UNIT, *(cost * UNIT for cost in costs))
    assert simulated(lambda: pool(16, threads, *costs), threads) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("tasks", "threads", "cores"), [(16, 8, 4), (16, 16, 2), (10, 4, 4), (7, 8, 8)])
def test_the_published_time_promises_too_much_beyond_that(tasks: int, threads: int, cores: int) -> None:
    found = simulated(lambda: pool(tasks, threads, 0, 0, 0), cores)
    assert found > 1.1 * laws.threads_seconds(tasks, threads, UNIT)
    assert found == pytest.approx(laws.threads_seconds_on_cores(tasks, threads, UNIT, cores=cores), rel=1e-6)


def test_the_published_time_knows_no_gil() -> None:
    found = simulated(lambda: pool(8, 4, 0, 0, 0, gil=True), 4, gil=True)
    assert found == pytest.approx(8 * UNIT, rel=1e-6)
    assert laws.threads_seconds(8, 4, UNIT) == pytest.approx(2 * UNIT)


def test_the_published_example_is_none_of_what_it_says() -> None:
    example = laws.PUBLISHED_EXAMPLE
    serial, cores, overhead = example["serial"], int(example["cores"]), example["overhead"]
    formula = laws.published_speedup(serial, cores, overhead)
    assert round(formula, 2) == 1.16
    truth = 1 / simulated(divided(serial, cores), cores)
    assert round(truth, 2) == round(laws.amdahl_speedup(serial, cores), 2) == 1.29
    assert round(1 / simulated(divided(1 - serial, cores), cores), 2) == 2.11, "f read as the parallel share"
    assert all(abs(example["printed"] / value - 1) > 0.2 for value in (formula, truth, 2.11))


@given(st.floats(0.05, 0.95), st.integers(2, 1000))
def test_the_published_speedup_is_wrong_for_both_readings_of_its_share(share: float, cores: int) -> None:
    """It falls with every core, where the truth rises; at one core it is not 1."""
    assert laws.published_speedup(share, 2 * cores) < laws.published_speedup(share, cores)
    assert laws.published_speedup(share, 1) > 1 / (1 - 0.05) - 1e-9
    assert laws.amdahl_speedup(share, 2 * cores) > laws.amdahl_speedup(share, cores)


def test_bad_values_are_refused_by_name() -> None:
    for call, message in (
        (lambda: laws.amdahl_speedup(1.5, 2), "serial=1.5"),
        (lambda: laws.gustafson_speedup(-0.1, 2), "serial=-0.1"),
        (lambda: laws.usl_speedup(0.1, -1, 2), "coherency=-1"),
        (lambda: laws.critical_path_seconds(1, 1, 0), "cores=0"),
        (lambda: laws.threads_seconds(4, 0, 1.0), "threads=0"),
        (lambda: laws.threads_seconds_on_cores(4, 2, 1.0, cores=0), "cores=0"),
        (lambda: laws.published_speedup(1.0, 1), "divides by zero"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
