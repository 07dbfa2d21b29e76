"""Closed formulas that a machine with free operations meets to the nanosecond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Literal

import pytest

from weft.simcore.profile import IDEAL

from .analytic_kit import MS, S, compute, list_schedule, round_robin, run, threads, time_in

HANDOVERS: tuple[Literal["barging", "fifo"], ...] = ("barging", "fifo")


def pool(lengths: list[int], workers: int) -> None:
    """Workers that take tasks from a queue until none is left."""
    import queue

    tasks: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for length in lengths:
        tasks.put(length)
    for _ in range(workers):
        tasks.put(None)

    def worker() -> None:
        while (length := tasks.get()) is not None:
            compute(length)

    threads([worker] * workers)


@pytest.mark.parametrize("cores", [1, 2, 3, 8])
@pytest.mark.parametrize("tasks", [1, 8, 13])
def test_equal_independent_tasks_take_their_number_of_turns(cores: int, tasks: int) -> None:
    result = run(lambda: pool([S] * tasks, cores), cores=cores)
    assert result.makespan_ns == -(-tasks // cores) * S
    assert Fraction(result.utilisation).limit_denominator(1000) == Fraction(tasks, cores * -(-tasks // cores))


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("cores", [5, 8])
def test_workers_with_a_core_each_do_what_the_list_says(workers: int, cores: int) -> None:
    lengths = [7, 3, 9, 1, 1, 20, 2, 4, 4, 11]
    ends = [end for _, end in list_schedule(lengths, workers)]
    assert run(lambda: pool([length * MS for length in lengths], workers), cores=cores).makespan_ns == max(ends) * MS


@pytest.mark.parametrize("handover", HANDOVERS)
@pytest.mark.parametrize("number", [1, 2, 5])
def test_one_lock_is_a_queue_of_its_own(handover: Literal["barging", "fifo"], number: int) -> None:
    """All come at once: the k-th waits for the k before it, so all together for n (n - 1) / 2 of them."""

    def program() -> None:
        import threading

        lock = threading.Lock()

        def body() -> None:
            with lock:
                compute(S)

        threads([body] * number)

    result = run(program, cores=8, handover=handover)
    assert result.makespan_ns == number * S
    assert time_in(result, "lock wait") == [turn * S for turn in range(number)]
    assert sum(wait.total_ns for wait in result.waits if wait.kind == "Lock") == number * (number - 1) // 2 * S


def pipeline(lengths: list[int], items: int, room: int) -> None:
    """A thread for each stage, bounded queues between them; the first stage makes the items."""
    import queue

    channels: list[queue.Queue[int]] = [queue.Queue(room) for _ in lengths[1:]]

    def stage(number: int) -> Callable[[], None]:
        def body() -> None:
            for item in range(items):
                if number:
                    channels[number - 1].get()
                compute(lengths[number])
                if number < len(channels):
                    channels[number].put(item)

        return body

    threads([stage(number) for number in range(len(lengths))])


@pytest.mark.parametrize("stages", [1, 2, 5])
@pytest.mark.parametrize("items", [1, 2, 9])
@pytest.mark.parametrize("room", [1, 4])
def test_a_pipelines_bubble_is_that_of_filling_and_draining(stages: int, items: int, room: int) -> None:
    result = run(lambda: pipeline([S] * stages, items, room), cores=stages)
    assert result.makespan_ns == (items + stages - 1) * S
    busy = sum(time_in(result, "running"))
    assert 1 - Fraction(busy, stages * result.makespan_ns) == Fraction(stages - 1, items + stages - 1)


@pytest.mark.parametrize("room", [1, 2])
@pytest.mark.parametrize("lengths", [[2, 7, 3], [5, 1], [1, 1, 1, 4], [6]])
def test_a_pipeline_of_unequal_stages_is_paced_by_the_slowest(lengths: list[int], room: int) -> None:
    result = run(lambda: pipeline([length * S for length in lengths], 6, room))
    assert result.makespan_ns == (sum(lengths) + 5 * max(lengths)) * S


@pytest.mark.parametrize("rounds", [1, 4])
@pytest.mark.parametrize("lengths", [[1], [1, 1, 1], [1, 2, 3, 4], [9, 1, 1]])
def test_a_barriers_skew_is_what_everybody_waits_for_the_last(rounds: int, lengths: list[int]) -> None:
    def program() -> None:
        import threading

        barrier = threading.Barrier(len(lengths))

        def body(length: int) -> Callable[[], None]:
            def rounds_of() -> None:
                for _ in range(rounds):
                    compute(length * S)
                    barrier.wait()

            return rounds_of

        threads([body(length) for length in lengths])

    result = run(program)
    assert result.makespan_ns == rounds * max(lengths) * S
    assert time_in(result, "lock wait") == [rounds * (max(lengths) - length) * S for length in lengths]


@pytest.mark.parametrize("cores", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("serial_tenths", range(11))
def test_amdahls_program_gives_amdahls_number(cores: int, serial_tenths: int) -> None:
    """Amdahl 1967: with a serial share s, 1 / (s + (1 - s) / N); 16 divides the parallel part."""

    def program(workers: int) -> Callable[[], None]:
        def body() -> None:
            compute(serial_tenths * 16 * MS)
            threads([lambda: compute((10 - serial_tenths) * 16 * MS // workers)] * workers)

        return body

    alone, together = (run(program(workers), cores=workers).makespan_ns for workers in (1, cores))
    serial = Fraction(serial_tenths, 10)
    assert Fraction(alone, together) == 1 / (serial + (1 - serial) / cores)


@pytest.mark.parametrize("cores", [1, 2, 4, 8])
def test_gustafsons_program_gives_gustafsons_number(cores: int) -> None:
    """Gustafson 1988: the parallel part grows with the cores, and s + (1 - s) N times as much is done in the time."""

    def program() -> None:
        compute(3 * S)
        threads([lambda: compute(7 * S)] * cores)

    result = run(program, cores=cores)
    assert result.makespan_ns == 10 * S
    done = sum(thread.time_in["running"] for thread in result.threads)
    assert Fraction(done, result.makespan_ns) == Fraction(3, 10) + Fraction(7, 10) * cores


@pytest.mark.parametrize("quantum_ms", [1, 3, 10])
@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("slices", [1, 4])
def test_equal_jobs_end_one_quantum_after_the_other(quantum_ms: int, number: int, slices: int) -> None:
    """n jobs of k quanta each on one core: the i-th is done after (k - 1) n + i + 1 quanta."""
    quantum = quantum_ms * MS
    done: list[int] = []

    def program() -> None:
        import time

        def job() -> None:
            compute(slices * quantum)
            done.append(time.perf_counter_ns())

        threads([job] * number)

    result = run(program, cores=1, profile=replace(IDEAL, quantum_ns=quantum))
    assert done == [((slices - 1) * number + index + 1) * quantum for index in range(number)]
    assert result.makespan_ns == number * slices * quantum


def test_round_robin_lets_short_jobs_out_first_and_a_long_quantum_does_not() -> None:
    lengths = [10 * MS, 1 * MS, 2 * MS, 1 * MS]

    def done_with(quantum: int) -> list[int]:
        done = [0] * len(lengths)

        def program() -> None:
            import time

            def job(number: int) -> Callable[[], None]:
                def body() -> None:
                    compute(lengths[number])
                    done[number] = time.perf_counter_ns()

                return body

            threads([job(number) for number in range(len(lengths))])

        run(program, cores=1, profile=replace(IDEAL, quantum_ns=quantum))
        return done

    assert done_with(MS) == [14 * MS, 2 * MS, 6 * MS, 4 * MS]
    assert done_with(MS) == round_robin([(0, length) for length in lengths], MS)
    assert done_with(S) == [10 * MS, 11 * MS, 13 * MS, 14 * MS]


@pytest.mark.parametrize("cores", [1, 2, 4])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_python_code_takes_the_sum_with_a_gil_and_its_share_without(cores: int, number: int) -> None:
    def program() -> None:
        threads([lambda: compute(12 * MS, gil=True)] * number)

    assert run(program, cores=cores).makespan_ns == number * 12 * MS
    free = run(program, cores=cores, gil=False, profile=replace(IDEAL, quantum_ns=12 * MS)).makespan_ns
    assert free == -(-number // cores) * 12 * MS


def test_work_is_conserved_whatever_the_threads_wait_for() -> None:
    """Locks, queues, a GIL, too few cores: what is computed is computed once, and no core does anything else."""

    def program() -> None:
        import queue
        import threading

        lock, items = threading.Lock(), queue.Queue[int](2)

        def producer() -> None:
            for item in range(5):
                compute(3 * MS, gil=True)
                items.put(item)

        def consumer() -> None:
            for _ in range(5):
                items.get()
                with lock:
                    compute(4 * MS)

        def other() -> None:
            for _ in range(3):
                compute(7 * MS)
                with lock:
                    compute(1 * MS, gil=True)

        threads([producer, consumer, other, other])

    work_ns = 5 * (3 + 4) * MS + 2 * 3 * (7 + 1) * MS
    for cores in (1, 2, 3, 8):
        for gil in (True, False):
            result = run(program, cores=cores, gil=gil)
            assert sum(thread.time_in["running"] for thread in result.threads) == work_ns
            assert result.makespan_ns >= work_ns / cores
            assert result.utilisation == pytest.approx(work_ns / (cores * result.makespan_ns))
    assert run(program, cores=1, gil=False).makespan_ns == work_ns, "one core never rests while somebody can run"
