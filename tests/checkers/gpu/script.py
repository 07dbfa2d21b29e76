"""Short programs for the checker, written the way torch code is."""

from __future__ import annotations

from itertools import count
from typing import Any

from weft.checkers.gpu.hazards import Hazard, hazards_of
from weft.simcore.gpu import rows
from weft.simcore.gpu.rows import Span

DEFAULT, S1, S2, S3 = 0, 1, 2, 3
BYTES = 64


class Script:
    """Rows in the making. Stream 0 is the legacy default stream of device 0; 1, 2 and 3 are of torch's pool."""

    def __init__(self) -> None:
        self.rows: list[rows.AnyRow] = [
            rows.NewStream(stream=DEFAULT, kind="legacy"),
            *(rows.NewStream(stream=stream) for stream in (S1, S2, S3)),
        ]
        self._storages = count()
        self._lines = count(1)

    def add(self, row: type[Any], **values: Any) -> None:
        self.rows.append(row(at=f"prog.py:{next(self._lines)}", **values))

    def tensor(self, stream: int = DEFAULT, *, address: int = -1, device: int = 0) -> Span:
        storage = next(self._storages)
        self.add(rows.Alloc, storage=storage, stream=stream, address=address, size=BYTES, device=device, name="x")
        return Span(storage, 0, BYTES)

    def buffer(self) -> Span:
        """Pinned host memory."""
        return self.tensor(-1, device=-1)

    def op(self, stream: int, reads: Any = (), writes: Any = (), t: int = 0) -> None:
        self.add(rows.Launch, t=t, stream=stream, name="op", reads=_spans(reads), writes=_spans(writes))

    def host(self, reads: Any = (), writes: Any = (), t: int = 0) -> None:
        self.add(rows.HostAccess, t=t, name="host", reads=_spans(reads), writes=_spans(writes))

    def record(self, event: int, stream: int, t: int = 0) -> None:
        self.add(rows.RecordEvent, t=t, event=event, stream=stream)

    def wait(self, stream: int, event: int, t: int = 0) -> None:
        self.add(rows.WaitEvent, t=t, stream=stream, event=event)

    def wait_stream(self, stream: int, other: int, t: int = 0) -> None:
        """As ``stream.wait_stream(other)``: by an event of its own."""
        event = 1000 + len(self.rows)
        self.record(event, other, t)
        self.wait(stream, event, t)

    def synchronize(self, stream: int, t: int = 0) -> None:
        self.add(rows.StreamDone, t=t, stream=stream)

    def free(self, span: Span, t: int = 0) -> None:
        self.add(rows.Free, t=t, storage=span.storage)

    def record_stream(self, span: Span, stream: int) -> None:
        self.add(rows.RecordStream, storage=span.storage, stream=stream)

    def hand_over(self, giver: int, taker: int) -> None:
        """Host threads: by a queue, a lock, a join."""
        token = len(self.rows)
        self.add(rows.Send, t=giver, token=token)
        self.add(rows.Receive, t=taker, token=token)

    def hazards(self) -> list[Hazard]:
        return hazards_of(self.rows)

    def kinds(self) -> list[str]:
        """Of each hazard, its kind; of a reuse, how certain it is."""
        return [
            ("confirmed" if hazard.second else "latent") if hazard.kind == "reuse" else hazard.kind
            for hazard in self.hazards()
        ]


def _spans(given: Any) -> tuple[Span, ...]:
    return (given,) if isinstance(given, Span) else tuple(given)
