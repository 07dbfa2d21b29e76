"""One script, two answers: weft's, and that of torch's own CUDA Stream Sanitizer.

torch's needs no GPU for this: its handler only listens to what torch tells it, and here it is told by rows. Each becomes
the call that torch 2.13 makes on a machine with a GPU (``c10/cuda``: CUDAEvent.h, CUDAFunctions.h, CUDAStream.cpp,
CUDACachingAllocator.cpp), or none where torch makes none. In one thing that is generous: torch's handler hears of the
operations of one host thread only, here of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch.cuda._sanitizer import EventHandler

from weft.checkers.gpu.hazards import hazards_of
from weft.simcore.gpu import rows
from weft.simcore.gpu.rows import Span

from .script import Script

Program = Callable[[Script], None]


class Polled(rows.EventDone, frozen=True, kw_only=True, tag="ev_query"):
    """``event.query()`` said yes: for weft the same as ``synchronize``. torch tells nobody."""


def ours(given: Sequence[rows.AnyRow]) -> int:
    """Pairs of accesses that nothing orders, by weft; those to memory in its next life count, warnings do not."""
    return sum(hazard.second is not None for hazard in hazards_of(given))


def theirs(given: Sequence[rows.AnyRow]) -> int:
    """Errors of torch's sanitizer. A program would have been ended at the first operation that has any."""
    sanitizer = Sanitizer()
    return sum(map(sanitizer.feed, given))


class Sanitizer:
    """torch's handler, told of rows."""

    def __init__(self) -> None:
        self.handler = EventHandler()
        self._handles: dict[int, int] = {}
        self._begins: dict[int, int] = {}
        """By storage on a device, where it lies. Tensors on the host are passed over (``value.is_cuda``)."""

    def feed(self, row: rows.AnyRow) -> int:
        """Tell it, and count the errors it has for that."""
        handler = self.handler
        match row:
            case rows.Launch():
                return self._launch(row)
            case rows.RecordEvent():
                handler._handle_event_record(row.event, self._handle(row.stream))
            case rows.WaitEvent():
                handler._handle_event_wait(row.event, self._handle(row.stream))
            case Polled():
                pass
            case rows.EventDone():
                handler._handle_event_synchronization(row.event)
            case rows.StreamDone():
                handler._handle_stream_synchronization(self._handle(row.stream))
            case rows.DeviceDone():
                handler._handle_device_synchronization()
            case rows.NewStream():
                self._new_stream(row)
            case rows.Alloc() if row.device >= 0:
                handler._handle_memory_allocation(self._place(row))
            case rows.Free() if row.storage in self._begins:
                handler._handle_memory_deallocation(self._begins[row.storage])
            case _:
                pass
        return 0

    def _launch(self, row: rows.Launch) -> int:
        writes = self._pointers(row.writes)
        reads = self._pointers(row.reads) - writes
        names = {pointer: [""] for pointer in reads | writes}
        return len(self.handler._handle_kernel_launch(self._handle(row.stream), reads, writes, set(), row.name, names))

    def _pointers(self, spans: Sequence[Span]) -> set[int]:
        """Of each tensor its ``data_ptr()``, which says where it begins and nothing of its size."""
        return {self._begins[span.storage] + span.low for span in spans if span.storage in self._begins}

    def _place(self, made: rows.Alloc) -> int:
        """An address of the device; CUDA has one address space for all."""
        address = made.address if made.address >= 0 else (made.storage + 1) << 32
        begin = self._begins[made.storage] = ((made.device + 1) << 56) + address
        return begin

    def _handle(self, stream: int) -> int:
        """What ``cuda_stream`` says, which tells streams of one device apart."""
        return self._handles.get(stream, 0x1000 + stream)

    def _new_stream(self, row: rows.NewStream) -> None:
        if row.kind == "legacy":
            self._handles[row.stream] = 0
        elif row.kind == "per-thread":
            self._handles[row.stream] = 2
        elif row.kind == "non-blocking":
            # The pool's. A blocking stream is made elsewhere, and the handler learns of it by its first operation.
            self.handler._handle_stream_creation(self._handle(row.stream))


@dataclass(frozen=True, slots=True)
class Case:
    """A script, the pairs that each side is known to report, and whether there is a race."""

    title: str
    program: Program
    theirs: int
    ours: int
    race: bool
    why: str
    """What makes them differ; of cases with one ``why`` a page need explain one. Empty where they agree."""

    def rows(self) -> list[rows.AnyRow]:
        run = Script()
        self.program(run)
        return run.rows


def table(cases: Sequence[Case]) -> str:
    """As Markdown, by running both on each."""
    lines = ["| case | torch | weft | truth | because for torch |", "|---|---|---|---|---|"]
    for case in cases:
        given = case.rows()
        truth = "race" if case.race else "ok"
        said = [_word(answer(given), case.race) for answer in (theirs, ours)]
        lines.append(f"| {case.title} | {said[0]} | {said[1]} | {truth} | {case.why} |")
    return "\n".join(lines)


def _word(pairs: int, race: bool) -> str:
    word = "race" if pairs == 1 else f"race, {pairs} pairs" if pairs else "ok"
    return word if bool(pairs) == race else f"**{word}**"
