"""GPU hazards as findings: both accesses, the streams as lanes, and the one line that would order them. G001, G002, G005.

It words hazards and finds none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...simcore.gpu import rows
from ..finding import Finding, Related, Step, fingerprint
from .hazards import Access, Hazard, hazards_of

STEPS_MAX = 20
"""A finding shows the two accesses and at most so many actions of their streams in between, the last ones."""
_TELLING = rows.RecordEvent | rows.WaitEvent | rows.EventDone | rows.StreamDone | rows.DeviceDone | rows.RecordStream


def find(given: Sequence[rows.AnyRow]) -> list[Finding]:
    """The findings of a run, in the order in which they show; the same two places are one finding."""
    names = _Names.of(given)
    found: dict[str, Finding] = {}
    hazards = hazards_of(given)
    confirmed = {hazard.first for hazard in hazards if hazard.kind == "reuse" and hazard.second is not None}
    for hazard in hazards:
        if hazard.kind == "reuse" and hazard.second is None and hazard.first in confirmed:
            continue
        finding = _finding(given, names, hazard)
        key = "|".join((finding.rule, finding.certainty, *(related.at for related in finding.related)))
        first = found.setdefault(key, finding)
        if first is not finding:
            first.seen += 1
    return [*found.values()]


@dataclass(slots=True)
class _Names:
    """What a user calls streams, threads and storages."""

    streams: dict[int, str] = field(default_factory=dict[int, str])
    made: dict[int, rows.NewStream] = field(default_factory=dict[int, rows.NewStream])
    threads: dict[int, str] = field(default_factory=dict[int, str])
    storages: dict[int, rows.Alloc] = field(default_factory=dict[int, rows.Alloc])

    @classmethod
    def of(cls, given: Sequence[rows.AnyRow]) -> _Names:
        names = cls()
        for row in given:
            if isinstance(row, rows.NewStream):
                default = "the default stream" if row.kind == "legacy" else f"stream {row.stream}"
                if row.kind == "legacy" and row.device:
                    default += f" of cuda:{row.device}"
                names.made[row.stream] = row
                names.streams[row.stream] = _called(row.name) if row.name else default
            elif isinstance(row, rows.NewThread):
                names.threads[row.t] = row.name
            elif isinstance(row, rows.Alloc):
                names.storages[row.storage] = row
        return names

    def actor(self, actor: int) -> str:
        if actor >= 0:
            return self.streams.get(actor, f"stream {actor}")
        thread = -1 - actor
        return self.threads.get(thread) or ("the host" if thread == 0 else f"host thread {thread}")

    def code(self, actor: int) -> str:
        """A stream as it stands in a program."""
        made = self.made.get(actor)
        if made is None:
            return "that stream"
        if made.kind == "legacy":
            return f"torch.cuda.default_stream({made.device or ''})"
        return made.name.partition(" ")[0] or f"stream_{actor}"

    def storage(self, number: int) -> str:
        made = self.storages.get(number)
        return "a tensor" if made is None or not made.name else made.name

    def stream_of(self, number: int) -> str:
        made = self.storages.get(number)
        return "its stream" if made is None or made.stream < 0 else self.actor(made.stream)


def _called(name: str) -> str:
    """``stream s``, ``Prefetcher.stream``."""
    return name if "." in name or name.partition(" ")[0].endswith("_stream") else f"stream {name}"


def _finding(given: Sequence[rows.AnyRow], names: _Names, hazard: Hazard) -> Finding:
    if hazard.kind == "event":
        return _event(given, hazard)
    return _race(given, names, hazard) if hazard.kind == "race" else _reuse(given, names, hazard)


def _race(given: Sequence[rows.AnyRow], names: _Names, hazard: Hazard) -> Finding:
    first, second = hazard.first, hazard.second
    assert first is not None
    assert second is not None
    what = names.storage(hazard.storage)
    message = (
        f"{_did(names, first)} {what}, and {_did(names, second)} the same bytes of it, with nothing between them that "
        "orders the two"
    )
    return Finding(
        rule="G001",
        kind="gpu-race",
        certainty="observed",
        message=message,
        steps=_steps(given, names, first, second),
        suggestion=_order(names, first, second),
        related=[_place(names, first), _place(names, second), *_made(names, hazard.storage)],
        fingerprint=fingerprint("G001", what, first.name, second.name),
    )


def _reuse(given: Sequence[rows.AnyRow], names: _Names, hazard: Hazard) -> Finding:
    first, second = hazard.first, hazard.second
    assert first is not None
    what, owner = names.storage(hazard.storage), names.stream_of(hazard.storage)
    message = f"{_did(names, first)} {what}, which is freed while that may still go on; its memory goes back to {owner}"
    made = names.storages.get(hazard.storage)
    stream, home = names.code(first.actor), names.code(-1 if made is None else made.stream)
    tensor = what if made is not None and made.name else "tensor"
    waits = f"{home}.wait_stream({stream})" if home != stream else f"let {owner} wait for {names.actor(first.actor)}"
    related = [_place(names, first), *_made(names, hazard.storage)]
    if second is None:
        at = given[hazard.row].at
        related.append(Related(f"{what} is freed", at) if at else Related(f"{what} is freed as its last user ends", ""))
    else:
        message += f", and {_did(names, second)} what lives there now"
        related.append(_place(names, second))
    return Finding(
        rule="G002",
        kind="gpu-use-after-free",
        certainty="latent" if second is None else "confirmed",
        message=message,
        steps=_steps(given, names, first, second),
        suggestion=f"{tensor}.record_stream({stream}) after it is used there, or {waits} before it goes",
        related=related,
        fingerprint=fingerprint("G002", what, first.name, "" if second is None else second.name),
    )


def _event(given: Sequence[rows.AnyRow], hazard: Hazard) -> Finding:
    at = given[hazard.row].at
    if hazard.waited == "never recorded":
        message = "this waits for an event that nobody has recorded, and so for nothing"
        suggestion = "record the event, on the stream that is to be waited for, before this line"
        related = [Related("the wait", at)]
    else:
        message = (
            "this waits for an event that another thread records, and nothing orders the two: it may as well wait for "
            "an older record, or for none"
        )
        suggestion = "hand the event over after it was recorded: through a queue, or under a lock with a flag"
        related = [Related("the wait", at), Related("the record", given[hazard.recorded].at)]
    return Finding(
        rule="G005",
        kind="unordered-event",
        certainty="observed" if hazard.waited == "never recorded" else "predicted",
        message=message,
        suggestion=suggestion,
        related=related,
        fingerprint=fingerprint("G005", hazard.waited, str(hazard.event)),
    )


def _did(names: _Names, access: Access) -> str:
    at = f" ({access.at})" if access.at else ""
    on = f" on {names.actor(access.actor)}" if access.actor >= 0 else f" of {names.actor(access.actor)}"
    return f"{access.name}{at}{on} {'writes' if access.writes else 'reads'}"


def _order(names: _Names, first: Access, second: Access) -> str:
    one, other = names.code(first.actor), names.code(second.actor)
    before = f" before {second.at}" if second.at else ""
    if first.actor >= 0 and second.actor >= 0 and one == other:
        return f"let {names.actor(second.actor)} wait for {names.actor(first.actor)}{before} (wait_stream, or an event)"
    if first.actor >= 0 and second.actor >= 0:
        return f"{other}.wait_stream({one}){before}, or wait for an event recorded after the first"
    if first.actor >= 0:
        return f"{one}.synchronize(), or event.synchronize() for an event recorded there after the first,{before}"
    if second.actor >= 0:
        return (
            f"let {names.actor(first.actor)} be done{before}: a lock or a queue between the threads, before the launch"
        )
    return f"order the two threads{before}: a lock, a queue, a join"


def _place(names: _Names, access: Access) -> Related:
    return Related(f"{access.name} on {names.actor(access.actor)}", access.at)


def _made(names: _Names, storage: int) -> list[Related]:
    made = names.storages.get(storage)
    return [] if made is None or not made.at else [Related(f"{names.storage(storage)} is made", made.at)]


def _steps(given: Sequence[rows.AnyRow], names: _Names, first: Access, second: Access | None) -> list[Step]:
    """The first access, what the streams of both say to each other after it, and the second."""
    last = len(given) if second is None else second.row
    lanes = {first.actor, first.actor if second is None else second.actor}
    between = [
        _step(names, number, row)
        for number, row in enumerate(given[first.row + 1 : last], first.row + 1)
        if isinstance(row, _TELLING) and _lane(row) in lanes
    ]
    ends = [_access_step(names, access) for access in (first, second) if access is not None]
    return [ends[0], *between[-STEPS_MAX:], *ends[1:]]


def _lane(row: _TELLING) -> int:
    return row.stream if isinstance(row, rows.RecordEvent | rows.WaitEvent) else -1 - row.t


def _step(names: _Names, number: int, row: _TELLING) -> Step:
    what = {
        rows.RecordEvent: "record",
        rows.WaitEvent: "wait_event",
        rows.EventDone: "event.synchronize",
        rows.StreamDone: "synchronize",
        rows.DeviceDone: "synchronize",
        rows.RecordStream: "record_stream",
    }[type(row)]
    target = ""
    if isinstance(row, rows.RecordEvent | rows.WaitEvent | rows.EventDone):
        target = f"event {row.event}"
    elif isinstance(row, rows.StreamDone):
        target = names.actor(row.stream)
    elif isinstance(row, rows.RecordStream):
        target = names.storage(row.storage)
    return Step(step=number + 1, thread=names.actor(_lane(row)), operation=what, object=target, at=row.at)


def _access_step(names: _Names, access: Access) -> Step:
    return Step(
        step=access.row + 1,
        thread=names.actor(access.actor),
        operation=f"{access.name} {'writes' if access.writes else 'reads'}",
        object=names.storage(access.span.storage),
        at=access.at,
    )
