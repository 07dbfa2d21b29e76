"""Unordered accesses against a graph: every order that CUDA promises is an edge, and a race is a pair without a path."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import networkx
import pytest

from weft.checkers.gpu.hazards import hazards_of
from weft.simcore.gpu import rows
from weft.simcore.gpu.rows import Span

Node = tuple[str, int]
LEGACY, BLOCKING, OTHERS = 0, (1, 2), (3, 4)
KINDS: dict[int, rows.StreamKind] = {0: "legacy", 1: "blocking", 2: "per-thread", 3: "non-blocking", 4: "non-blocking"}


def spans(chance: Random) -> tuple[Span, ...]:
    found: list[Span] = []
    for storage in range(2):
        if chance.random() < 0.5:
            low = chance.randrange(3)
            found.append(Span(storage, low, low + chance.randint(1, 3)))
    return tuple(found)


def action(chance: Random) -> rows.AnyRow:
    thread, stream = chance.randrange(2), chance.choice(sorted(KINDS))
    event, token = chance.randrange(2), chance.randrange(2)
    kind = chance.choices(range(9), weights=[8, 3, 4, 4, 2, 1, 0.3, 2, 2])[0]
    match kind:
        case 0:
            return rows.Launch(t=thread, stream=stream, name="op", reads=spans(chance), writes=spans(chance))
        case 1:
            return rows.HostAccess(t=thread, name="host", reads=spans(chance), writes=spans(chance))
        case 2:
            return rows.RecordEvent(t=thread, stream=stream, event=event)
        case 3:
            return rows.WaitEvent(t=thread, stream=stream, event=event)
        case 4:
            return rows.EventDone(t=thread, event=event)
        case 5:
            return rows.StreamDone(t=thread, stream=stream)
        case 6:
            return rows.DeviceDone(t=thread)
        case 7:
            return rows.Send(t=thread, token=token)
        case _:
            return rows.Receive(t=thread, token=token)


@dataclass
class Promises:
    """A node for each thing that takes place, and an edge from each that is over before another begins."""

    graph: Any = field(default_factory=networkx.DiGraph)
    last: dict[Node, Node] = field(default_factory=dict[Node, Node])
    """By stream or host thread, its last node."""
    recorded: dict[int, Node] = field(default_factory=dict[int, Node])
    sent: dict[int, list[Node]] = field(default_factory=dict[int, list[Node]])

    def on(self, line: Node, name: Node, *after: Node | None) -> Node:
        """Something takes place in a stream or a host thread, after what it did before and after these."""
        for earlier in (self.last.get(line), *after):
            if earlier is not None:
                self.graph.add_edge(earlier, name)
        self.graph.add_node(name)
        self.last[line] = name
        return name

    def queued(self, number: int, row: Any, *after: Node | None) -> Node:
        """Something is issued by a host thread and takes place on a stream."""
        issued = self.on(("thread", row.t), ("issue", number))
        line: Node = ("stream", row.stream)
        others: list[Node | None] = []
        if row.stream == LEGACY:
            others = [self.last.get(("stream", stream)) for stream in BLOCKING]
        elif row.stream in BLOCKING:
            others = [self.last.get(("stream", LEGACY))]
        taken = self.on(line, ("device", number), issued, *others, *after)
        for stream in BLOCKING if row.stream == LEGACY else ():
            self.on(("stream", stream), (f"held up {stream}", number), taken)
        return taken

    def add(self, number: int, row: Any) -> None:
        thread: Node = ("thread", row.t)
        mark: Node = ("host", number)
        match row:
            case rows.Launch():
                self.queued(number, row)
            case rows.RecordEvent():
                self.recorded[row.event] = self.queued(number, row)
            case rows.WaitEvent():
                if row.event in self.recorded:
                    self.queued(number, row, self.recorded[row.event])
            case rows.HostAccess():
                self.on(thread, mark)
            case rows.EventDone():
                self.on(thread, mark, self.recorded.get(row.event))
            case rows.StreamDone():
                done = (row.stream, *(BLOCKING if row.stream == LEGACY else ()))
                self.on(thread, mark, *(self.last.get(("stream", stream)) for stream in done))
            case rows.DeviceDone():
                self.on(thread, mark, *(self.last.get(("stream", stream)) for stream in KINDS))
            case rows.Send():
                self.sent.setdefault(row.token, []).append(self.on(thread, mark))
            case _:
                self.on(thread, mark, *self.sent.get(row.token, []))


def conflicts(one: Any, other: Any) -> bool:
    """Do they touch a byte in common, and does one of them write it?"""

    def touched(row: Any, spans: str) -> set[tuple[int, int]]:
        return {(span.storage, byte) for span in getattr(row, spans) for byte in range(span.low, span.high)}

    writes, reads = touched(one, "writes"), touched(one, "reads")
    return bool(writes & (touched(other, "writes") | touched(other, "reads")) or reads & touched(other, "writes"))


def races_of(actions: list[Any]) -> set[tuple[int, int]]:
    """Pairs of row numbers, by reachability alone."""
    promises = Promises()
    for number, row in enumerate(actions):
        promises.add(number, row)
    touching = {
        number: ("device" if isinstance(row, rows.Launch) else "host", number)
        for number, row in enumerate(actions)
        if isinstance(row, rows.Launch | rows.HostAccess)
    }
    return {
        (one, other)
        for one, first in touching.items()
        for other, second in touching.items()
        if one < other and conflicts(actions[one], actions[other])
        if not networkx.has_path(promises.graph, first, second)
    }


@pytest.mark.parametrize("seed", range(300))
def test_races_are_the_pairs_that_no_promise_orders(seed: int) -> None:
    chance = Random(seed)
    actions = [action(chance) for _ in range(chance.randint(4, 40))]
    made = [rows.NewStream(stream=stream, kind=kind) for stream, kind in KINDS.items()]
    found = {
        (hazard.first.row - len(made), hazard.second.row - len(made))
        for hazard in hazards_of([*made, *actions])
        if hazard.kind == "race" and hazard.first is not None and hazard.second is not None
    }
    expected = races_of(actions)
    assert found <= expected, "a false alarm"
    assert {later for _, later in found} == {later for _, later in expected}, "whoever races is found"
