"""What a simulated GPU keeps about what it was given: streams, events, operations with their times.

Records that :class:`.timing.Device` fills in; names with an underscore are its bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from .rows import StreamKind
from .timing_rates import Work
from .timing_work import Copy, Flag, Graph, Kernel

OpKind = Literal["kernel", "copy", "graph", "record", "wait"]
Reason = Literal["stream", "event", "default stream", "graph", "hardware queue", "SMs", "copy engine", "flag", "nodes"]
"""Why an operation is not done: it comes after another one in its stream, by an event, by the rule of the legacy default
stream, or of one graph; stands behind another one in its hardware queue; has no SM or engine; spins; has nodes."""


@dataclass(slots=True, eq=False)
class Stream:
    """A queue of operations, in order.

    Attributes:
        number: Its place in the order of creation; it decides its hardware queue.
        kind: How it stands to the legacy default stream.
        priority: Less is more important, as in CUDA.
        name: For people.
    """

    number: int
    kind: StreamKind
    priority: int
    name: str
    _last: Op | None = None
    _free_at: int = 0
    """When the gap after its last kernel, copy or graph is over."""


class Event:
    """Remembers a point in a stream, once it has been recorded."""

    __slots__ = ("name", "record")

    def __init__(self, name: str = "event") -> None:
        self.name = name
        self.record: Op | None = None
        """The last record so far: what a wait issued now waits for. None: it was never recorded."""

    @property
    def is_done(self) -> bool:
        """``event.query()``: has the last record been passed? Also true when there is none."""
        return self.record is None or self.record.is_done

    def __repr__(self) -> str:
        return f"<Event {self.name}>"


@dataclass(slots=True, eq=False)
class Op:
    """Something issued on a stream.

    Attributes:
        number: In the order of issue; a graph's nodes have that of the graph.
        kind: What it is.
        what: The same with all particulars; of a record or a wait, the event.
        stream: Where it was issued.
        issue_ns: When it was issued.
        start_ns: When it began; -1 before. A wait begins when its event is done.
        end_ns: When it was done; -1 before.
        parent: The launch of the graph that it is a node of.
    """

    number: int
    kind: OpKind
    what: Kernel | Copy | Graph | Event
    stream: Stream
    issue_ns: int
    start_ns: int = -1
    end_ns: int = -1
    parent: Op | None = None
    _visible_at: int = 0
    _ready_at: int = -1
    """From when on it lacks nothing but room; -1 while that is not known."""
    _after: list[tuple[Reason, Op]] = field(default_factory=list["tuple[Reason, Op]"])
    _before: list[Op] = field(default_factory=list["Op"])
    """Nodes of the same graph that come after this one."""
    _missing: int = 0
    """Of a node: how many others it waits for. Of a graph that has started: how many nodes are not done."""
    _told: list[Callable[[], None]] = field(default_factory=list["Callable[[], None]"])
    _work: Work | None = None

    @property
    def name(self) -> str:
        return self.what.name

    @property
    def is_done(self) -> bool:
        return self.end_ns >= 0

    @property
    def resource(self) -> Literal["kernel", "h2d", "d2h", ""]:
        """What it runs on: the SMs, an engine, or nothing of the kind."""
        if isinstance(self.what, Kernel):
            return "kernel"
        return self.what.direction if isinstance(self.what, Copy) else ""

    @property
    def sets(self) -> list[Flag]:
        """The flags that it will set."""
        works = [node.work for node in self.what.nodes] if isinstance(self.what, Graph) else [self.what]
        return [work.sets for work in works if isinstance(work, Kernel) and work.sets is not None]

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} (number {self.number}, {self.stream.name})"

    def __repr__(self) -> str:
        return f"<Op {self}: issued {self.issue_ns}, started {self.start_ns}, done {self.end_ns}>"


def intervals(ops: Iterable[Op]) -> list[tuple[int, int]]:
    """From when to when at least one of them ran, in order; those of no length are left out."""
    found: list[tuple[int, int]] = []
    for start, end in sorted((op.start_ns, op.end_ns) for op in ops if op.end_ns > op.start_ns):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
