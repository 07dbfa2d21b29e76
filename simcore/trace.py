"""The trace: one record of what happened, the same from the explored, the timed and the real world.

This is the ground of the house: it imports nothing of ours and knows no world. A trace is a header, four
tables (threads, objects, locations, extras) and the events in the order they took effect, kept as columns.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import numpy as np

SCHEMA = "weft.trace/1"
NOTHING = -1
"""The table index that means "none": an event without an object, a location, a time or an extra."""


class Op(IntEnum):
    """The closed vocabulary of operations; one name may serve several kinds of object
    (``SET`` on an event and a future)."""

    START = auto()
    BEGIN = auto()
    END = auto()
    JOIN = auto()
    REQUEST = auto()
    ACQUIRE = auto()
    ACQUIRE_FAILED = auto()
    RELEASE = auto()
    WAIT = auto()
    WAKE = auto()
    NOTIFY = auto()
    TIMEOUT = auto()
    SET = auto()
    CLEAR = auto()
    ARRIVE = auto()
    DEPART = auto()
    ABORT = auto()
    PUT = auto()
    GET = auto()
    PUT_FAILED = auto()
    GET_FAILED = auto()
    TASK_DONE = auto()
    CLOSE = auto()
    SUBMIT = auto()
    RUN = auto()
    RESULT = auto()
    CANCEL = auto()
    READ = auto()
    WRITE = auto()
    ATOMIC = auto()
    COMPUTE = auto()
    SLEEP = auto()
    IO = auto()
    READY = auto()
    PREEMPT = auto()
    BLOCK = auto()
    GIL_ACQUIRE = auto()
    GIL_RELEASE = auto()
    GIL_REQUEST = auto()
    LAUNCH = auto()
    COPY = auto()
    EVENT_RECORD = auto()
    EVENT_WAIT = auto()
    EVENT_SYNC = auto()
    STREAM_SYNC = auto()
    DEVICE_SYNC = auto()
    ALLOC = auto()
    FREE = auto()
    RECORD_STREAM = auto()
    COLLECTIVE = auto()
    MARK = auto()
    FAIL = auto()

    @property
    def label(self) -> str:
        """The name in files and reports: ``acquire``, ``task_done``."""
        return self.name.lower()


BY_LABEL = {op.label: op for op in Op}


@dataclass(frozen=True, slots=True)
class ThreadInfo:
    """A row of the thread table; ``parent`` is the index of the thread that started it (-1: the main thread)."""

    name: str
    parent: int = NOTHING
    daemon: bool = False


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """A row of the object table.

    ``kind`` is the primitive's class (``Lock``, ``Queue``, ``Thread``, ``Future`` …), ``name`` the user's name for it,
    ``site`` the location index of its creation, ``generation`` tells apart objects that CPython gave one id,
    ``thread`` is the thread-table index when the object is a thread, ``capacity`` the bound of a queue or the
    initial value of a semaphore, ``part_of`` the object it belongs to (a condition's lock, a future's pool).
    """

    kind: str
    name: str
    site: int = NOTHING
    generation: int = 0
    thread: int = NOTHING
    capacity: int = 0
    part_of: int = NOTHING


@dataclass(frozen=True, slots=True)
class Location:
    """A row of the source table. ``str()`` gives the short form used in reports: ``bank.py:12``."""

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Header:
    """What the trace is of. ``world`` is ``explored``, ``timed`` or ``real``; ``profile`` names the machine profile."""

    target: str
    world: str
    weft: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    profile: dict[str, Any] = field(default_factory=dict)
    schema: str = SCHEMA


@dataclass(frozen=True, slots=True)
class Event:
    """A light view of one row. ``thread``, ``object`` and ``location`` are table indices; ``time_ns`` is None
    when logical."""

    index: int
    thread: int
    operation: Op
    object: int
    location: int
    time_ns: int | None
    outcome: int
    extra: Any


class TraceError(Exception):
    """A file is not a trace, or not one this version can read. The message names the file and the rule."""


COLUMNS = [
    ("thread", "<i4"),
    ("operation", "<i2"),
    ("outcome", "<i2"),
    ("object", "<i4"),
    ("location", "<i4"),
    ("extra", "<i4"),
    ("time_ns", "<i8"),
]
"""The columns of a trace: names and NumPy types, in the order of :meth:`Trace.rows`."""
_Row = tuple[int, int, int, int, int, int, int]


class Tables:
    """The names behind the small integers of the events, each stored once."""

    __slots__ = ("_extra_index", "_location_index", "extras", "locations", "objects", "threads")

    def __init__(self) -> None:
        self.threads: list[ThreadInfo] = []
        self.objects: list[ObjectInfo] = []
        self.locations: list[Location] = []
        self.extras: list[Any] = []
        self._location_index: dict[tuple[str, int, str], int] = {}
        self._extra_index: dict[str, int] = {}

    def location(self, file: str, line: int, function: str = "") -> int:
        """The index of a source location, added when new."""
        key = (file, line, function)
        index = self._location_index.get(key)
        if index is None:
            index = self._location_index[key] = len(self.locations)
            self.locations.append(Location(file, line, function))
        return index

    def extra(self, value: Any) -> int:
        """The index of a JSON value, added when new; None is never stored."""
        if value is None:
            return NOTHING
        key = json.dumps(value, sort_keys=True)
        index = self._extra_index.get(key)
        if index is None:
            index = self._extra_index[key] = len(self.extras)
            self.extras.append(value)
        return index

    def rows_after(self, threads: int, objects: int, locations: int, extras: int) -> dict[str, list[Any]]:
        """The rows added since the given lengths, as JSON values."""
        return {
            "threads": [asdict(row) for row in self.threads[threads:]],
            "objects": [asdict(row) for row in self.objects[objects:]],
            "locations": [asdict(row) for row in self.locations[locations:]],
            "extras": self.extras[extras:],
        }

    def extend(self, rows: dict[str, list[Any]]) -> None:
        """Append rows written by :meth:`rows_after`.

        Raises:
            KeyError, ValueError: they are not such rows (msgspec.ValidationError is a ValueError).
        """
        import msgspec

        self.threads += msgspec.convert(rows["threads"], list[ThreadInfo])
        self.objects += msgspec.convert(rows["objects"], list[ObjectInfo])
        for row in msgspec.convert(rows["locations"], list[Location]):
            self.location(row.file, row.line, row.function)
        for value in rows["extras"]:
            self.extra(value)


class Trace:
    """An immutable trace: ``header``, ``tables`` and ``columns`` (a NumPy structured array, one row an event).

    The columns are made when first asked for: the trace of one short execution is checked and shown without NumPy.
    """

    __slots__ = ("_columns", "_rows", "header", "note", "tables")

    def __init__(
        self,
        header: Header,
        tables: Tables,
        columns: np.ndarray | None = None,
        note: str = "",
        rows: list[_Row] | None = None,
    ) -> None:
        self.header = header
        self.tables = tables
        self.note = note
        """Non-empty when the file was cut short: what could still be read."""
        self._columns = columns
        self._rows: list[_Row] = [] if rows is None else rows

    @property
    def columns(self) -> np.ndarray:
        if self._columns is None:
            import numpy as np

            self._columns = np.array(self._rows, dtype=COLUMNS)
        return self._columns

    def __len__(self) -> int:
        return len(self._rows if self._columns is None else self._columns)

    def __iter__(self) -> Iterator[Event]:
        extras = self.tables.extras
        rows: list[_Row] = self._rows if self._columns is None else self._columns.tolist()
        for index, (thread, operation, outcome, target, location, extra, time_ns) in enumerate(rows):
            yield Event(
                index,
                thread,
                Op(operation),
                target,
                location,
                None if time_ns == NOTHING else time_ns,
                outcome,
                None if extra == NOTHING else extras[extra],
            )

    def rows(self) -> list[_Row]:
        """The events as plain tuples: thread, operation, outcome, object, location, extra, time; -1 where there is none."""
        rows: list[_Row] = self._rows if self._columns is None else self._columns.tolist()
        return rows

    def row(self, index: int) -> _Row:
        """One event as a plain tuple; see :meth:`rows`."""
        return self._rows[index] if self._columns is None else self._columns[index].item()

    def at(self, location: int) -> str:
        """``bank.py:12``, or an empty string."""
        return "" if location == NOTHING else str(self.tables.locations[location])

    def object_name(self, index: int) -> str:
        return "" if index == NOTHING else self.tables.objects[index].name

    def thread_name(self, index: int) -> str:
        return self.tables.threads[index].name

    def save(self, path: str | Path) -> None:
        """Write a ``.weft`` file (a zip of JSON and .npy members), or JSON lines when the name ends in ``.jsonl``."""
        path = Path(path)
        if path.suffix == ".jsonl":
            path.write_text(self.to_json_lines(), encoding="utf-8")
            return
        with TraceWriter(path, self.header, self.tables) as writer:
            writer.append(self.columns)

    def to_json_lines(self) -> str:
        """The whole trace as text: a header line with the tables, then a line an event."""
        lines = [json.dumps({"header": asdict(self.header), "tables": self.tables.rows_after(0, 0, 0, 0)})]
        for event in self:
            line: dict[str, Any] = {"thread": event.thread, "operation": event.operation.label}
            for key in ("object", "location"):
                if getattr(event, key) != NOTHING:
                    line[key] = getattr(event, key)
            if event.time_ns is not None:
                line["time_ns"] = event.time_ns
            if event.outcome:
                line["outcome"] = event.outcome
            if event.extra is not None:
                line["extra"] = event.extra
            lines.append(json.dumps(line))
        return "\n".join(lines) + "\n"


class TraceBuilder:
    """Collects events of one run; worlds append, :meth:`build` freezes."""

    __slots__ = ("header", "rows", "tables")

    def __init__(self, header: Header) -> None:
        self.header = header
        self.tables = Tables()
        self.rows: list[_Row] = []

    def add(
        self,
        thread: int,
        operation: Op,
        target: int = NOTHING,
        location: int = NOTHING,
        time_ns: int | None = None,
        outcome: int = 0,
        extra: Any = None,
    ) -> None:
        """Append one event; ``outcome`` is the operation's small integer result (0 when it has none)."""
        self.rows.append(
            (
                thread,
                operation,
                outcome,
                target,
                location,
                NOTHING if extra is None else self.tables.extra(extra),
                NOTHING if time_ns is None else time_ns,
            )
        )

    def build(self, *, sort_by_time: bool = False) -> Trace:
        """Freeze. ``sort_by_time`` merges the per-thread logs of a real run (stably: each thread keeps its order)."""
        rows = sorted(self.rows, key=lambda row: row[-1]) if sort_by_time else self.rows
        return Trace(self.header, self.tables, rows=rows)


class TraceWriter:
    """Writes a ``.weft`` file chunk by chunk; whatever was flushed before a kill can be read back.

    Each chunk is two zip members, the table rows it needs and then its columns, so a chunk counts only when its
    columns are whole.
    """

    def __init__(self, path: str | Path, header: Header, tables: Tables) -> None:
        self._file = open(path, "wb")  # noqa: SIM115 - lives as long as the writer
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED)
        self._tables = tables
        self._written = (0, 0, 0, 0)
        self._chunks = 0
        self._write("header.json", json.dumps(asdict(header)).encode())

    def _write(self, name: str, data: bytes) -> None:
        self._zip.writestr(zipfile.ZipInfo(name), data)
        self._file.flush()

    def append(self, columns: np.ndarray) -> None:
        """Write one chunk of events and the table rows added since the last one."""
        import numpy as np

        tables = self._tables
        rows = tables.rows_after(*self._written)
        self._written = (len(tables.threads), len(tables.objects), len(tables.locations), len(tables.extras))
        self._write(f"{self._chunks:06d}.tables.json", json.dumps(rows).encode())
        buffer = io.BytesIO()
        np.save(buffer, columns, allow_pickle=False)
        self._write(f"{self._chunks:06d}.columns.npy", buffer.getvalue())
        self._chunks += 1

    def append_rows(self, rows: Sequence[_Row]) -> None:
        """Like :meth:`append`, from a builder's rows."""
        import numpy as np

        self.append(np.array(rows, dtype=COLUMNS))

    def close(self) -> None:
        self._zip.close()
        self._file.close()

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


def _whole_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The stored members of a zip whose central directory is missing, in order, up to the first broken one."""
    offset = 0
    while data[offset : offset + 4] == b"PK\x03\x04" and offset + _LOCAL_HEADER.size <= len(data):
        fields = _LOCAL_HEADER.unpack_from(data, offset)
        size, name_length, extra_length = fields[7], fields[9], fields[10]
        start = offset + _LOCAL_HEADER.size + name_length + extra_length
        if start + size > len(data):
            return
        name = data[offset + _LOCAL_HEADER.size : offset + _LOCAL_HEADER.size + name_length]
        content = data[start : start + size]
        if zlib.crc32(content) != fields[6]:
            return
        yield name.decode(), content
        offset = start + size


def load(path: str | Path) -> Trace:
    """Read a ``.weft`` or ``.jsonl`` trace.

    A file cut short by a kill is read up to its last whole chunk and ``Trace.note`` says so.

    Raises:
        TraceError: the file is missing, not a trace, or of an unknown schema.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TraceError(f"cannot read the trace {path}: {error.strerror}") from error
    try:
        trace = _load_zip(path, data) if data[:4] == b"PK\x03\x04" else _load_json_lines(path, data)
        _check(trace)
    except TraceError:
        raise
    except Exception as error:  # whatever zipfile, json or NumPy make of a damaged file
        raise TraceError(f"{path} is not a trace, or is damaged: {type(error).__name__}: {error}") from error
    return trace


def _check(trace: Trace) -> None:
    """Raise ValueError when an event points outside the tables or is of no known operation."""
    import numpy as np

    tables, columns = trace.tables, trace.columns
    lengths = {
        "thread": len(tables.threads),
        "object": len(tables.objects),
        "location": len(tables.locations),
        "extra": len(tables.extras),
    }
    for name, length in lengths.items():
        least = 0 if name == "thread" else NOTHING
        outside = np.flatnonzero((columns[name] < least) | (columns[name] >= length))
        if len(outside):
            raise ValueError(f"event {outside[0] + 1} has {name} {columns[name][outside[0]]} of {length}")
    if not np.isin(columns["operation"], [*Op]).all():
        raise ValueError("an event is of no known operation")


def _header(path: Path, values: Any) -> Header:
    fields = cast("dict[str, Any]", values) if isinstance(values, dict) else {}
    found = fields.get("schema")
    if found != SCHEMA:
        raise TraceError(f"{path} is not a trace this version reads: schema {found!r}, expected {SCHEMA!r}")
    return Header(**fields)


def _load_zip(path: Path, data: bytes) -> Trace:
    import numpy as np

    note = ""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except zipfile.BadZipFile:
        members = list(_whole_members(data))
        note = f"{path.name} was cut short"
    if not members or members[0][0] != "header.json":
        raise TraceError(f"{path} is a zip file but not a trace: its first member must be header.json")
    header = _header(path, json.loads(members[0][1]))
    tables = Tables()
    chunks: list[np.ndarray] = []
    pending: bytes | None = None
    for name, content in members[1:]:
        if name.endswith(".tables.json"):
            pending = content
        elif name.endswith(".columns.npy") and pending is not None:
            tables.extend(json.loads(pending))
            chunks.append(np.load(io.BytesIO(content), allow_pickle=False).astype(COLUMNS, casting="safe"))
            pending = None
    columns = np.concatenate(chunks) if chunks else np.array([], dtype=COLUMNS)
    if note:
        note += f": read {len(columns)} events in {len(chunks)} whole chunks"
    return Trace(header, tables, columns, note)


def _load_json_lines(path: Path, data: bytes) -> Trace:
    lines = data.decode("utf-8", errors="replace").splitlines()
    try:
        first = json.loads(lines[0])
        header = _header(path, first["header"])
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise TraceError(f"{path} is not a trace: the first line must hold a weft trace header") from error
    builder = TraceBuilder(header)
    builder.tables.extend(first["tables"])
    note = ""
    for number, text in enumerate(lines[1:], 2):
        try:
            line = json.loads(text)
            builder.add(
                line["thread"],
                BY_LABEL[line["operation"]],
                line.get("object", NOTHING),
                line.get("location", NOTHING),
                line.get("time_ns"),
                line.get("outcome", 0),
                line.get("extra"),
            )
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                note = f"{path.name} was cut short: read {number - 2} events"
                break
            raise TraceError(f"{path}:{number}: not an event of the vocabulary: {text[:60]!r}") from error
    trace = builder.build()
    trace.note = note
    return trace
