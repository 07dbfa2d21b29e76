"""Data-parallel training: every worker has a copy of the job and a part of the examples, and they agree on each step.

There is no wrong form. The examples lie in shards. In a step each worker computes the gradients of its shards; then
comes an all-reduce in two halves with a barrier before each: every worker adds up its slice of the parameters over all
shards and applies it (reduce-scatter), and after the second barrier all see the whole (all-gather, here shared memory).
Closed form for S shards of g on N workers with a core each, and a reduction of one shard's whole gradient of a:
steps * (ceil(S / N) g + ceil(F / N) / F * S a), for F rows of parameters; communication is the second term, and the
cost of two barriers (Li and others, PyTorch Distributed, 2020, section 3).

The arithmetic is in integers, as quantised training does it: adding up gradients in any order gives the same bits, so
the model does not depend on the number of workers. NumPy multiplies integer matrices without the GIL, on one core and
with no threads of its own. weft must find nothing: two barriers a step keep readers and writers apart.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from .parameters import at_least

Matrix = npt.NDArray[np.int64]

FRACTION_BITS = 16
"""A weight of 1.0 is 2**16."""
OUTPUTS = 16
"""What the layer computes from the features of one example."""


def matrix(rows: int, columns: int, seed: int) -> Matrix:
    """Numbers from -8 to 7, by chance."""
    return np.random.default_rng(seed).integers(-8, 8, (rows, columns), dtype=np.int64)


class Shard:
    """Examples, as rows of features, and what the layer should make of them."""

    def __init__(self, number: int, examples: int, truth: Matrix) -> None:
        self.features = matrix(examples, len(truth), number)
        self.targets = np.matmul(self.features, truth)

    def error(self, weights: Matrix) -> Matrix:
        return np.matmul(self.features, weights) - (self.targets << FRACTION_BITS)

    def gradient(self, weights: Matrix) -> Matrix:
        """Of half the squared error, with respect to the weights."""
        return np.matmul(self.features.T, self.error(weights))


class Training:
    """Weights, and the shards' gradients of the current step; the threads that share them keep apart by a barrier."""

    def __init__(self, shards: int, examples: int, features: int) -> None:
        truth = matrix(features, OUTPUTS, shards)
        self.shards = [Shard(number, examples, truth) for number in range(shards)]
        self.weights = np.zeros_like(truth)
        self.gradients = [self.weights] * shards
        # Descent is stable below twice the inverse of the largest curvature. A feature's mean square is 21.5, and for
        # n examples of fewer features the largest curvature is below 4 * 21.5 n (Marchenko and Pastur, 1967).
        self.divisor = 64 * shards * examples

    def compute(self, shard: int) -> None:
        self.gradients[shard] = self.shards[shard].gradient(self.weights)

    def reduce(self, rows: slice) -> None:
        """All gradients of these rows of the weights, added up and applied."""
        total = sum((gradient[rows] for gradient in self.gradients), np.zeros_like(self.weights[rows]))
        self.weights[rows] -= total // self.divisor

    def loss(self) -> float:
        """The mean squared error of an output."""
        errors = np.concatenate([shard.error(self.weights) for shard in self.shards]) / (1 << FRACTION_BITS)
        return float(np.square(errors).mean())


def train(training: Training, workers: int, steps: int) -> None:
    """``steps`` steps of gradient descent on ``workers`` threads."""
    shards, rows = len(training.shards), len(training.weights)
    barrier = threading.Barrier(workers)

    def worker(index: int) -> None:
        mine = slice(index * rows // workers, (index + 1) * rows // workers)
        for _ in range(steps):
            for shard in range(index, shards, workers):
                training.compute(shard)
            barrier.wait()
            training.reduce(mine)
            barrier.wait()

    threads = [threading.Thread(target=worker, args=(index,), name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run(*, workers: int = 2, steps: int = 80, shards: int = 8, examples: int = 256, features: int = 64) -> list[int]:
    """Train a layer for ``steps`` steps on ``workers`` threads; its weights, in 2**16ths, row after row."""
    at_least(1, workers=workers, shards=shards, examples=examples, features=features)
    at_least(0, steps=steps)
    training = Training(shards, examples, features)
    train(training, workers, steps)
    return [int(weight) for weight in training.weights.ravel()]
