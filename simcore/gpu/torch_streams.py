"""``torch.cuda.Stream`` and ``Event``, as torch programs use them, on the machine's tape.

They hold no state of a device: what a stream has to do, and what an event has recorded, is read off the tape later.
"""

from __future__ import annotations

from typing import Any

from .tape import Stream as Known
from .torch_machine import Machine, refuse, torch
from .torch_modes import device_number, name_of

_PER_THREAD = 2
"""``cudaStreamPerThread``."""
_CUDA_TYPE = 1
"""``c10::DeviceType::CUDA``."""


class Current:
    """The machine of this process."""

    machine: Machine


def _index(device: Any) -> int:
    number = device_number(Current.machine, device)
    return Current.machine.state().device if number < 0 else number


class Stream:
    """A stream of torch's pool, which has 32 for each priority and hands them out in turn."""

    def __init__(self, device: Any = None, priority: int = 0, **given: Any) -> None:
        machine = Current.machine
        known = given.pop("known", None)
        if known is None and "stream_id" in given:
            number = given["device_index"]
            kind = "legacy" if not given["stream_id"] else "non-blocking"
            known = Known(number, given["stream_id"], kind)
        if known is None:
            known = machine.new_stream(_index(device), priority)
            machine.tape.new_stream(known)
        self.known: Known = known
        self.priority = min(max(priority, -1), 0)
        self._streams_before: list[dict[int, Known]] = []

    @property
    def device(self) -> Any:
        return name_of(self.known.device)

    @property
    def device_index(self) -> int:
        return self.known.device

    @property
    def device_type(self) -> int:
        return _CUDA_TYPE

    @property
    def stream_id(self) -> int:
        return self.known.handle

    @property
    def cuda_stream(self) -> int:
        return self.known.handle

    @property
    def native_handle(self) -> int:
        return self.known.handle

    @property
    def _as_parameter_(self) -> Any:
        import ctypes

        return ctypes.c_void_p(self.known.handle)

    @staticmethod
    def priority_range() -> tuple[int, int]:
        """The least and the greatest priority."""
        return 0, -1

    def wait_event(self, event: Event) -> None:
        Current.machine.tape.touch(self.known, look=True)
        Current.machine.tape.wait(self.known, event.key)

    def wait_stream(self, stream: Stream) -> None:
        """All that the other stream has to do now comes before what this one is given from now on."""
        self.wait_event(stream.record_event())

    def record_event(self, event: Event | None = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def synchronize(self) -> None:
        Current.machine.tape.touch(self.known, look=True)
        Current.machine.tape.stream_done(self.known)

    def query(self) -> bool:
        """Is it done? A virtual device always is; from then on the program may rely on it."""
        Current.machine.tape.asked()
        Current.machine.tape.touch(self.known, look=True)
        Current.machine.tape.stream_done(self.known)
        return True

    def is_capturing(self) -> bool:
        return Current.machine.state().capture is not None

    def __enter__(self) -> Stream:
        context = StreamContext(self)
        context.__enter__()
        _entered.setdefault(id(self), []).append(context)
        return self

    def __exit__(self, *error: object) -> None:
        _entered[id(self)].pop().__exit__(*error)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.known == self.known

    def __hash__(self) -> int:
        return hash((self.known.device, self.known.handle))

    def __repr__(self) -> str:
        return f"<torch.cuda.Stream device={self.device} cuda_stream={self.known.handle:#x}>"


_entered: dict[int, list[StreamContext]] = {}


class ExternalStream(Stream):
    """A stream that another library has made, known by its handle. Unlike torch's own it is a blocking one: it and the
    default stream wait for each other."""

    def __init__(self, stream_ptr: int, device: Any = None, **given: Any) -> None:
        known = _external(_index(device), stream_ptr)
        super().__init__(known=known, **given)
        Current.machine.tape.new_stream(known)


def _external(device: int, handle: int) -> Known:
    """The driver's own handles are 0 and 1, the legacy default stream, and 2, that of the calling thread."""
    if handle in (0, 1):
        return Current.machine.default_stream(device)
    if handle == _PER_THREAD:
        return Known(device, _PER_THREAD | Current.machine.thread()[0] << 32, "per-thread")
    return Known(device, handle, "blocking")


class Event:
    """``torch.cuda.Event``: what a stream had to do when it was last recorded."""

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False, external: bool = False
    ) -> None:
        if interprocess:
            refuse("shares an event with another process", "check one process")
        self.key = Current.machine.new_key()
        self.enable_timing = enable_timing
        self.blocking = blocking
        self._recorded_at = -1

    def record(self, stream: Stream | None = None) -> None:
        machine = Current.machine
        known = machine.current_stream(machine.state().device) if stream is None else stream.known
        machine.tape.touch(known, look=True)
        machine.tape.record(self.key, known)
        self._recorded_at = len(machine.tape.rows)

    def wait(self, stream: Stream | None = None) -> None:
        machine = Current.machine
        known = machine.current_stream(machine.state().device) if stream is None else stream.known
        machine.tape.touch(known, look=True)
        machine.tape.wait(known, self.key)

    def query(self) -> bool:
        """Has it come? On a virtual device always, also when it was never recorded."""
        tape = Current.machine.tape
        if self._recorded_at >= 0:
            tape.asked()
            tape.event_done(self.key)
        return True

    def synchronize(self) -> None:
        Current.machine.tape.event_done(self.key)

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds between two events: 10 us for each action in between, since nothing is timed here."""
        for event in (self, end_event):
            if not event.enable_timing:
                raise ValueError("Both events must be created with argument 'enable_timing=True'.")
            if event._recorded_at < 0:
                raise ValueError("Both events must be recorded before calculating elapsed time.")
        return (end_event._recorded_at - self._recorded_at) / 100

    def ipc_handle(self) -> Any:
        refuse("shares an event with another process", "check one process")

    @property
    def cuda_event(self) -> int:
        return self.key

    @property
    def event_id(self) -> int:
        return self.key

    def __repr__(self) -> str:
        return f"<torch.cuda.Event {self.key:#x}>" if self._recorded_at >= 0 else "<torch.cuda.Event uninitialized>"


class StreamContext:
    """``with torch.cuda.stream(s):``"""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream
        self._before: tuple[int, dict[int, Known]] | None = None

    def __enter__(self) -> None:
        if self.stream is None:
            return
        state = Current.machine.state()
        self._before = (state.device, state.streams)
        Current.machine.set_stream(self.stream.known)

    def __exit__(self, *error: object) -> None:
        if self.stream is None or self._before is None:
            return
        machine = Current.machine
        device, streams = self._before
        known = self.stream.known
        for number in dict.fromkeys((known.device, device)):
            machine.set_stream(streams.get(number) or machine.default_stream(number))
        machine.state().device = device


def stream(stream: Stream | None) -> StreamContext:
    return StreamContext(stream)


def current_stream(device: Any = None) -> Stream:
    return Stream(known=Current.machine.current_stream(_index(device)))


def default_stream(device: Any = None) -> Stream:
    return Stream(known=Current.machine.default_stream(_index(device)))


def set_stream(stream: Stream | None) -> None:
    if stream is not None:
        Current.machine.set_stream(stream.known)


def external_stream(data_ptr: int, device: Any = None) -> ExternalStream:
    return ExternalStream(data_ptr, device)


class _GenericKind(type):
    """``torch.Stream`` and ``torch.Event``: of whichever device is named."""

    real: Any
    ours: Any

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, (cls.ours, cls.real))

    def __call__(cls, device: Any = None, *args: Any, **named: Any) -> Any:
        where = torch.device("cuda") if device is None else device
        if not isinstance(where, int) and torch.device(where).type != "cuda":
            return cls.real(device, *args, **named)
        if cls.ours is Event:
            return Event(*args, **named)
        return Stream(None if device is None else device, *args, **named)


class GenericStream(metaclass=_GenericKind):
    """``torch.Stream``."""

    real = torch.Stream
    ours = Stream


class GenericEvent(metaclass=_GenericKind):
    """``torch.Event``."""

    real = torch.Event
    ours = Event


def device_index(device: Any) -> int:
    """Of what programs give as a device; None is the current one."""
    return _index(device)
