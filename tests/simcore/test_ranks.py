"""Nice levels and real-time FIFO: the kernel's weights met within a slice, and first come, first served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.simcore import priority as priorities
from weft.simcore import ranks
from weft.simcore.machine import NOGIL, RUNNING, Clock, Machine, Runner
from weft.simcore.profile import IDEAL
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.work import work

MS = 1_000_000


def machine(cores: int = 1, quantum_ns: int = 3 * MS) -> Machine:
    return Machine(Clock(), cores=cores, gil=False, profile=replace(IDEAL, quantum_ns=quantum_ns))


def run(here: Machine) -> None:
    while here.clock.pending:
        here.clock.step()


def burn(here: Machine, duration_ns: int, ended: dict[str, int]) -> Callable[[Runner], None]:
    def over(runner: Runner) -> None:
        ended[runner.name] = here.clock.now_ns
        here.end(runner)

    return lambda runner: here.burst(runner, duration_ns, NOGIL, over)


def test_a_nice_level_is_about_a_quarter_more_than_the_next() -> None:
    """As the comment at the kernel's table promises: ten per cent of the CPU for one level."""
    assert ranks.weight(0) == 1024
    for nice in range(ranks.NICE_MIN, ranks.NICE_MAX):
        assert 1.15 < ranks.weight(nice) / ranks.weight(nice + 1) < 1.35
    assert ranks.weight(1) / (ranks.weight(0) + ranks.weight(1)) == pytest.approx(0.45, abs=0.01)


@pytest.mark.parametrize("nice", [-21, 20])
def test_nice_levels_beyond_the_kernels_are_refused(nice: int) -> None:
    with pytest.raises(ValueError, match=f"nice is {nice}; levels go from -20"):
        machine().prioritise(Runner("polite"), 0, nice=nice)


@given(st.lists(st.integers(-20, 19), min_size=1, max_size=5), st.integers(1, 10**9))
@settings(deadline=None, max_examples=60)
def test_shares_of_a_core_are_by_weight_within_a_slice(nices: list[int], until_ns: int) -> None:
    here = machine()
    runners = [Runner(f"t{number}") for number in range(len(nices))]
    for runner, nice in zip(runners, nices, strict=True):
        here.prioritise(runner, 0, nice=nice)
        here.start(runner, 0, burn(here, 10**12, {}))
    here.clock.run(until_ns)
    weights = [ranks.weight(nice) for nice in nices]
    for runner, weight in zip(runners, weights, strict=True):
        here.settle(runner)
        assert abs(runner.time_in[RUNNING] - until_ns * weight / sum(weights)) <= runner.slice_ns + len(nices)


def test_a_new_nice_level_counts_from_the_next_slice() -> None:
    """Slices of 1,024 and 1,024, then of 1,024 and 110 (nice 10)."""
    here = machine(quantum_ns=1024)
    ended: dict[str, int] = {}
    first, second = Runner("first"), Runner("second")
    here.start(first, 0, burn(here, 2500, ended))
    here.start(second, 0, burn(here, 1300, ended))
    here.timer(1500, lambda: here.prioritise(second, 0, nice=10))
    run(here)
    assert ended == {"first": 1024 + 1024 + 1024 + 110 + 452, "second": 3800}


def test_real_time_runs_before_everything_and_has_no_slices() -> None:
    here = machine(quantum_ns=10)
    ended: dict[str, int] = {}
    ordinary, important = Runner("ordinary"), Runner("important")
    first, second = Runner("first"), Runner("second")
    here.prioritise(important, 1000)
    here.prioritise(first, 0, realtime=True)
    here.prioritise(second, 0, realtime=True)
    for runner, start in ((ordinary, 0), (important, 5), (first, 7), (second, 8)):
        here.start(runner, start, burn(here, 50, ended))
    run(here)
    assert ended == {"first": 57, "second": 107, "important": 155, "ordinary": 200}


def test_real_time_of_higher_priority_takes_the_core_and_the_other_goes_on_first() -> None:
    here = machine(quantum_ns=10)
    ended: dict[str, int] = {}
    for name, start, priority in (("low", 0, 1), ("high", 20, 2), ("also low", 5, 1)):
        runner = Runner(name)
        here.prioritise(runner, priority, realtime=True)
        here.start(runner, start, burn(here, 50, ended))
    run(here)
    assert ended == {"high": 70, "low": 100, "also low": 150}


def test_who_becomes_real_time_in_the_middle_keeps_its_core() -> None:
    """Beyond its slice from 10 on; the newcomer would have its core at 30."""
    here = machine(quantum_ns=10)
    ended: dict[str, int] = {}
    first, second = Runner("first"), Runner("second")
    here.start(first, 0, burn(here, 50, ended))
    here.start(second, 30, burn(here, 5, ended))
    here.timer(20, lambda: here.prioritise(first, 0, realtime=True))
    here.timer(40, lambda: here.prioritise(first, 0, realtime=False))
    run(here)
    assert ended == {"first": 50, "second": 55}, "an ordinary slice begins at 40"


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20)), min_size=1, max_size=6), st.integers(1, 3))
@settings(deadline=None)
def test_equals_in_real_time_are_served_in_order_of_arrival(tasks: list[tuple[int, int]], cores: int) -> None:
    here = machine(cores, quantum_ns=3)
    ended: dict[str, int] = {}
    for number, (start, duration_ns) in enumerate(tasks):
        runner = Runner(f"t{number}")
        here.prioritise(runner, 5, realtime=True)
        here.start(runner, start, burn(here, duration_ns, ended))
    run(here)
    free = [0] * cores
    for number, (start, duration_ns) in sorted(enumerate(tasks), key=lambda task: task[1][0]):
        core = min(range(cores), key=lambda core: free[core])
        free[core] = max(free[core], start) + duration_ns
        assert ended[f"t{number}"] == free[core]


def test_inheritance_hands_on_the_real_time_class() -> None:
    """At 6 ms the real-time thread finds its lock taken: the holder, 4 ms from the end, runs before ``important``."""

    def program() -> None:
        import threading
        import time

        lock = threading.Lock()

        def holder() -> None:
            with lock:
                work(10e-3, gil=False)
                world.mark("holder")

        def realtime() -> None:
            priorities.priority(0, realtime=True)
            with lock:
                world.mark("realtime")

        def important() -> None:
            priorities.priority(9)
            work(50e-3, gil=False)
            world.mark("important")

        threading.Thread(target=holder).start()
        time.sleep(1e-3)
        for body in (realtime, important):
            threading.Thread(target=body).start()

    with takeover():
        world = TimedWorld(cores=1, gil=False, profile=IDEAL, measure=False, inheritance=True)
        marks = world.run(program).marks
    assert [(mark.text, mark.time_ns) for mark in marks] == [
        ("holder", 10 * MS),
        ("realtime", 10 * MS),
        ("important", 60 * MS),
    ]


def test_a_thread_starts_with_the_rank_of_the_one_that_starts_it() -> None:
    """Real-time, the child comes before ``important``, whose level is the higher one."""

    def program() -> None:
        import threading

        def body(level: int, text: str) -> None:
            if level:
                priorities.priority(level, realtime=False)
            work(10e-3, gil=False)
            world.mark(text)

        priorities.priority(0, realtime=True)
        threads = [threading.Thread(target=body, args=row) for row in ((9, "important"), (0, "child"))]
        for thread in threads:
            thread.start()

    with takeover():
        world = TimedWorld(cores=1, gil=False, profile=IDEAL, measure=False)
        marks = world.run(program).marks
    assert [mark.text for mark in marks] == ["child", "important"]


@pytest.mark.parametrize("nice", [-21, 20])
def test_a_nice_level_out_of_range(nice: int) -> None:
    with pytest.raises(ValueError, match=rf"nice={nice}\): a nice level lies between -20 \(much\) and 19 \(little\)"):
        priorities.priority(0, nice=nice)


def test_a_nice_level_that_is_none() -> None:
    with pytest.raises(TypeError, match="a nice level is an integer"):
        priorities.priority(0, nice=1.5)  # pyright: ignore[reportArgumentType]
