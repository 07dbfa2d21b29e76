"""Rounds with a barrier: each takes as long as its last block, in virtual time exactly; and for real."""

from __future__ import annotations

import pytest

from weft.models import computing, uneven_barrier

from .conftest import Simulate


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("skew", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("rounds", [0, 1, 7])
def test_a_round_takes_as_long_as_its_longest_block(simulate: Simulate, workers: int, skew: float, rounds: int) -> None:
    sizes = {"parts": 10, "units": 4, "skew": skew}
    blocks = [range(index * 10 // workers, (index + 1) * 10 // workers) for index in range(workers)]
    longest = max(sum(round(4 * (1 + part * skew)) for part in block) for block in blocks)
    found = simulate(uneven_barrier.run, workers=workers, rounds=rounds, **sizes)
    assert found.units == rounds * longest
    whole = simulate(uneven_barrier.run, workers=1, rounds=rounds, **sizes)
    waited = workers * found.units - whole.units
    (barrier,) = [wait for wait in found.run.waits if wait.kind == "Barrier"] or [None]
    assert waited == (0 if barrier is None else barrier.total_ns / 1e6)


def test_two_workers_come_to_four_thirds_in_a_long_triangular_loop(simulate: Simulate) -> None:
    sizes = {"rounds": 1, "parts": 1000, "units": 1}
    alone, both = (simulate(uneven_barrier.run, workers=workers, **sizes).units for workers in (1, 2))
    assert alone / both == pytest.approx(4 / 3, abs=0.001)


@pytest.mark.parametrize("parts", [0, 1, 10, 11])
def test_every_part_belongs_to_one_worker(parts: int) -> None:
    for workers in (1, 2, 3, 7):
        dealt = uneven_barrier.blocks(parts, workers)
        assert [part for block in dealt for part in block] == list(range(parts))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_result_does_not_depend_on_the_workers(workers: int) -> None:
    before = 0
    for _ in range(3):
        before = sum(computing.derive((before + part) % computing.MODULUS, 1) for part in range(4)) % computing.MODULUS
    assert uneven_barrier.run(workers=workers, rounds=3, parts=4, units=1, skew=0) == before


def test_negative_skew_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^skew=-1: it must be 0 or more"):
        uneven_barrier.run(skew=-1)
