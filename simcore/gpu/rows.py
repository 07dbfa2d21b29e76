"""What host threads asked of devices: one row an action, in the order in which the actions were issued.

It says what rows mean; what orders them, and which of them are hazards, is for others. As JSON each row is an object whose
``k`` tells its kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

StreamKind = Literal["legacy", "blocking", "non-blocking", "per-thread"]
"""How a stream stands to the legacy default stream: it is that one, waits for it and is waited for (as a thread's own
default stream does, too), or has nothing to do with it (all streams of torch's pool)."""


class Span(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """Bytes of a storage from ``low`` to ``high`` (excluded).

    With ``steps``, one (count, bytes from one to the next) for each dimension, only the elements of ``item`` bytes that
    are found from ``low`` on with these steps; without, all bytes.
    """

    storage: int
    low: int
    high: int
    item: int = 1
    steps: tuple[tuple[int, int], ...] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True, tag_field="k", omit_defaults=True):
    """An action of host thread ``t``, at a line of the program (``train.py:12``)."""

    t: int = 0
    at: str = ""


class NewThread(Row, frozen=True, kw_only=True, tag="thread"):
    """Host thread ``t`` does something for the first time."""

    name: str


class NewStream(Row, frozen=True, kw_only=True, tag="stream"):
    """A stream is used for the first time."""

    stream: int
    device: int = 0
    kind: StreamKind = "non-blocking"
    name: str = ""


class Launch(Row, frozen=True, kw_only=True, tag="op"):
    """A kernel, a memset or an asynchronous copy is queued on a stream; of a copy from or to pinned memory, host
    storages are among the spans."""

    stream: int
    name: str
    reads: tuple[Span, ...] = ()
    writes: tuple[Span, ...] = ()


class HostAccess(Row, frozen=True, kw_only=True, tag="host"):
    """The host thread itself reads or writes."""

    name: str
    reads: tuple[Span, ...] = ()
    writes: tuple[Span, ...] = ()


class RecordEvent(Row, frozen=True, kw_only=True, tag="ev_rec"):
    """``event.record(stream)``."""

    event: int
    stream: int


class WaitEvent(Row, frozen=True, kw_only=True, tag="ev_wait"):
    """``stream.wait_event(event)``."""

    stream: int
    event: int


class EventDone(Row, frozen=True, kw_only=True, tag="ev_sync"):
    """``event.synchronize()`` came back, or ``event.query()`` said yes."""

    event: int


class StreamDone(Row, frozen=True, kw_only=True, tag="st_sync"):
    """``stream.synchronize()`` came back, or ``stream.query()`` said yes."""

    stream: int


class DeviceDone(Row, frozen=True, kw_only=True, tag="dev_sync"):
    """``torch.cuda.synchronize(device)`` came back."""

    device: int = 0


class Alloc(Row, frozen=True, kw_only=True, tag="alloc"):
    """A storage is made: on a device for a stream (the current one), or on the host (``stream`` -1).

    ``address`` and ``size`` (in bytes) say which memory it is, in an address space of its own for each device;
    ``device`` is -1 for the host.
    """

    storage: int
    device: int = 0
    stream: int = -1
    address: int = -1
    size: int = 0
    name: str = ""


class Free(Row, frozen=True, kw_only=True, tag="free"):
    """The last tensor of a storage is gone; its memory may be given out again to the stream it was made for."""

    storage: int


class RecordStream(Row, frozen=True, kw_only=True, tag="rec_stream"):
    """``tensor.record_stream(stream)``: not before what that stream has to do at the time of the free."""

    storage: int
    stream: int


class Send(Row, frozen=True, kw_only=True, tag="send"):
    """What host thread ``t`` did so far comes before whoever receives the token later: it starts a thread, releases a
    lock, puts an item, ends."""

    token: int


class Receive(Row, frozen=True, kw_only=True, tag="recv"):
    """It was told by every :class:`Send` of the token so far: it begins, acquires the lock, gets the item, joins."""

    token: int


_HEAD_MAX = 1 << 12
AnyRow = (
    NewThread
    | NewStream
    | Launch
    | HostAccess
    | RecordEvent
    | WaitEvent
    | EventDone
    | StreamDone
    | DeviceDone
    | Alloc
    | Free
    | RecordStream
    | Send
    | Receive
)


SCHEMA = "weft.device-rows/1"


class Head(msgspec.Struct, frozen=True, kw_only=True, tag_field="k", tag="head", omit_defaults=True):
    """The first line of a file of rows: of what program, by which version of the format."""

    schema: str
    target: str = ""


class RowsError(ValueError):
    """A line is no row, or a file none of rows; the message says which and why."""


def decode(lines: Iterable[bytes | str], name: str) -> Iterator[AnyRow]:
    """Rows from JSON, one a line; empty lines are none.

    Raises:
        RowsError: a line is not JSON, or not a row; ``name`` is the file's.
    """
    decoder = msgspec.json.Decoder[AnyRow](AnyRow)
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError as error:
                raise RowsError(
                    f'{name}, line {number}: {error}; each line is a JSON object, its "k" says what it is'
                ) from error


def save(path: Path, given: Iterable[AnyRow], target: str) -> None:
    """Write a file that :func:`load` reads."""
    head = msgspec.json.encode(Head(schema=SCHEMA, target=target)) + b"\n"
    path.write_bytes(head + encode(given))


def looks_like_rows(path: Path) -> bool:
    """Does the file begin as :func:`save` begins it?"""
    try:
        with path.open("rb") as file:
            return file.readline(_HEAD_MAX).startswith(b'{"k":"head"')
    except OSError:
        return False


def load(path: Path) -> tuple[Head, list[AnyRow]]:
    """The head and the rows of a file.

    Raises:
        RowsError: unreadable, of another version of the format, or with a line that is no row.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise RowsError(f"cannot read {path}: {error.strerror}") from error
    try:
        head = msgspec.json.decode(lines[0] if lines else b"", type=Head)
    except msgspec.DecodeError as error:
        raise RowsError(f"{path} is no file of device rows: its first line is no head ({error})") from error
    if head.schema != SCHEMA:
        raise RowsError(f"{path} is in the format {head.schema}; this version of weft reads {SCHEMA}")
    return head, [*decode([b"", *lines[1:]], str(path))]


def encode(given: Iterable[AnyRow]) -> bytes:
    """The same as text, a line each."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in given)
