"""Data-parallel training: steps of the closed form in virtual time, the same bits for any number of workers for real."""

from __future__ import annotations

import numpy as np
import pytest

from weft.models import data_parallel
from weft.models.data_parallel import OUTPUTS, Shard, Training, matrix
from weft.simcore.work import work

from .conftest import Simulate

G, A = 10, 2
"""Units for a shard's gradient, and for adding up a whole one in the reduction."""


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("shards", [1, 4, 6])
def test_virtual_time_is_the_closed_form(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch, workers: int, shards: int
) -> None:
    compute, reduce = Training.compute, Training.reduce

    def compute_in_virtual_time(training: Training, shard: int) -> None:
        work(G / 1000, gil=False)
        compute(training, shard)

    def reduce_in_virtual_time(training: Training, rows: slice) -> None:
        count = len(range(*rows.indices(len(training.weights))))
        work(shards * A * count / len(training.weights) / 1000, gil=False)
        reduce(training, rows)

    monkeypatch.setattr(Training, "compute", compute_in_virtual_time)
    monkeypatch.setattr(Training, "reduce", reduce_in_virtual_time)
    features = 8
    found = simulate(data_parallel.run, workers=workers, steps=5, shards=shards, examples=4, features=features)
    communication = -(-features // workers) / features * shards * A
    assert found.units == 5 * (-(-shards // workers) * G + communication)


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_the_weights_do_not_depend_on_the_workers(workers: int) -> None:
    sizes = {"steps": 3, "shards": 5, "examples": 16, "features": 6}
    assert data_parallel.run(workers=workers, **sizes) == data_parallel.run(workers=1, **sizes)


def test_the_layer_learns_the_truth() -> None:
    training = Training(shards=4, examples=64, features=8)
    before = training.loss()
    data_parallel.train(training, workers=2, steps=80)
    assert before > 1000
    assert training.loss() < 0.001
    truth = matrix(8, OUTPUTS, 4)
    assert np.array_equal(np.rint(training.weights / 2**16).astype(int), truth)


def test_the_gradient_is_that_of_the_loss() -> None:
    """By differences: the loss is quadratic, so a central difference is exact."""
    shard = Shard(0, examples=6, truth=matrix(3, OUTPUTS, 9))
    weights = matrix(3, OUTPUTS, 5) << 16

    def half_squared_error(row: int, column: int, step: int) -> int:
        moved = weights.copy()
        moved[row, column] += step
        return sum(int(error) ** 2 for error in shard.error(moved).ravel())

    for row, column in [(0, 0), (2, 7)]:
        difference = half_squared_error(row, column, 1) - half_squared_error(row, column, -1)
        assert difference == 4 * shard.gradient(weights)[row, column]


def test_no_shard_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^shards=0: it must be 1 or more"):
        data_parallel.run(shards=0)
