"""Random task sets against schedulers that know nothing of threads, to the nanosecond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.simcore.profile import IDEAL

from .analytic_kit import compute, list_schedule, round_robin, run, threads, time_in, waiting_times

LENGTHS = st.lists(st.integers(0, 10_000_000), min_size=1, max_size=25)


def pool(lengths: list[int], workers: int) -> tuple[list[tuple[int, int]], Callable[[], None]]:
    """A program in which workers take tasks from a queue, and the start and end of each task as it will note them."""
    spans = [(-1, -1)] * len(lengths)

    def program() -> None:
        import queue
        import time

        tasks: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(len(lengths)):
            tasks.put(number)
        for _ in range(workers):
            tasks.put(-1)

        def worker() -> None:
            while (number := tasks.get()) >= 0:
                start = time.perf_counter_ns()
                compute(lengths[number])
                spans[number] = (start, time.perf_counter_ns())

        threads([worker] * workers)

    return spans, program


@settings(max_examples=40)
@given(LENGTHS, st.integers(1, 6), st.integers(0, 3))
def test_a_pool_with_enough_cores_is_list_scheduling(lengths: list[int], workers: int, more: int) -> None:
    """Start and end of all tasks, sorted: which of two workers that are free at one time comes first is left open."""
    spans, program = pool(lengths, workers)
    result = run(program, cores=workers + more)
    expected = list_schedule(lengths, workers)
    assert sorted(spans) == sorted(expected)
    assert result.makespan_ns == max(end for _, end in expected)


@settings(max_examples=40)
@given(LENGTHS, st.integers(1, 8), st.integers(1, 4), st.sampled_from([1_000, 1_000_000, 50_000_000]))
def test_any_pool_keeps_the_bounds_of_work_and_span(
    lengths: list[int], workers: int, cores: int, quantum_ns: int
) -> None:
    """Graham 1969: with P = min(workers, cores) at work, W / P <= T <= W / P + (1 - 1 / P) L, with preemption too.

    When the first of P has nothing left to do, nobody is waiting: all that is left runs, and is at most L long.
    """
    quantum_ns = max(quantum_ns, max(lengths) // 100)
    spans, program = pool(lengths, workers)
    result = run(program, cores=cores, profile=replace(IDEAL, quantum_ns=quantum_ns))
    at_work, whole, longest = min(workers, cores), sum(lengths), max(lengths)
    assert whole / at_work <= result.makespan_ns <= whole / at_work + (1 - 1 / at_work) * longest + 1
    assert sum(time_in(result, "running")) == whole
    assert all(0 <= start <= end <= result.makespan_ns for start, end in spans)


JOBS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), min_size=1, max_size=8)


@settings(max_examples=40)
@given(JOBS, st.integers(1, 12))
def test_one_core_is_round_robin(jobs: list[tuple[int, int]], quantum: int) -> None:
    """Every job comes at a residue of its own, so that no two things happen at one time."""
    unit = 1000
    timed = [(arrival * unit + residue, length * unit) for residue, (arrival, length) in enumerate(jobs, start=1)]
    done = [0] * len(jobs)

    def program() -> None:
        import time

        def job(number: int) -> Callable[[], None]:
            arrival, length = timed[number]

            def body() -> None:
                time.sleep(arrival / 1e9)
                compute(length)
                done[number] = time.perf_counter_ns()

            return body

        threads([job(number) for number in range(len(jobs))])

    run(program, cores=1, profile=replace(IDEAL, quantum_ns=quantum * unit))
    assert done == round_robin(timed, quantum * unit)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 1_000), st.integers(1, 3_000)), min_size=1, max_size=40), st.integers(1, 5))
def test_customers_wait_as_kiefer_and_wolfowitz_say(customers: list[tuple[int, int]], servers: int) -> None:
    arrivals, now = list[int](), 0
    for gap, _ in customers:
        now += gap
        arrivals.append(now)
    waited = [-1] * len(customers)

    def program() -> None:
        import queue
        import time

        coming: queue.Queue[int] = queue.Queue()

        def server() -> None:
            while (customer := coming.get()) >= 0:
                waited[customer] = time.perf_counter_ns() - arrivals[customer]
                compute(customers[customer][1])

        def source() -> None:
            for customer, (gap, _) in enumerate(customers):
                time.sleep(gap / 1e9)
                coming.put(customer)
            for _ in range(servers):
                coming.put(-1)

        threads([*[server] * servers, source])

    run(program, cores=servers + 1)
    assert waited == waiting_times(arrivals, [service for _, service in customers], servers)


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=5), min_size=1, max_size=5))
def test_one_lock_lets_them_through_in_the_order_of_coming(outside: list[list[int]]) -> None:
    """Random times outside of one lock, one millisecond inside: nobody is served before somebody who waited longer."""
    unit, inside = 1_000_000, 500_000
    entered: list[tuple[int, int]] = []

    def program() -> None:
        import threading
        import time

        lock = threading.Lock()

        def body(number: int) -> Callable[[], None]:
            def rounds() -> None:
                for length in outside[number]:
                    compute(length * unit + number + 1)
                    asked = time.perf_counter_ns()
                    with lock:
                        entered.append((time.perf_counter_ns(), asked))
                        compute(inside)

            return rounds

        threads([body(number) for number in range(len(outside))])

    result = run(program, cores=8)
    assert sorted(entered) == sorted(entered, key=lambda turn: turn[1])
    free_at = 0
    for at, asked in sorted(entered):
        assert at == max(asked, free_at)
        free_at = at + inside
    assert sum(wait.total_ns for wait in result.waits if wait.kind == "Lock") == sum(
        at - asked for at, asked in entered
    )
