"""FastTrack over columns: which accesses of one variable nothing orders. One source, plain or compiled.

Works on clock steps alone; what a step stands for and what a race means is not known here.

Source: Flanagan, Freund, "FastTrack: efficient and precise dynamic race detection" (PLDI 2009), figure 5. Deviations:
an epoch is one integer; atomic accesses are a second kind of reader (they do not race with each other); reads and
atomic accesses are forgotten by the next write; and the analysis goes on after a race.
The sound variant adds the order of Mathur, Kini, Viswanathan, "What happens-after the first race?" (OOPSLA 2018): on
chosen variables an access that observes the last write is ordered after it, once it has been checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .compiled import State, as_arrays, as_lists, compiler
from .happens_before import ClockSteps
from .vocabulary import ATOMIC, FORK, MERGE, READ, RECEIVE, SEND, WRITE

REPORTS_PER_VARIABLE = 64
"""So many races of one variable are kept, and any closer pair after that; all are counted."""
_ROOM = 4096
"""Reports and rows of concurrent readers are made room for in steps of this many."""


def analyse(
    codes: Any,
    threads: Any,
    operands: Any,
    clocks: Any,
    left: Any,
    senders: Any,
    writes: Any,
    write_steps: Any,
    epochs: Any,
    epoch_steps: Any,
    rows: Any,
    row_clocks: Any,
    row_steps: Any,
    chains: Any,
    wholes: Any,
    chain_clocks: Any,
    counts: Any,
    nearest: Any,
    found: Any,
    first: Any,
    second: Any,
    progress: Any,
) -> None:
    """Take the steps from ``progress[0]`` on, until the end or until reports or rows need more room.

    ``progress`` holds where to go on, how many reports and rows there are, and the number of the first step.

    Written for Numba and for lists alike, hence without calls: NumPy arrays in the one case, lists (of lists) in the
    other. ``epochs[2 * variable + set]`` is the last epoch of the readers (set 0) or atomic accesses (set 1) while
    they are ordered, and ``rows`` the number of their row when they are not, else -1. An epoch is thread << 48 | count,
    -1 for none. ``senders`` holds who left a clock: -1 nobody, -2 several. ``chains`` holds the row of the clock that
    the last write left; a container has a second row after it, for what its items' writes left. ``wholes`` is, for a
    container, that second row, and for an item the container's first, which is less than the item's own; -1 else.
    """
    reported = progress[1]
    used = progress[2]
    first_step = progress[3]
    width = len(clocks)
    last_report = len(first) - 2 * width - 2
    rows_there = len(row_clocks)
    for number in range(progress[0], len(codes)):
        if reported > last_report or used == rows_there:
            progress[0] = number
            progress[1] = reported
            progress[2] = used
            return
        step = first_step + number
        thread = threads[number]
        code = codes[number]
        operand = operands[number]
        mine = clocks[thread]
        if code <= WRITE:
            count = mine[thread]
            epoch = (thread << 48) | count
            races = 0
            chain = chains[operand]
            if code == WRITE:
                before = writes[operand]
                if before == epoch and chain < 0:
                    write_steps[operand] = step
                    continue
                if before >= 0 and (before & 0xFFFFFFFFFFFF) > mine[before >> 48]:
                    found[0] = write_steps[operand]
                    races = 1
                for place in range(2 * operand, 2 * operand + 2):
                    row = rows[place]
                    if row >= 0:
                        others = row_clocks[row]
                        for other in range(width):
                            if others[other] > mine[other]:
                                found[races] = row_steps[row][other]
                                races += 1
                        rows[place] = -1
                    else:
                        before = epochs[place]
                        if before >= 0 and (before & 0xFFFFFFFFFFFF) > mine[before >> 48]:
                            found[races] = epoch_steps[place]
                            races += 1
                    epochs[place] = -1
                writes[operand] = epoch
                write_steps[operand] = step
            else:
                place = 2 * operand + code
                row = rows[place]
                if chain < 0:
                    if row < 0:
                        if epochs[place] == epoch:
                            epoch_steps[place] = step
                            continue
                    elif row_clocks[row][thread] == count:
                        row_steps[row][thread] = step
                        continue
                before = writes[operand]
                if before >= 0 and (before & 0xFFFFFFFFFFFF) > mine[before >> 48]:
                    found[0] = write_steps[operand]
                    races = 1
                # Reads against atomic accesses and the other way round: the other set of the pair.
                opposite = 2 * operand + 1 - code
                opposed = rows[opposite]
                if opposed >= 0:
                    others = row_clocks[opposed]
                    for other in range(width):
                        if others[other] > mine[other]:
                            found[races] = row_steps[opposed][other]
                            races += 1
                else:
                    before = epochs[opposite]
                    if before >= 0 and (before & 0xFFFFFFFFFFFF) > mine[before >> 48]:
                        found[races] = epoch_steps[opposite]
                        races += 1
                if row >= 0:
                    row_clocks[row][thread] = count
                    row_steps[row][thread] = step
                else:
                    before = epochs[place]
                    if before < 0 or (before & 0xFFFFFFFFFFFF) <= mine[before >> 48]:
                        epochs[place] = epoch
                        epoch_steps[place] = step
                    else:
                        others = row_clocks[used]
                        for other in range(width):
                            others[other] = 0
                        others[before >> 48] = before & 0xFFFFFFFFFFFF
                        others[thread] = count
                        row_steps[used][before >> 48] = epoch_steps[place]
                        row_steps[used][thread] = step
                        rows[place] = used
                        used += 1
            if races > 0:
                counts[operand] += races
                for place in range(races):
                    distance = step - found[place]
                    if counts[operand] <= REPORTS_PER_VARIABLE or distance < nearest[operand]:
                        first[reported] = found[place]
                        second[reported] = step
                        reported += 1
                    if distance < nearest[operand]:
                        nearest[operand] = distance
            if chain >= 0:
                whole = wholes[operand]
                if code != WRITE:
                    others = chain_clocks[chain]
                    for other in range(width):
                        if others[other] > mine[other]:
                            mine[other] = others[other]
                    if whole >= 0:
                        others = chain_clocks[whole]
                        for other in range(width):
                            if others[other] > mine[other]:
                                mine[other] = others[other]
                if code != READ:
                    others = chain_clocks[chain]
                    for other in range(width):
                        others[other] = mine[other]
                    if 0 <= whole < chain:
                        others = chain_clocks[whole + 1]
                        for other in range(width):
                            if mine[other] > others[other]:
                                others[other] = mine[other]
                    mine[thread] += 1
        elif code == RECEIVE:
            sender = senders[operand]
            # A clock left by one thread is known as a whole when that thread's own count in it is.
            if sender != -1 and (sender == -2 or left[operand][sender] > mine[sender]):
                others = left[operand]
                for other in range(width):
                    if others[other] > mine[other]:
                        mine[other] = others[other]
        elif code == SEND:
            left[operand] = mine[:]
            senders[operand] = thread
            mine[thread] += 1
        elif code == MERGE:
            if senders[operand] == -1:
                left[operand] = mine[:]
                senders[operand] = thread
            else:
                others = left[operand]
                for other in range(width):
                    if mine[other] > others[other]:
                        others[other] = mine[other]
                if senders[operand] != thread:
                    senders[operand] = -2
            mine[thread] += 1
        elif code == FORK:
            others = clocks[operand]
            for other in range(width):
                if mine[other] > others[other]:
                    others[other] = mine[other]
            mine[thread] += 1
        else:
            others = clocks[operand]
            for other in range(width):
                if others[other] > mine[other]:
                    mine[other] = others[other]
            others[operand] += 1
    progress[0] = len(codes)
    progress[1] = reported
    progress[2] = used


@dataclass(slots=True)
class Races:
    """What an analysis found: per variable the pairs of events (earlier, later) kept, and how many races there were."""

    pairs: dict[int, list[tuple[int, int]]] = field(default_factory=dict[int, list[tuple[int, int]]])
    seen: dict[int, int] = field(default_factory=dict[int, int])


def race_pairs(steps: ClockSteps, *, observed: frozenset[int] = frozenset(), compiled: bool | None = None) -> Races:
    """The races of a trace: pairs of event indices by the variable's number in ``steps``.

    For every variable the first pair is the first race there is by happens-before. With ``observed`` (the variables
    whose accesses order those that saw them; pass :func:`chained`) every pair can really come about.
    ``compiled`` None compiles when Numba is there and the trace is long enough to gain by it.

    Raises:
        ImportError: ``compiled`` is True and Numba is not installed.
    """
    compile_it = compiler(steps, compiled)
    state = as_lists(steps, observed, _ROOM) if compile_it is None else as_arrays(steps, observed, _ROOM)
    run = analyse if compile_it is None else compile_it(analyse)
    races = Races()
    for _ in state.parts(steps):
        done = False
        while not done:
            run(*state.arguments())
            done = state.progress[0] == len(state.codes)
            _collect(races, state, steps)
            state.make_room(_ROOM)
    races.seen = {number: int(count) for number, count in enumerate(state.counts) if count}
    return races


def _collect(races: Races, state: State, steps: ClockSteps) -> None:
    """Take the reports out of the state."""
    for number in range(state.progress[1]):
        earlier, later = state.first[number], state.second[number]
        variable = int(steps.operands[later])
        races.pairs.setdefault(variable, []).append((int(steps.events[earlier]), int(steps.events[later])))
    state.progress[1] = 0


def chained(steps: ClockSteps, races: Races) -> frozenset[int]:
    """The variables on which observing orders: those with races, those with atomic accesses, and their items.

    On all others every read is ordered after the write it saw anyway.
    """
    codes: Any = steps.codes
    operands: Any = steps.operands
    if type(steps.events) is list:
        atomic = {operand for code, operand in zip(codes, operands, strict=True) if code == ATOMIC}
    else:
        import numpy as np

        atomic = set(np.unique(operands[codes == ATOMIC]).tolist())
    items = {variable for variable, whole in enumerate(steps.wholes) if whole in atomic}
    return frozenset(races.seen) | frozenset(atomic) | frozenset(items)
