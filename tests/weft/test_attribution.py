"""What holds a program back and what taking it away gains, for programs whose every second is known."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from msgspec.structs import replace

import weft
from weft.attribution import RunTimeline, Simulations, attribute, function_name, laws_beside
from weft.checkers.critical_path import duration_ns
from weft.simcore.bottlenecks import Attribution
from weft.simcore.prediction import Configuration, Prediction, PredictionError, predict, sweep, timeline
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.trace import Trace

Program = Callable[[dict[str, Any]], None]


def run_timeline_of(program: Program, profile: Profile = IDEAL) -> RunTimeline:
    """Free locks and scaled lines are the program's own parameters here, so that nothing depends on how weft does it."""

    def run_timeline(configuration: Configuration) -> Trace:
        params = {**configuration.params, "free": configuration.free_locks, "scale": configuration.scale}
        plain = Configuration(params, configuration.cores, configuration.gil)
        return timeline(program, plain, profile=profile, measure=False)

    return run_timeline


def predicted(program: Program, configurations: list[Configuration], profile: Profile = IDEAL) -> Prediction:
    return predict(
        lambda params: program({"free": (), "scale": {}, **params}), configurations, profile=profile, measure=False
    )


def attributed(program: Program, cores: list[int], gil: list[bool], **params: Any) -> list[Attribution]:
    configurations = sweep({name: [value] for name, value in params.items()}, cores, gil)
    return attribute(predicted(program, configurations), run_timeline_of(program))


def together(bodies: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=body, name=f"t{number}") for number, body in enumerate(bodies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def locked(params: dict[str, Any]) -> None:
    """Four threads, each 1 s alone and 3 s inside a lock."""
    lock: Any = threading.Lock()
    held: Any = nullcontext() if "lock" in params["free"] else lock

    def step() -> None:
        weft.work(1, gil=False)
        with held:
            weft.work(3, gil=False)

    together([step] * 4)


def test_a_lock_is_named_with_its_share_and_with_what_its_absence_gains() -> None:
    (found,) = attributed(locked, [1, 4], [False])
    assert (found.cores, found.gil) == (4, False)
    assert found.bottleneck.startswith("Lock 'lock' (test_attribution.py:")
    assert found.bottleneck.endswith("): 69 % of the critical path")
    assert found.share == pytest.approx(9 / 13)
    assert (found.change, found.changed_seconds) == ("without it", 4)
    assert found.speedup == pytest.approx(16 / 13)
    assert found.changed_speedup == pytest.approx(4)
    assert found.sentence == f"{found.bottleneck}; without it: 4.0x instead of 1.2x"
    assert (found.seconds, found.work_seconds, found.span_seconds) == (13, 16, 4)


def test_the_path_is_told_part_by_part_with_who_held_what() -> None:
    (found,) = attributed(locked, [4], [False])
    lock, inside, alone = found.path
    assert [part.seconds for part in found.path] == [9, 3, 1]
    assert sum(part.share for part in found.path) == pytest.approx(1, abs=1e-5)
    assert [part.kind for part in found.path] == ["lock", "compute", "compute"]
    assert len(lock.held_by) == 3
    assert all(holder.startswith(f"t{number} (test_attribution.py:") for number, holder in enumerate(lock.held_by))
    assert inside.what.startswith("computing in step (test_attribution.py:")
    assert alone.what != inside.what


def test_a_change_that_makes_the_program_fail_is_left_out() -> None:
    run_timeline = run_timeline_of(locked)

    def failing(configuration: Configuration) -> Trace:
        if configuration.free_locks:
            raise PredictionError("two threads at once")
        return run_timeline(configuration)

    prediction = predicted(locked, [Configuration({}, 4, False)])
    (found,) = attribute(prediction, failing)
    assert found.changed_seconds is None
    assert found.sentence == found.bottleneck


def test_no_timeline_is_made_where_a_time_is_enough() -> None:
    """Times of the prediction are known, and changes are only asked for theirs."""
    prediction = predicted(locked, [Configuration({}, cores, False) for cores in (1, 4)])
    plain = run_timeline_of(locked)
    traced: list[str] = []
    timed: list[str] = []

    def run_timeline(configuration: Configuration) -> Trace:
        traced.append(str(configuration))
        return plain(configuration)

    def run_seconds(configuration: Configuration) -> float:
        timed.append(str(configuration))
        return duration_ns(plain(configuration)) / 1e9

    simulations = Simulations(run_timeline, None, prediction, run_seconds)
    assert [simulations.seconds(Configuration({}, cores, False)) for cores in (1, 4)] == [16, 13]
    assert (traced, timed) == ([], [])
    (found,) = attribute(prediction, simulations)
    (expected,) = attribute(prediction, plain)
    assert found == expected
    assert len(traced) == len(timed) == 1
    assert "4 cores" in traced[0]
    assert "lock" in timed[0]
    assert simulations.seconds(Configuration({}, 4, False, free_locks=("lock",))) == 4
    assert len(timed) == 1, "asked once"


def test_a_path_that_is_known_says_the_time_itself() -> None:
    def run_seconds(configuration: Configuration) -> float:
        raise AssertionError(f"{configuration} is known")

    simulations = Simulations(run_timeline_of(locked), run_seconds=run_seconds)
    assert simulations.path(Configuration({}, 4, False)).duration_ns == 13e9
    assert simulations.seconds(Configuration({}, 4, False)) == 13


def test_a_lock_that_is_not_the_only_cause_gains_nothing() -> None:
    """Without the lock the four threads wait as long for the only core."""
    (found,) = attributed(locked, [1], [False])
    free = replace(found, bottleneck="Lock", change="without it", changed_speedup=found.speedup)
    assert free.sentence == "Lock; without it: no faster"


def python(params: dict[str, Any]) -> None:
    together([lambda: weft.work(1), lambda: weft.work(1)])


def test_the_gil_is_taken_away_by_another_interpreter() -> None:
    with_it, without = attributed(python, [2], [True, False])
    assert with_it.bottleneck == "the GIL: 50 % of the critical path"
    assert with_it.sentence == "the GIL: 50 % of the critical path; without it: 2.0x instead of 1.0x"
    assert with_it.gil_seconds == 2
    assert without.bottleneck.startswith("computing at test_attribution.py:")
    assert without.gil_seconds == 0


def test_cores_are_doubled() -> None:
    def program(params: dict[str, Any]) -> None:
        together([lambda: weft.work(1, gil=False)] * 4)

    (found,) = attributed(program, [2], [False])
    assert found.bottleneck == "a free core (of 2): 50 % of the critical path"
    assert found.sentence.endswith("; with 4 cores: 2.0x instead of 1.0x")


def test_without_any_wait_the_longest_computation_is_made_twice_as_fast() -> None:
    def program(params: dict[str, Any]) -> None:
        def train() -> None:
            weft.work(3 * next(iter(params["scale"].values()), 1))

        def load() -> None:
            weft.work(1)

        load()
        train()

    (found,) = attributed(program, [1], [True])
    assert found.bottleneck.startswith("computing in train (test_attribution.py:")
    assert found.bottleneck.endswith(": 75 % of the critical path")
    assert found.sentence.endswith("; twice as fast: 1.6x instead of 1.0x")


def test_sleeping_is_said_and_nothing_is_promised() -> None:
    def program(params: dict[str, Any]) -> None:
        import time

        def fetch() -> None:
            time.sleep(2)

        fetch()

    (found,) = attributed(program, [1], [True])
    assert found.sentence.startswith("sleeping in fetch (test_attribution.py:")
    assert found.sentence.endswith("): 100 % of the critical path")


def test_a_program_that_takes_no_time_has_no_bottleneck() -> None:
    (found,) = attributed(lambda params: None, [1], [True])
    assert found.sentence == "none: the program takes no time"
    assert (found.path, found.share) == ([], 0)


def test_locks_of_one_place_are_told_together() -> None:
    def program(params: dict[str, Any]) -> None:
        locks = [threading.Lock() for _ in range(2)]

        def step(number: int) -> None:
            for turn in range(2):
                with locks[(number // 2 + turn) % 2]:
                    weft.work(1, gil=False)

        together([lambda number=number: step(number) for number in range(4)])

    (found,) = attributed(program, [4], [False])
    assert found.bottleneck.startswith(("2 Locks such as 'locks[", "Lock 'locks["))
    assert "(test_attribution.py:" in found.bottleneck


@pytest.mark.parametrize(
    ("qualified", "name"),
    [
        ("run.<locals>.worker", "worker"),
        ("Model.forward", "Model.forward"),
        ("<module>", ""),
        ("main.<locals>.<lambda>", ""),
        ("", ""),
    ],
)
def test_functions_are_called_by_their_own_name(qualified: str, name: str) -> None:
    assert function_name(qualified) == name


def amdahl(params: dict[str, Any]) -> None:
    """A quarter alone, the rest in as many equal parts as there are cores."""
    weft.work(1, gil=False)
    together([lambda: weft.work(0.375, gil=False)] * 8)


def test_the_bound_and_the_published_speedup_stand_beside_the_fitted_laws() -> None:
    prediction = predicted(amdahl, sweep({}, [1, 2, 4, 8], [False]))
    attributions = attribute(prediction, run_timeline_of(amdahl))
    laws = laws_beside(prediction, attributions)
    assert set(laws) == {*prediction.laws, "critical_path", "published"}
    bound = laws["critical_path"]["gil off"]
    assert (bound["work_seconds"], bound["span_seconds"], bound["cores"]) == (4, 1.375, 8)
    assert bound["speedup_max"] == pytest.approx(4 / 1.375)
    assert laws["amdahl"]["gil off"]["serial_fraction"] == pytest.approx(0.25, abs=0.01)
    published = laws["published"]["gil off"]
    assert published["speedup"] == pytest.approx(1.03, abs=0.01), "where the truth is 2.9"
    assert published["error"] > 1
    assert prediction.laws.keys().isdisjoint({"critical_path", "published"}), "the prediction is as it was"
