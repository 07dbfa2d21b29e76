"""Scaling laws: found again from their own numbers, and fitted no worse than an independent solver does."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.simcore import laws
from weft.simcore.laws import Amdahl, CriticalPathBound, Gustafson, Usl, fit_laws


@dataclass(frozen=True)
class Row:
    cores: int
    seconds: float
    gil: bool = True


@given(st.floats(0, 1), st.floats(0.01, 100))
def test_amdahl_is_found_again(serial: float, seconds: float) -> None:
    runs = [Row(cores, seconds * (serial + (1 - serial) / cores)) for cores in (1, 2, 4, 8)]
    law = fit_laws(runs)["amdahl"]["gil on"]
    assert law["serial_fraction"] == pytest.approx(serial, abs=1e-6)
    assert law["one_core_seconds"] == pytest.approx(seconds)
    assert law["error"] < 1e-6


@given(st.floats(0, 0.5), st.floats(0.0001, 0.05))
def test_usl_is_found_again(contention: float, coherency: float) -> None:
    runs = [
        Row(cores, (1 + contention * (cores - 1) + coherency * cores * (cores - 1)) / cores, gil=False)
        for cores in (1, 2, 4, 8, 16)
    ]
    law = fit_laws(runs)["usl"]["gil off"]
    assert law["contention"] == pytest.approx(contention, abs=1e-6)
    assert law["coherency"] == pytest.approx(coherency, abs=1e-6)
    assert law["one_core_seconds"] == pytest.approx(1)
    assert law["cores_best"] == pytest.approx(((1 - contention) / coherency) ** 0.5, rel=1e-3)


@given(st.floats(0, 1))
def test_gustafson_is_found_again(serial: float) -> None:
    law = Gustafson(serial)
    found = laws.fit_gustafson([(cores, law.scaled_speedup(cores)) for cores in (1, 2, 8, 64)])
    assert found.serial_fraction == pytest.approx(serial, abs=1e-9)


@given(st.floats(0.1, 10), st.floats(0.001, 0.1), st.floats(0, 5))
def test_the_time_of_threads_is_found_again(work: float, thread: float, serial: float) -> None:
    true = laws.ThreadsTime(work, thread, serial)
    law = fit_laws([Row(cores, true.seconds(cores)) for cores in (1, 2, 4, 8, 16)])["threads"]["gil on"]
    assert law["error"] < 1e-6
    assert law["work_seconds"] == pytest.approx(work, rel=1e-4)
    assert law["thread_seconds"] == pytest.approx(thread, rel=1e-3)
    assert law["serial_seconds"] == pytest.approx(serial, abs=1e-3)
    best = true.cores_best
    assert best is not None
    assert true.seconds(best) <= min(true.seconds(cores) for cores in range(1, 200)) + 1e-12
    assert laws.ThreadsTime(1.0, 0.0, 1.0).cores_best is None


def test_gustafson_without_a_second_core_count_says_nothing_is_serial() -> None:
    assert laws.fit_gustafson([(1, 1.0)]) == Gustafson(0.0)


@given(st.floats(0.01, 0.99), st.integers(2, 64))
def test_gustafson_is_amdahl_of_the_grown_program(serial: float, cores: int) -> None:
    """Shi 1996: the same statement about a program whose parallel part is N times as large."""
    grown = Amdahl(serial, (1 - serial) * cores)
    assert grown.one_core_seconds / grown.seconds(cores) == pytest.approx(Gustafson(serial).scaled_speedup(cores))


def test_the_best_number_of_cores_is_where_the_usl_is_fastest() -> None:
    law = Usl(1.0, 0.1, 0.01)
    assert law.cores_best is not None
    whole = min(range(1, 100), key=law.seconds)
    assert abs(whole - law.cores_best) < 1
    assert law.seconds(law.cores_best) <= law.seconds(whole)
    assert Usl(1.0, 0.1, 0.0).cores_best is None
    assert Usl(1.0, 1.0, 0.1).cores_best is None


def test_laws_need_three_core_counts_and_take_the_best_time_of_each() -> None:
    assert fit_laws([Row(1, 4), Row(2, 2), Row(2, 2)]) == {}
    found = fit_laws([Row(1, 4), Row(2, 2), Row(4, 1), Row(4, 3), Row(2, 4)])
    assert found["amdahl"]["gil on"] == {
        "serial_fraction": 0,
        "speedup_max": None,
        "one_core_seconds": pytest.approx(4),
        "error": pytest.approx(0),
    }
    assert found["usl"]["gil on"] == {
        "contention": 0,
        "coherency": 0,
        "cores_best": None,
        "one_core_seconds": pytest.approx(4),
        "error": pytest.approx(0),
    }
    assert found["gustafson"]["gil on"] == {"serial_fraction": 0, "cores": 4, "scaled_speedup": 4}


def test_gil_modes_are_fitted_apart() -> None:
    rows = [Row(cores, 1.0) for cores in (1, 2, 4)] + [Row(cores, 1 / cores, gil=False) for cores in (1, 2, 4)]
    found = fit_laws(rows)["amdahl"]
    assert found["gil on"]["serial_fraction"] == pytest.approx(1)
    assert found["gil on"]["speedup_max"] == pytest.approx(1)
    assert found["gil off"]["serial_fraction"] == 0


def test_superlinear_times_do_not_give_negative_terms() -> None:
    found = fit_laws([Row(1, 10), Row(2, 4), Row(4, 1.5)])
    assert found["amdahl"]["gil on"]["serial_fraction"] == 0
    assert found["usl"]["gil on"]["contention"] >= 0
    assert found["usl"]["gil on"]["coherency"] >= 0


def test_a_program_that_takes_no_time_has_no_law() -> None:
    assert fit_laws([Row(1, 0.0), Row(2, 0.0), Row(4, 0.0)]) == {}
    assert Amdahl(0.0, 0.0).serial_fraction == 0
    assert Amdahl(0.0, 0.0).speedup_max is None


def test_the_critical_path_bound_is_work_or_span() -> None:
    bound = CriticalPathBound(12.0, 2.0)
    assert [bound.seconds(cores) for cores in (1, 4, 6, 100)] == [12, 3, 2, 2]
    assert bound.greedy_seconds(4) == 5
    assert bound.speedup_max == 6
    assert CriticalPathBound(1.0, 0.0).speedup_max is None


# The solver.

NUMBERS = st.floats(-10, 10, allow_nan=False).map(lambda value: round(value, 3))


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=3, max_size=8), st.data())
def test_no_non_negative_coefficients_fit_better(rows: list[tuple[float, float, float]], data: st.DataObject) -> None:
    """Against NumPy's free solution on every choice of columns, and against neighbours of what was found."""
    values = data.draw(st.lists(NUMBERS, min_size=len(rows), max_size=len(rows)))
    found = laws.non_negative_least_squares(rows, values)
    assert min(found) >= 0
    matrix, target = np.array(rows), np.array(values)

    def error(coefficients: np.ndarray) -> float:
        return float(((matrix @ coefficients - target) ** 2).sum())

    mine = error(np.array(found))
    allowed = 1e-6 * (1 + float((target**2).sum()))
    for count in (1, 2, 3):
        for kept in itertools.combinations(range(3), count):
            columns = [*kept]
            free = np.linalg.lstsq(matrix[:, columns], target, rcond=None)[0]
            if (free >= 0).all():
                whole = np.zeros(3)
                whole[columns] = free
                assert mine <= error(whole) + allowed
    for column, change in itertools.product(range(3), (-0.01, 0.01)):
        moved = np.array(found)
        moved[column] = max(moved[column] + change, 0.0)
        assert mine <= error(moved) + allowed
