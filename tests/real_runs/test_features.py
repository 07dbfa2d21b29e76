"""Features and the envelope: known programs in virtual time, and each rule at its bound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import weft
from weft.checkers.critical_path import critical_path
from weft.checkers.timed_states import NoTimeline
from weft.real_runs.envelope import ENVELOPE, belief, envelope_reason, in_words, published
from weft.real_runs.features import Features, amdahl_of, bound_of, features_of
from weft.real_runs.features import _overlap as overlap
from weft.real_runs.features import _union as union
from weft.simcore.prediction import PredictedRun
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.trace import Header, Trace, TraceBuilder


def trace_of(program: Callable[[], Any], cores: int = 2, gil: bool = True, profile: Profile = IDEAL) -> Trace:
    with takeover():
        world = TimedWorld(cores=cores, gil=gil, profile=profile, measure=False, scheduler_events=True)
        result = world.run(program)
    assert result.completed
    assert result.trace is not None
    return result.trace


def threads(count: int, body: Callable[[], None]) -> None:
    started = [threading.Thread(target=body) for _ in range(count)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def hashing(pieces: int, seconds: float, python_seconds: float = 0.0) -> None:
    """Pieces without the GIL, each after a moment of Python that keeps them apart."""
    for _ in range(pieces):
        weft.work(python_seconds)
        weft.work(seconds, gil=False)


def test_the_share_of_short_operations_is_that_of_their_time() -> None:
    def program() -> None:
        hashing(10, 10e-6)
        hashing(1, 900e-6)

    features = features_of(trace_of(program), cores=2, gil=True)
    assert features.short_share == pytest.approx(0.1, abs=0.001)
    assert features.memory_share == 0
    assert features.threads == 1
    assert features.seconds == pytest.approx(1e-3, rel=0.01)


def test_python_is_never_a_short_operation() -> None:
    features = features_of(trace_of(lambda: [weft.work(1e-6) for _ in range(100)]), cores=2, gil=True)
    assert features.short_share == 0


def test_threads_are_those_that_compute() -> None:
    features = features_of(trace_of(lambda: threads(3, lambda: hashing(1, 1e-3))), cores=2, gil=True)
    assert features.threads == 3


def test_hand_overs_are_what_the_path_waits_for_a_thread_to_be_ready() -> None:
    profile = replace(IDEAL, handover_ns=100_000)

    def program() -> None:
        ready = threading.Event()
        thread = threading.Thread(target=lambda: (ready.wait(), weft.work(400e-6, gil=False)))
        thread.start()
        weft.work(500e-6, gil=False)
        ready.set()
        thread.join()

    features = features_of(trace_of(program, profile=profile), cores=2, gil=True)
    # 500 us, 100 to wake the thread, its 400, and 100 to wake the main thread that joins it.
    assert features.hand_over_share == pytest.approx(200 / 1100, abs=0.01)


def test_a_contended_lock_is_handed_over_too() -> None:
    """Two threads that want one lock all the time: every wait for it ends with a hand-over."""
    profile = replace(IDEAL, handover_ns=50_000)

    def program() -> None:
        lock = threading.Lock()

        def body() -> None:
            for _ in range(20):
                with lock:
                    weft.work(200e-6, gil=False)
                weft.work(100e-6, gil=False)

        threads(2, body)

    trace = trace_of(program, profile=profile)
    waits = sum(link.kind == "lock" for link in critical_path(trace).links)
    share = features_of(trace, cores=2, gil=True).hand_over_share
    assert waits > 5
    assert share is not None
    assert share * critical_path(trace).duration_ns == pytest.approx(50_000 * waits, rel=0.15)
    # 40 rounds; all but the first few wait, and the main thread does for both.
    both_ns = 2 * critical_path(trace).duration_ns
    assert features_of(trace, cores=2, gil=True).woken_share == pytest.approx(50_000 * 40 / both_ns, rel=0.15)


def test_who_mostly_sleeps_wakes_for_little() -> None:
    def program() -> None:
        threads(2, lambda: time.sleep(50e-3))

    share = features_of(trace_of(program, profile=replace(IDEAL, handover_ns=20_000)), cores=2, gil=True).woken_share
    assert share is not None
    assert share < 0.01


def test_the_spread_is_that_of_the_predicted_interval() -> None:
    trace = trace_of(lambda: weft.work(1e-3))
    assert features_of(trace, cores=1, gil=True, seconds_interval=(0.9, 1.1)).spread == pytest.approx(0.1)
    assert features_of(trace, cores=1, gil=True).spread is None
    assert features_of(trace, cores=1, gil=True, seconds_interval=(0.0, 0.0)).spread is None


def test_a_trace_without_a_machine_has_no_features() -> None:
    with pytest.raises(NoTimeline):
        features_of(TraceBuilder(Header("x", "explored")).build(), cores=1, gil=True)


def test_amdahl_counts_the_main_thread_and_locks_as_serial() -> None:
    def program() -> None:
        guard = threading.Lock()
        weft.work(1e-3)

        def worker() -> None:
            weft.work(4e-3, gil=False)
            with guard:
                weft.work(2e-3, gil=False)
            time.sleep(3e-3)

        threads(1, worker)

    law = amdahl_of(trace_of(program))
    assert law.serial_seconds == pytest.approx(3e-3, rel=0.01)
    assert law.parallel_seconds == pytest.approx(7e-3, rel=0.01)
    assert law.seconds(2) == pytest.approx(6.5e-3, rel=0.01)


def test_the_bound_is_work_or_span() -> None:
    path = critical_path(trace_of(lambda: threads(4, lambda: hashing(1, 1e-3)), cores=2))
    assert bound_of(path).seconds(2) == pytest.approx(2e-3, rel=0.01)
    assert bound_of(path).seconds(64) == pytest.approx(1e-3, rel=0.01)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [([], []), ([(3, 4), (1, 2)], [(1, 2), (3, 4)]), ([(1, 3), (2, 5), (5, 6)], [(1, 6)]), ([(1, 1)], [])],
)
def test_unions(spans: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    assert union(spans) == expected


def test_overlaps_against_counting() -> None:
    spans = [(2, 4), (6, 9), (11, 12)]
    covered = {number for start, end in spans for number in range(start, end)}
    for start in range(14):
        for end in range(start, 14):
            assert overlap(spans, start, end) == len(covered & set(range(start, end)))


def test_the_load_counts_who_wants_to_compute_and_nobody_who_sleeps() -> None:
    def eager() -> None:
        weft.work(1.0, gil=False)

    def idle() -> None:
        weft.work(0.1, gil=False)
        time.sleep(0.9)

    def load(body: Callable[[], None], gil: bool = False, count: int = 8) -> float:
        found = features_of(trace_of(lambda: threads(count, body), cores=8, gil=gil), cores=8, gil=gil).load
        assert found is not None
        return found

    assert load(eager) == pytest.approx(8, rel=0.01)
    assert load(idle) == pytest.approx(0.8, rel=0.01)
    assert load(lambda: weft.work(1.0), gil=True, count=4) == pytest.approx(4, rel=0.01), (
        "so does who waits for the GIL"
    )
    two = features_of(trace_of(lambda: threads(8, eager), cores=2, gil=False), cores=2, gil=False)
    assert two.load == pytest.approx(8, rel=0.01), "who waits for a core wants it"


def test_a_crowd_that_sleeps_is_no_crowd() -> None:
    assert envelope_reason(replace(INSIDE, threads=20, load=4.0)) == ""


INSIDE = Features(
    threads=4, cores=2, gil=True, seconds=1.0, short_share=0.1, memory_share=0.25, hand_over_share=0.1, spread=0.25
)


def test_everything_at_its_bound_is_inside() -> None:
    assert envelope_reason(INSIDE) == ""
    assert envelope_reason(Features(threads=2, cores=2, gil=True)) == "", "what is not known says nothing"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"short_share": 0.5}, "50% of the computing is in GIL-free operations shorter than 20 us"),
        ({"memory_share": 0.9}, "90% of the computing waits for memory"),
        ({"woken_share": 0.07}, "waking threads that wait for each other takes 7%"),
        ({"hand_over_share": 0.2}, "20% of the critical path is handing over"),
        ({"spread": 0.3}, "±30% (at most ±25%)"),
        ({"threads": 7}, "3.5 threads want to compute for each core"),
        ({"load": 6.2}, "3.1 threads want to compute for each core"),
    ],
)
def test_each_rule_says_its_value(changed: dict[str, Any], said: str) -> None:
    assert said in envelope_reason(replace(INSIDE, **changed))


def test_rules_apply_where_they_have_a_meaning() -> None:
    short = replace(INSIDE, short_share=1.0)
    assert envelope_reason(replace(short, gil=False)) == "", "nobody waits for a GIL"
    assert envelope_reason(replace(short, threads=1)) == "", "nor alone"
    assert envelope_reason(replace(INSIDE, threads=1, memory_share=1.0)) == ""
    assert envelope_reason(replace(INSIDE, threads=1, spread=0.5)) != ""


def test_the_rules_are_data_with_their_evidence() -> None:
    assert [rule["feature"] for rule in published()] == [rule.feature for rule in ENVELOPE]
    assert all(rule.evidence.endswith(".") for rule in ENVELOPE)
    assert in_words()[0].startswith("computing in GIL-free operations shorter than 20 us: at most 10%.")


def run_of(seconds: float) -> PredictedRun:
    return PredictedRun(
        params={},
        cores=2,
        gil=True,
        seconds=seconds,
        seconds_interval=(seconds, seconds),
        speedup=1.0,
        interval=(1.0, 1.0),
        utilisation=1.0,
        time_in={},
        bottleneck="",
    )


def test_outside_the_envelope_the_answer_is_a_bound_and_the_reason() -> None:
    short = belief(run_of(1e-3), trace_of(lambda: threads(2, lambda: hashing(100, 5e-6, 1e-6))))
    assert short.reason.startswith("83%")
    assert short.bound_seconds == pytest.approx(600e-6, rel=0.02)
    assert short.answer.startswith("bound only: at least 0.0006 s; 83% of the computing")
    long = belief(run_of(1e-3), trace_of(lambda: threads(2, lambda: hashing(2, 1e-3))))
    assert (long.reason, long.answer) == ("", "")


def test_the_path_that_was_looked_at_comes_with_the_belief() -> None:
    trace = trace_of(lambda: threads(2, lambda: hashing(2, 1e-3)))
    assert belief(run_of(1e-3), trace).path == critical_path(trace)
