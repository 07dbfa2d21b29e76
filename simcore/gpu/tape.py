"""What a program asks of devices in one execution, written down row by row: who, where, on which stream, which bytes.

It numbers streams, events and storages by their first use, and keeps the memory of each device. It knows nothing of
torch; whoever stands in for a library tells it what happened.
"""

from __future__ import annotations

import linecache
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType

from .. import naming
from ..library import is_library
from ..library import known as _known_files
from . import rows
from .memory import Memory
from .rows import Span, StreamKind

HOST = -1
"""The number of the host, among those of devices."""
CAPACITY = 80 << 30
"""Bytes of memory of a virtual device: those of the H100 that most people rent."""


_WAITS = re.compile(r"\s*while not [^:]*\.query\(\)\s*:")
"""A loop that ends when the work is done."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as the driver knows it: two objects of a program with one ``handle`` are the same stream."""

    device: int
    handle: int
    kind: StreamKind = "non-blocking"


@dataclass(slots=True, eq=False)
class Block:
    """The memory behind a storage. ``device`` is :data:`HOST` for pinned memory."""

    device: int
    size: int
    stream: Stream | None = None
    number: int = -1
    """Of the storage in the rows of ``tape``."""
    address: int = -1
    recorded: bool = False
    """``record_stream`` was called for it."""
    tape: Tape | None = None


class CaptureError(RuntimeError):
    """Something was asked for that no graph can hold."""


class Capture:
    """The work of a host thread that goes into a graph, on the stream where it began and those that follow it."""

    def __init__(self, origin: Stream) -> None:
        self.origin = origin
        self.reads: list[Span] = []
        self.writes: list[Span] = []
        self._known: dict[Stream, dict[Stream, int]] = {origin: {}}
        """By stream, what it has waited for: others, and how much of their work."""
        self._done: dict[Stream, int] = {}
        self._events: dict[int, dict[Stream, int]] = {}

    def has(self, stream: Stream) -> bool:
        return stream in self._known

    def launch(self, stream: Stream, reads: Sequence[Span], writes: Sequence[Span]) -> None:
        self._done[stream] = self._done.get(stream, 0) + 1
        self.reads += reads
        self.writes += writes

    def record(self, event: int, stream: Stream) -> None:
        self._events[event] = {**self._known[stream], stream: self._done.get(stream, 0)}

    def knows(self, event: int) -> bool:
        return event in self._events

    def wait(self, stream: Stream, event: int) -> None:
        """From here on the stream belongs to the graph, if it did not before."""
        known = self._known.setdefault(stream, {})
        for other, count in self._events[event].items():
            known[other] = max(count, known.get(other, 0))

    def unjoined(self) -> int:
        """How many streams have work, or joined, that the first one has not waited for."""
        known = self._known[self.origin]
        return sum(
            stream != self.origin and known.get(stream, -1) < self._done.get(stream, 0) for stream in self._known
        )


class Tape:
    """The rows of one execution.

    ``thread`` says which host thread runs now: its number and name.
    """

    def __init__(self, devices: int, thread: Callable[[], tuple[int, str]], *, capacity: int = CAPACITY) -> None:
        self.rows: list[rows.AnyRow] = []
        self.memories = [Memory(capacity) for _ in range(devices)]
        self.queried: set[str] = set()
        """Where the program asked whether work is done, and could have gone another way had it not been."""
        self.launched: Callable[[Stream, Iterable[tuple[int, bool]]], None] | None = None
        """Told after something was launched: where, and which storages it touches, and whether it writes them."""
        self.touched: Callable[[Stream, bool], None] | None = None
        """Told before a stream is used: which, and whether what it has to do counts (else something is added to it)."""
        self._thread = thread
        self._threads: set[int] = set()
        self._streams: dict[Stream, int] = {}
        self._events: dict[int, int] = {}
        self._names: dict[str, int] = {}
        self._blocks = 0
        self._movers: list[int] = []
        self._captures: dict[int, Capture] = {}
        """By host thread, the graph it captures."""

    @property
    def streams(self) -> int:
        """How many there are."""
        return len(self._streams)

    def touch(self, stream: Stream, *, look: bool = False) -> None:
        """The host thread is about to use a stream: the place where another thread may come first."""
        if self.touched is not None:
            self.touched(stream, look)

    # Who and where.

    def who(self) -> int:
        """The host thread that runs now."""
        number, name = self._thread()
        if number not in self._threads:
            self._threads.add(number)
            self.rows.append(rows.NewThread(t=number, name=name))
        return number

    def stepped(self, thread: int, step: int, edges: Sequence[int]) -> None:
        """Host thread ``thread`` made step ``step`` of the execution, which ``edges``, earlier steps, made possible."""
        movers = self._movers
        for edge in edges:
            if movers[edge] != thread:
                self.rows.append(rows.Receive(t=thread, token=edge))
        movers.append(thread)
        self.rows.append(rows.Send(t=thread, token=step))

    # Streams and events.

    def new_stream(self, stream: Stream) -> int:
        """The program makes a stream object; what it calls it is the stream's name if it is the first one."""
        frame = user_frame(sys._getframe(1))
        name, many = ("", False) if frame is None else naming.creation_name(frame)
        return self.stream(stream, f"{name}[]" if many and name else name)

    def _told_apart(self, name: str) -> str:
        """Streams that the program calls the same get numbers: ``streams[0]``, ``s (2)``."""
        count = self._names[name] = self._names.get(name, 0) + 1
        if not name or name.endswith("[]"):
            return name and f"{name[:-1]}{count - 1}]"
        return name if count == 1 else f"{name} ({count})"

    def stream(self, stream: Stream, name: str = "") -> int:
        """Its number; the first time it is made known."""
        number = self._streams.get(stream)
        if number is None:
            number = self._streams[stream] = len(self._streams)
            device, kind = stream.device, stream.kind
            name = self._told_apart(name)
            self.rows.append(
                rows.NewStream(t=self.who(), at=place(), stream=number, device=device, kind=kind, name=name)
            )
        return number

    def event(self, key: int) -> int:
        """The number of the event that the caller calls ``key``."""
        return self._events.setdefault(key, len(self._events))

    def record(self, event: int, stream: Stream) -> None:
        capture = self._capture()
        if capture is not None and capture.has(stream):
            capture.record(event, stream)
            return
        number = self.stream(stream)
        self.rows.append(rows.RecordEvent(t=self.who(), at=place(), event=self.event(event), stream=number))

    def wait(self, stream: Stream, event: int) -> None:
        capture = self._capture()
        if capture is not None and capture.knows(event):
            capture.wait(stream, event)
            return
        number = self.stream(stream)
        self.rows.append(rows.WaitEvent(t=self.who(), at=place(), stream=number, event=self.event(event)))

    def event_done(self, event: int) -> None:
        self._not_capturing()
        self.rows.append(rows.EventDone(t=self.who(), at=place(), event=self.event(event)))

    def stream_done(self, stream: Stream) -> None:
        self._not_capturing()
        number = self.stream(stream)
        self.rows.append(rows.StreamDone(t=self.who(), at=place(), stream=number))

    def device_done(self, device: int) -> None:
        self._not_capturing()
        self.rows.append(rows.DeviceDone(t=self.who(), at=place(), device=device))

    # Graphs.

    def capture(self, stream: Stream) -> Capture:
        """What the host thread queues on the stream goes into a graph from now on."""
        found = self._captures[self.who()] = Capture(stream)
        return found

    def end_capture(self) -> int:
        """The graph is complete; says how many of its streams the first one has not waited for."""
        return self._captures.pop(self.who()).unjoined()

    def _capture(self) -> Capture | None:
        return self._captures.get(self.who()) if self._captures else None

    def _not_capturing(self) -> None:
        if self._captures and self.who() in self._captures:
            raise CaptureError("CUDA error: operation not permitted when stream is capturing")

    def asked(self) -> None:
        """The program asks whether work is done. Where that is all that a loop waits for, it may as well be."""
        frame = user_frame(sys._getframe(1))
        if frame is not None:
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
            if _WAITS.match(line) is None:
                self.queried.add(_text(frame))

    # Memory.

    def make(self, block: Block, stream: Stream | None, name: str = "") -> None:
        """A storage is made, for a stream of its device.

        Raises:
            OutOfMemory: the device has no room for it.
        """
        number = HOST
        if block.device != HOST:
            assert stream is not None
            block.address = self.memories[block.device].take(stream, block.size)
            number = self.stream(stream)
        block.stream, block.tape, block.recorded = stream, self, False
        block.number = self._blocks
        self._blocks += 1
        frame = user_frame(sys._getframe(1))
        self.rows.append(
            rows.Alloc(
                t=self.who(),
                at=_text(frame),
                storage=block.number,
                device=block.device,
                stream=number,
                address=block.address,
                size=block.size,
                name=name or _name(frame),
            )
        )

    def free(self, block: Block) -> None:
        """The last user of a storage is gone."""
        self.rows.append(rows.Free(t=self.who(), at=place(), storage=block.number))
        if block.device != HOST:
            # What was recorded is waited for by polling; it may be long in coming, and until then it is not used again.
            memory = self.memories[block.device]
            memory.give_back(block.stream, block.address, block.size, again=not block.recorded)
        block.tape = None

    def record_stream(self, block: Block, stream: Stream) -> None:
        block.recorded = True
        number = self.stream(stream)
        self.rows.append(rows.RecordStream(t=self.who(), at=place(), storage=block.number, stream=number))

    # Work.

    def launch(self, stream: Stream, name: str, reads: Sequence[Span] = (), writes: Sequence[Span] = ()) -> None:
        capture = self._capture()
        if capture is not None and capture.has(stream):
            capture.launch(stream, reads, writes)
            return
        number = self.stream(stream)
        self.rows.append(
            rows.Launch(t=self.who(), at=place(), stream=number, name=name, reads=(*reads,), writes=(*writes,))
        )
        if self.launched is not None:
            self.launched(
                stream, [*((span.storage, False) for span in reads), *((span.storage, True) for span in writes)]
            )

    def host(self, name: str, reads: Sequence[Span] = (), writes: Sequence[Span] = ()) -> None:
        self.rows.append(rows.HostAccess(t=self.who(), at=place(), name=name, reads=(*reads,), writes=(*writes,)))


def span(storage: int, offset: int, item: int, sizes: Sequence[int], strides: Sequence[int]) -> Span | None:
    """The bytes of a strided view, all numbers but ``item`` in elements of ``item`` bytes; None when it has none."""
    steps: list[tuple[int, int]] = []
    length = item
    for stride, count in sorted(zip(strides, sizes, strict=True)):
        if count == 0:
            return None
        if count == 1 or stride == 0:
            continue
        if not steps and stride * item == length:
            length *= count
        else:
            steps.append((count, stride * item))
    low = offset * item
    if not steps:
        return Span(storage, low, low + length)
    high = low + length + sum((count - 1) * step for count, step in steps)
    return Span(storage, low, high, length, (*steps,))


_texts: dict[tuple[CodeType, int], str] = {}
_names: dict[tuple[CodeType, int], str] = {}


def user_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame that is the program's (:mod:`simcore.library`)."""
    known = _known_files
    while frame is not None:
        file = frame.f_code.co_filename
        hidden = known.get(file)
        if hidden is None:
            hidden = is_library(file)
        if not hidden:
            return frame
        frame = frame.f_back
    return None


def _text(frame: FrameType | None) -> str:
    if frame is None:
        return ""
    key = (frame.f_code, frame.f_lasti)
    found = _texts.get(key)
    if found is None:
        found = _texts[key] = f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}"
    return found


def place() -> str:
    """Where the program is: ``train.py:12``; empty where no line of its own is running."""
    return _text(user_frame(sys._getframe(1)))


def _name(frame: FrameType | None) -> str:
    """What the statement that runs there calls its result."""
    if frame is None:
        return ""
    key = (frame.f_code, frame.f_lasti)
    found = _names.get(key)
    if found is None:
        found = _names[key] = naming.creation_name(frame)[0]
    return found


class VirtualDevices:
    """What stands in for a library's devices, as the explored world knows it."""

    def begin(self, thread: Callable[[], tuple[int, str]]) -> Tape:
        """A new execution begins; returns what it is written to."""
        raise TypeError("a stand-in must say what an execution begins with")

    def end(self) -> None:
        """The execution is over."""
        raise TypeError("a stand-in must say what an execution ends with")

    def thread_changed(self) -> None:
        """Another virtual thread runs from now on."""


installed: VirtualDevices | None = None
"""What the explored world asks for a tape; None when no device is simulated."""
