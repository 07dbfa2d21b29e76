"""torch's own CUDA Stream Sanitizer on the GPU cases: what its handler says of the same actions.

The handler and what it is told of are those of :mod:`tests.checkers.gpu.sanitizer`. Here is what only whole programs
have: ``event.query()``, of which nobody tells it, and replays of graphs, which are no operations of torch's.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from weft.simcore.gpu import torch_streams
from weft.simcore.gpu.rows import AnyRow, EventDone, Launch
from weft.simcore.gpu.torch_streams import Current

from ..checkers.gpu.sanitizer import Polled, Sanitizer

REPLAY = "graph replay"


@contextmanager
def polls_marked() -> Generator[None]:
    """Meanwhile ``event.query()`` writes another row than ``event.synchronize()``."""
    real = torch_streams.Event.query

    def query(self: torch_streams.Event) -> bool:
        answer = real(self)
        rows = Current.machine.tape.rows
        last = rows[-1] if rows else None
        if type(last) is EventDone:
            rows[-1] = Polled(t=last.t, at=last.at, event=last.event)
        return answer

    torch_streams.Event.query = query
    try:
        yield
    finally:
        torch_streams.Event.query = real


def errors(given: Sequence[AnyRow]) -> int:
    """How many it has. A program would have been ended at the first operation that has any."""
    sanitizer = Sanitizer()
    return sum(sanitizer.feed(row) for row in given if not (isinstance(row, Launch) and row.name == REPLAY))
