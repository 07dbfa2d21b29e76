"""NumPy's views of pinned memory: equal to plain arrays in all they do, and every access is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest

from weft.simcore.gpu.numpy_views import PinnedArray, watched

Told = list[tuple[int, int, bool]]


def pair() -> tuple[Any, Any, Told]:
    """A plain array, one that is watched, and the accesses to the latter, in bytes from its begin."""
    plain, memory = numpy.arange(12.0).reshape(3, 4), numpy.arange(12.0).reshape(3, 4)
    told: Told = []
    begin = memory.ctypes.data
    return plain, watched(memory, lambda _, low, high, write: told.append((low - begin, high - begin, write))), told


READS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: x.sum(),
    "numpy.sum": lambda x: numpy.sum(x),
    "a row's sum": lambda x: x[1].sum(),
    "mean over": lambda x: x.mean(axis=0),
    "an element": lambda x: x[1, 2],
    "with a mask": lambda x: x[x > 3],
    "with indices": lambda x: x[[0, 2]],
    "tolist": lambda x: x.tolist(),
    "item": lambda x: x[0, :1].item(),
    "float": lambda x: float(x[0, 0:1][0]),
    "repr": lambda x: repr(x).partition("(")[2],
    "plus": lambda x: x + 1,
    "plus from the right": lambda x: 1 + x,
    "compare": lambda x: x == 3,
    "matmul": lambda x: x @ x.T,
    "copy": lambda x: x.copy(),
    "astype": lambda x: x.astype(int),
    "concatenate": lambda x: numpy.concatenate([x, x]),
    "where": lambda x: numpy.where(x > 2, x, 0),
    "iterate": lambda x: [row.max() for row in x],
    "in": lambda x: 3.0 in x,
    "argmax": lambda x: x.argmax(),
    "array_equal": lambda x: numpy.array_equal(x, x),
    "tobytes": lambda x: x.tobytes(),
    "sorted": lambda x: numpy.sort(x),
}


@pytest.mark.parametrize("reads", READS)
def test_reading_gives_the_same_and_is_told(reads: str) -> None:
    plain, array, told = pair()
    expected, found = READS[reads](plain), READS[reads](array)
    assert numpy.array_equal(expected, found) if not isinstance(expected, str | bytes) else expected == found
    assert told
    assert not any(write for _, _, write in told)
    assert not isinstance(found, PinnedArray), "what is computed is an array of its own"
    count = len(told)
    if isinstance(found, numpy.ndarray):
        found.sum()
    assert len(told) == count


WRITES: dict[str, Callable[[Any], Any]] = {
    "an element": lambda x: x.__setitem__((0, 1), 7),
    "a slice": lambda x: x.__setitem__(slice(1, 2), 7),
    "in place": lambda x: x.__iadd__(1),
    "out": lambda x: numpy.add(numpy.ones((3, 4)), 1, out=x),
    "fill": lambda x: x.fill(3),
    "sort": lambda x: x.sort(),
    "add.at": lambda x: numpy.add.at(x, (0, 0), 5),
    "a row in place": lambda x: x[2].__imul__(2),
}


@pytest.mark.parametrize("writes", WRITES)
def test_writing_reaches_the_memory_and_is_told(writes: str) -> None:
    plain, array, told = pair()
    WRITES[writes](plain)
    WRITES[writes](array)
    assert any(write for _, _, write in told)
    assert numpy.array_equal(plain, array.view(numpy.ndarray))


def test_looking_at_the_form_is_no_access() -> None:
    _, array, told = pair()
    assert (array.shape, array.dtype, array.ndim, array.strides, array.size, len(array)) == (
        (3, 4), numpy.float64, 2, (32, 8), 12, 3,
    )  # fmt: skip
    row = array[1]
    assert isinstance(row, PinnedArray)
    assert told == []
    row.sum()
    assert told == [(32, 64, False)], "a view tells of its own bytes"
