"""What the analysis works on, as plain lists or as arrays, and its compiled form.

Knows Numba, when it is installed, and the layout of the analysis' state; not what is analysed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from .happens_before import ClockSteps

COMPILED_FROM = 500_000
"""Steps from which loading the compiled form, about half a second, pays."""
_CELLS_MAX = 50_000_000
"""Arrays of clocks with more numbers than this are not made: lists hold only the clocks that are used."""
_FAR = 2**31 - 1
_PART = 50_000
"""Steps made into lists at a time."""


@dataclass(slots=True)
class State:
    """The arguments of ``fasttrack.analyse``, in its order."""

    codes: Any
    threads: Any
    operands: Any
    clocks: Any
    left: Any
    senders: Any
    writes: Any
    write_steps: Any
    epochs: Any
    epoch_steps: Any
    rows: Any
    row_clocks: Any
    row_steps: Any
    chains: Any
    wholes: Any
    chain_clocks: Any
    counts: Any
    nearest: Any
    found: Any
    first: Any
    second: Any
    progress: Any

    def arguments(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def parts(self, steps: ClockSteps) -> Iterator[None]:
        """Put the steps before the analysis part by part, so that lists of all of them need not be made at once."""
        columns: list[Any] = [steps.codes, steps.threads, steps.operands]
        whole = type(steps.codes) is list or type(self.clocks) is not list
        size = len(steps) if whole else _PART
        for begin in range(0, len(steps), max(size, 1)):
            if not whole:
                self.codes, self.threads, self.operands = (column[begin : begin + size].tolist() for column in columns)
            self.progress[0] = 0
            self.progress[3] = begin
            yield

    def make_room(self, room: int) -> None:
        """Room for more rows of concurrent readers, when they are used up."""
        if self.progress[2] < len(self.row_clocks):
            return
        width = len(self.clocks)
        if type(self.clocks) is list:
            self.row_clocks += [[0] * width for _ in range(room)]
            self.row_steps += [[0] * width for _ in range(room)]
            return
        import numpy as np

        more = np.zeros((len(self.row_clocks) + room, width), np.int32)
        self.row_clocks = np.concatenate([self.row_clocks, more])
        self.row_steps = np.concatenate([self.row_steps, more])


def _chains(steps: ClockSteps, observed: frozenset[int]) -> tuple[list[int], list[int], int]:
    """``chains``, ``wholes`` and the number of rows they need."""
    chains = [-1] * len(steps.variables)
    wholes = [-1] * len(steps.variables)
    containers = {steps.wholes[variable] for variable in observed if steps.wholes[variable] >= 0}
    rows = 0
    for variable in [*sorted(containers), *sorted(observed - containers)]:
        chains[variable] = rows
        rows += 1
        if variable in containers:
            wholes[variable] = rows
            rows += 1
    for variable in observed:
        if steps.wholes[variable] >= 0:
            wholes[variable] = chains[steps.wholes[variable]]
    return chains, wholes, rows


def as_lists(steps: ClockSteps, observed: frozenset[int], room: int) -> State:
    """The state of an analysis that has not begun, in lists."""
    width, variables = steps.width, len(steps.variables)
    chains, wholes, chain_rows = _chains(steps, observed)
    few = min(room, len(steps) + 1)
    reports = few + 2 * width + 2
    return State(
        steps.codes,
        steps.threads,
        steps.operands,
        clocks=[[int(other == thread) for other in range(width)] for thread in range(width)],
        left=[None] * steps.clocks,
        senders=[-1] * steps.clocks,
        writes=[-1] * variables,
        write_steps=[-1] * variables,
        epochs=[-1] * (2 * variables),
        epoch_steps=[-1] * (2 * variables),
        rows=[-1] * (2 * variables),
        row_clocks=[[0] * width for _ in range(min(few, 64))],
        row_steps=[[0] * width for _ in range(min(few, 64))],
        chains=chains,
        wholes=wholes,
        chain_clocks=[[0] * width for _ in range(chain_rows)],
        counts=[0] * variables,
        nearest=[_FAR] * variables,
        found=[0] * (2 * width + 2),
        first=[0] * reports,
        second=[0] * reports,
        progress=[0, 0, 0, 0],
    )


def as_arrays(steps: ClockSteps, observed: frozenset[int], room: int) -> State:
    """The state of an analysis that has not begun, in arrays."""
    import numpy as np

    width, variables = steps.width, len(steps.variables)
    chains, wholes, chain_rows = _chains(steps, observed)
    reports = room + 2 * width + 2
    return State(
        codes=np.ascontiguousarray(steps.codes, np.int8),
        threads=np.ascontiguousarray(steps.threads, np.int32),
        operands=np.ascontiguousarray(steps.operands, np.int32),
        clocks=np.eye(width, dtype=np.int32),
        left=np.zeros((steps.clocks, width), np.int32),
        senders=np.full(steps.clocks, -1, np.int32),
        writes=np.full(variables, -1, np.int64),
        write_steps=np.full(variables, -1, np.int32),
        epochs=np.full(2 * variables, -1, np.int64),
        epoch_steps=np.full(2 * variables, -1, np.int32),
        rows=np.full(2 * variables, -1, np.int32),
        row_clocks=np.zeros((64, width), np.int32),
        row_steps=np.zeros((64, width), np.int32),
        chains=np.array(chains, np.int32),
        wholes=np.array(wholes, np.int32),
        chain_clocks=np.zeros((chain_rows, width), np.int32),
        counts=np.zeros(variables, np.int32),
        nearest=np.full(variables, _FAR, np.int32),
        found=np.zeros(2 * width + 2, np.int32),
        first=np.zeros(reports, np.int32),
        second=np.zeros(reports, np.int32),
        progress=np.zeros(4, np.int64),
    )


def compiler(steps: ClockSteps, wanted: bool | None) -> Callable[[Any], Any] | None:
    """What compiles the analysis of these steps, or None when it is to run as it is."""
    if wanted is None:
        cells = (steps.clocks + 128) * steps.width
        wanted = len(steps) >= COMPILED_FROM and cells <= _CELLS_MAX and _numba_there()
    return _compile if wanted else None


@cache
def _numba_there() -> bool:
    return importlib.util.find_spec("numba") is not None


@cache
def _compile(function: Any) -> Any:
    import numba  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]

    # Kept on disk beside the source (or in the user's cache folder): compiling takes seconds, loading half a second.
    return numba.njit(cache=True, nogil=True)(function)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
