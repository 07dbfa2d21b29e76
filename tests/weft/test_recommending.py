"""How many threads are enough: the smallest number as good as any, refined between the ones that were swept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import weft
from weft.attribution import Simulations
from weft.recommending import ordinal, recommend
from weft.simcore.bottlenecks import Recommendation
from weft.simcore.prediction import Configuration, PredictionError, predict, sweep, timeline
from weft.simcore.profile import IDEAL
from weft.simcore.trace import Trace

Program = Callable[[dict[str, Any]], None]


def recommended(
    program: Program, parameters: dict[str, list[Any]], cores: list[int], gil: list[bool], fails_at: int | None = None
) -> tuple[list[Recommendation], list[Configuration]]:
    """What is recommended, and the configurations that were simulated for it."""
    asked: list[Configuration] = []

    def run_timeline(configuration: Configuration) -> Trace:
        asked.append(configuration)
        if fails_at is not None and configuration.params.get("workers") == fails_at:
            raise PredictionError("too many")
        return timeline(program, configuration, profile=IDEAL, measure=False)

    prediction = predict(program, sweep(parameters, cores, gil), profile=IDEAL, measure=False)
    return recommend(prediction, Simulations(run_timeline)), asked


def shared(params: dict[str, Any]) -> None:
    """60 rounds of 10 ms over the workers, a fifth of each inside one lock: five workers keep it busy."""
    lock = threading.Lock()

    def worker(first: int) -> None:
        for _ in range(first, 60, params["workers"]):
            with lock:
                weft.work(0.002, gil=False)
            weft.work(0.008, gil=False)

    threads = [threading.Thread(target=worker, args=(index,)) for index in range(params["workers"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_number_between_two_swept_ones_is_found_and_one_more_explained() -> None:
    (found,), asked = recommended(shared, {"workers": [1, 2, 4, 8, 16]}, [16], [False])
    assert (found.parameter, found.value, found.cores, found.gil, found.params) == ("workers", 5, 16, False, {})
    assert found.speedup == pytest.approx(600 / 128), "60 rounds of 10 ms over 5, and 4 times 2 ms to get out of step"
    assert found.next_gain == 0
    assert found.sentence.startswith("5 workers: 4.7x; a sixth gains 0 %, because 22 % of the critical path waits for")
    assert "Lock 'lock' (test_recommending.py:" in found.sentence
    assert len(asked) <= 6


def test_cores_are_the_reason_beyond_them() -> None:
    (found,), _ = recommended(shared, {"workers": [1, 2, 3, 6]}, [1, 2], [False])
    assert (found.value, found.cores) == (2, 2)
    assert found.reason.endswith("waits for a free core (of 2)")


def test_what_still_grows_is_not_called_enough() -> None:
    (found,), _ = recommended(shared, {"workers": [1, 2, 3]}, [8], [False])
    assert found.value == 3
    assert found.sentence.endswith("; a fourth gains 31 %: try more of them")


def test_each_gil_mode_has_its_own() -> None:
    def program(params: dict[str, Any]) -> None:
        threads = [
            threading.Thread(target=weft.work, args=(0.6 / params["workers"],)) for _ in range(params["workers"])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    (with_gil, without), _ = recommended(program, {"workers": [1, 2, 4]}, [4], [True, False])
    assert (with_gil.value, with_gil.gil, without.value, without.gil) == (1, True, 4, False)
    assert with_gil.sentence.startswith("1 worker: 1.0x; a second gains 0 %, because 50 % of the critical path waits")
    assert with_gil.reason.endswith("for the GIL")


def test_without_a_parameter_for_threads_the_cores_are_counted() -> None:
    (found,), _ = recommended(lambda _: shared({"workers": 3}), {"size": [1, 2]}, [1, 2, 4, 8], [False])
    assert (found.parameter, found.value) == ("cores", 3)
    assert found.sentence.startswith("3 cores: 2.9x; a fourth gains 0 %, because no thread waits for one")


def test_a_parameter_of_another_name_is_given_as_it_is_written() -> None:
    (found,), _ = recommended(lambda params: shared({"workers": params["n"]}), {"n": [1, 2], "size": [7]}, [2], [False])
    assert (found.parameter, found.params) == ("n", {"size": 7})
    assert found.sentence.startswith("n=2: 2.0x; a third gains 0 %, because ")


def test_nothing_swept_is_nothing_recommended() -> None:
    found, asked = recommended(shared, {"workers": [4]}, [2], [True])
    assert (found, asked) == ([], [])


def test_numbers_at_which_the_program_fails_are_too_many() -> None:
    (found,), _ = recommended(shared, {"workers": [1, 2, 4]}, [8], [False], fails_at=5)
    assert (found.value, found.next_gain) == (4, None)
    assert found.sentence == "4 workers: 3.8x"
    (found,), _ = recommended(shared, {"workers": [1, 2, 8]}, [8], [False], fails_at=5)
    assert found.value == 6, "5 is enough, but it fails"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2, "a second"),
        (5, "a fifth"),
        (8, "an eighth"),
        (10, "a tenth"),
        (11, "an 11th"),
        (12, "a 12th"),
        (18, "an 18th"),
        (21, "a 21st"),
        (33, "a 33rd"),
        (80, "an 80th"),
        (102, "a 102nd"),
        (111, "a 111th"),
        (1, "a 1st"),
    ],
)
def test_ordinals(number: int, text: str) -> None:
    assert ordinal(number) == text


def test_there_is_no_ordinal_of_nothing() -> None:
    with pytest.raises(ValueError, match="number is 0"):
        ordinal(0)
