"""NumPy's functions that let go of the GIL, from which size on, and how much memory they go over.

Only what is called by its name in the ``numpy`` module is seen. Operators and methods of arrays cannot be wrapped, as
``ndarray`` is written in C.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, cast

from .segments import Released, Row, Watched

ELEMENTS_MIN = 501
"""NumPy keeps the GIL for loops over up to 500 elements (``NPY_BEGIN_THREADS_THRESHOLDED``, ndarraytypes.h)."""
MEMORY_BYTES_MIN = 1 << 20
"""From this working set on the caches of one core do not hold it any more, and it is worth looking up how the machine
shares its memory."""
_PRODUCTS = ("dot", "matmul", "vdot", "inner", "tensordot", "einsum")
_ARITHMETIC = (
    *("add", "subtract", "multiply", "divide", "true_divide", "negative", "absolute", "maximum", "minimum"),
    *("copyto", "concatenate", "where", "take", "sum", "max", "min", "amax", "amin", "cumsum", "square"),
)
"""Hardly any computation for each element: bound by memory where the caches do not hold the arrays."""
_HEAVY = ("exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "power", "sort", "argsort", "partition", "searchsorted")
_EQUATIONS = ("cholesky", "inv", "lstsq", "pinv", "qr", "solve")
_VALUES = ("det", "eig", "eigh", "eigvals", "eigvalsh", "norm", "slogdet", "svd")
_TRANSFORMS = ("fft", "ifft", "rfft", "irfft", "fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn")


def _arrays(args: tuple[Any, ...]) -> list[Any]:
    """The arrays among arguments, also one level inside lists and tuples."""
    numpy: Any = sys.modules["numpy"]
    found: list[Any] = []
    for argument in args:
        if isinstance(argument, numpy.ndarray):
            found.append(argument)
        elif isinstance(argument, list | tuple):
            found += [item for item in cast("list[Any]", argument) if isinstance(item, numpy.ndarray)]
    return found


def _is_large(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Are there enough elements, and no Python objects among them, which need the GIL?"""
    arrays = _arrays(args)
    return any(array.size >= ELEMENTS_MIN for array in arrays) and all(not array.dtype.hasobject for array in arrays)


def touched_bytes(args: tuple[Any, ...], result: Any) -> int:
    """The memory of the arrays that a call reads and writes, when it is too much for a core's own caches; else 0."""
    touched = {id(array): array.nbytes for array in _arrays((*args, result))}
    total = sum(touched.values())
    return total if total >= MEMORY_BYTES_MIN else 0


def replacements(watched: Watched) -> list[Row]:
    """Rows for :func:`segments.watched`."""
    numpy: Any = sys.modules["numpy"]
    listed: list[tuple[Any, tuple[str, ...], Callable[[tuple[Any, ...], Any], int] | None]] = [
        (numpy, _ARITHMETIC, touched_bytes),
        (numpy, _PRODUCTS + _HEAVY, None),
        (numpy.linalg, _EQUATIONS + _VALUES, None),
        (numpy.fft, _TRANSFORMS, None),
    ]
    return [
        (module, name, Released(watched, f"{module.__name__}.{name}", getattr(module, name), _is_large, memory_bytes))
        for module, names, memory_bytes in listed
        for name in names
        if hasattr(module, name)
    ]
