"""Time and random numbers in a world: logical, repeatable, and never the wall clock's."""

from __future__ import annotations

import datetime
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from weft.simcore.primitives.clock import EPOCH_NS
from weft.simcore.takeover import takeover

Run = Callable[..., Any]
Explore = Callable[[Callable[[], Any]], set[Any]]

CLOCKS = ["monotonic", "perf_counter", "time", "process_time", "thread_time"]


def test_sleeping_takes_no_time_of_ours_and_all_of_the_threads(run: Run) -> None:
    def program() -> float:
        before = time.monotonic()
        time.sleep(3600)
        return time.monotonic() - before

    assert run(program).value == pytest.approx(3600, abs=0.001)


@pytest.mark.parametrize("clock", CLOCKS)
def test_every_clock_goes_on_at_every_reading(run: Run, clock: str) -> None:
    def program() -> tuple[list[float], list[int]]:
        return [getattr(time, clock)() for _ in range(5)], [getattr(time, f"{clock}_ns")() for _ in range(5)]

    seconds, nanoseconds = run(program).value
    assert seconds == sorted(set(seconds))
    assert nanoseconds == sorted(set(nanoseconds))
    assert all(isinstance(value, float) for value in seconds)
    assert all(isinstance(value, int) for value in nanoseconds)
    assert nanoseconds[0] / 1e9 == pytest.approx(seconds[-1], abs=1)


def test_every_execution_begins_at_the_same_date(run: Run) -> None:
    def program() -> int:
        return time.time_ns()  # looked up here: what was bound before the takeover is the real function

    assert run(program).value == run(program).value
    assert 0 <= run(program).value - EPOCH_NS < 1_000_000_000


def test_a_negative_sleep_is_refused_as_cpython_does(run: Run) -> None:
    def program() -> str:
        try:
            time.sleep(-1)
        except ValueError as error:
            return str(error)
        return "slept"

    assert run(program).value == "sleep length must be non-negative"


def test_a_time_out_takes_its_time(run: Run) -> None:
    def program() -> float:
        before = time.monotonic()
        threading.Event().wait(5)
        return time.monotonic() - before

    assert run(program).value == pytest.approx(5, abs=0.001)


def test_a_wake_up_brings_its_time_along(run: Run) -> None:
    """Clocks are each thread's own, but what happens later is later."""

    def program() -> float:
        ready = threading.Event()

        def work() -> None:
            time.sleep(7)
            ready.set()

        thread = threading.Thread(target=work)
        thread.start()
        ready.wait()
        return time.monotonic()

    assert run(program).value >= 7


def test_a_loop_that_reads_the_clock_ends(run: Run) -> None:
    def program() -> int:
        readings = 0
        end = time.monotonic() + 86_400
        while time.monotonic() < end:
            readings += 1
        return readings

    assert run(program).value < 200


def test_sleeping_orders_nothing(explore: Explore) -> None:
    """A sleep is no synchronisation: the one that sleeps longer may still be first."""

    def program() -> str:
        order: list[str] = []
        lock = threading.Lock()

        def work(name: str, seconds: float) -> None:
            time.sleep(seconds)
            with lock:
                order.append(name)

        threads = [threading.Thread(target=work, args=pair) for pair in (("slow", 10), ("quick", 0))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return " ".join(order)

    assert explore(program) == {"slow quick", "quick slow"}


def test_the_old_way_to_ask_for_utc_warns_where_cpython_does(run: Run) -> None:
    """Deprecated since CPython 3.12; the place is the program's own line, also outside the world."""

    def program() -> tuple[datetime.datetime, list[tuple[type, str, str]]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            moment = datetime.datetime.utcnow()
        return moment, [(each.category, str(each.message), each.filename) for each in caught]

    _, expected = program()
    assert len(expected) == (sys.version_info >= (3, 12))
    moment, warned = run(program).value
    assert warned == expected
    assert moment.tzinfo is None
    assert 0 <= moment.replace(tzinfo=datetime.UTC).timestamp() - EPOCH_NS / 1e9 < 1
    with takeover():
        moment, warned = program()
    assert warned == expected
    assert abs(moment.replace(tzinfo=datetime.UTC).timestamp() - time.time()) < 3600


DRAWS: dict[str, Callable[[], Any]] = {
    "random": random.random,
    "randint": lambda: random.randint(1, 10**9),
    "choice": lambda: random.choice(range(10**9)),
    "shuffle": lambda: _shuffled(list(range(20))),
    "sample": lambda: random.sample(range(1000), 5),
    "gauss": lambda: random.gauss(0, 1),
    "getrandbits": lambda: random.getrandbits(64),
    "uniform": lambda: random.uniform(0, 1),
    "randbytes": lambda: random.randbytes(8),
}


def _shuffled(items: list[int]) -> list[int]:
    random.shuffle(items)
    return items


@pytest.mark.parametrize("draw", DRAWS)
def test_random_numbers_are_the_same_in_every_execution(run: Run, draw: str) -> None:
    def program() -> list[Any]:
        # Looked up here: what was bound before the takeover is the real function.
        calls = {
            "random": lambda: random.random(),
            "getrandbits": lambda: random.getrandbits(64),
        }
        return [calls.get(draw, DRAWS[draw])() for _ in range(3)]

    first = run(program).value
    assert first == run(program).value
    assert first[0] != first[1]


def test_a_seed_of_the_programs_own_is_obeyed(run: Run) -> None:
    def program() -> float:
        random.seed(42)
        return random.random()

    assert run(program).value == random.Random(42).random()


def test_the_state_can_be_put_back(run: Run) -> None:
    def program() -> bool:
        state = random.getstate()
        first = random.random()
        random.setstate(state)
        return random.random() == first

    assert run(program).value


def test_a_generator_of_the_programs_own_is_untouched(run: Run) -> None:
    assert run(lambda: random.Random(1).random()).value == random.Random(1).random()


def test_outside_a_world_random_numbers_and_time_are_real() -> None:
    random.seed(7)
    expected = random.Random(7).random()
    assert random.random() == expected
    assert time.time_ns() > EPOCH_NS
