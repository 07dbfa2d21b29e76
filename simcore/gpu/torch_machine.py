"""A GPU that torch code runs on where there is none: real CPU tensors that say they are on ``cuda``, and a tape of what a
device would have been asked.

It knows which storages are on which device, which stream each host thread uses, and what an operator does to them. Values
are computed at once, in the order of the program; what that order leaves open is for the checkers to say.

``torch`` is looked up when this module is imported, which nobody does before a program needs it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import weakref
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy

from .. import refusals
from ..library import hide
from . import tape as _tape
from .memory import OutOfMemory
from .operators import Operator, operator
from .rows import Span
from .tape import CAPACITY, HOST, Block, Stream, Tape, VirtualDevices, span

torch: Any = importlib.import_module("torch")
for _name in ("torch.utils._device", "torch.utils._python_dispatch", "torch.overrides", "torch.accelerator"):
    if importlib.util.find_spec(_name) is not None:
        importlib.import_module(_name)
_Tensor: Any = torch.Tensor
_current_node: Callable[[], Any] = torch._C._current_autograd_node
_sequence_number: Callable[[], int] = torch._C._autograd._get_sequence_nr
_PER_PRIORITY = 32
"""Streams in torch's pool, for each priority; the next one made is the first again (``c10/cuda/CUDAStream.cpp``)."""
_ON_THE_HOST = {("_pack_padded_sequence", 1)}
"""Results that operators on a device leave on the host."""
_LEAF = 1 << 63
"""Nodes that accumulate gradients have sequence numbers beyond this one."""
EVERYWHERE = -2
"""No device was asked for."""


def refuse(what: str, instead: str) -> NoReturn:
    """End the run: a program must not go on with something made up. ``what`` it does, ``instead`` what to do about it."""
    refusals.refuse(what, instead, _tape.user_frame(sys._getframe(1)))


@dataclass(slots=True)
class HostState:
    """What torch keeps for each host thread."""

    device: int = 0
    streams: dict[int, Stream] = field(default_factory=dict[int, Stream])
    target: int = EVERYWHERE
    """The device that the call being made was asked to make tensors on."""
    ambient: int = EVERYWHERE
    """The device of the arguments of the call being made."""
    default_devices: list[Any] = field(default_factory=list[Any])
    """What ``torch.set_default_device`` and its kin ask for, the last counts."""
    backward: _Backward | None = None
    capture: Any = None
    """The graph whose work is being captured (:mod:`torch_graphs`)."""


@dataclass(slots=True)
class _Backward:
    """A backward pass: which streams worked in it."""

    caller: dict[int, Stream]
    used: list[Stream] = field(default_factory=list[Stream])
    made: dict[int, Stream] = field(default_factory=dict[int, Stream])
    """By storage that was written in it, the stream that did."""
    last: Stream | None = None


class Machine(VirtualDevices):
    """The virtual GPUs of this process."""

    def __init__(self, devices: int = 1, capacity: int = CAPACITY) -> None:
        self.devices = devices
        self.capacity = capacity
        self.blocks: dict[int, Block] = {}
        """By the address of torch's storage object."""
        self._watched: dict[int, weakref.ref[Any]] = {}
        self._main: Callable[[], tuple[int, str]] = lambda: (0, "MainThread")
        self.begin(self._main)

    # One execution.

    def begin(self, thread: Callable[[], tuple[int, str]]) -> Tape:
        self.thread = thread
        self.tape = Tape(self.devices, thread, capacity=self.capacity)
        self.states: dict[int, HostState] = {}
        self._made: dict[tuple[int, int], int] = {}
        self._history: list[tuple[int, dict[int, Stream]]] = []
        """From which number on nodes of autograd belong to which streams."""
        devices = getattr(torch, "_GLOBAL_DEVICE_CONTEXT", None)
        if devices is not None:
            devices.device_context = None
        self._leaves: dict[int, Stream] = {}
        """By storage, the stream on which a leaf was first used."""
        self.keys = 0
        return self.tape

    def end(self) -> None:
        self.begin(self._main)

    def state(self) -> HostState:
        number = self.thread()[0]
        found = self.states.get(number)
        if found is None:
            found = self.states[number] = HostState()
        return found

    def new_key(self) -> int:
        """A name for an event that nobody else has."""
        self.keys += 1
        return self.keys

    # Streams.

    def default_stream(self, device: int) -> Stream:
        return Stream(device, 0, "legacy")

    def new_stream(self, device: int, priority: int = 0) -> Stream:
        """The next of torch's pool, which hands its streams out in turn."""
        high = int(priority < 0)
        made = self._made.get((device, high), 0)
        number = made % _PER_PRIORITY
        self._made[device, high] = made + 1
        return Stream(device, (high + 1) << 8 | number)

    def current_stream(self, device: int) -> Stream:
        """The one that the host thread has chosen."""
        found = self.state().streams.get(device)
        return self.default_stream(device) if found is None else found

    def set_stream(self, stream: Stream) -> None:
        state = self.state()
        state.streams = {**state.streams, stream.device: stream}
        state.device = stream.device
        self._note_streams(state.streams)

    def thread_changed(self) -> None:
        """Another host thread runs from now on: nodes of autograd belong to its streams."""
        self._note_streams(self.state().streams)

    def _note_streams(self, streams: dict[int, Stream]) -> None:
        history, number = self._history, _sequence_number()
        if history and history[-1][0] == number:
            history.pop()
        if not history or history[-1][1] is not streams:
            history.append((number, streams))

    def _streams_of(self, number: int) -> dict[int, Stream]:
        history = self._history
        position = bisect_right(history, number, key=lambda entry: entry[0]) - 1
        return history[position][1] if position >= 0 else {}

    def working_stream(self, device: int) -> Stream:
        """Where an operator runs: on the current stream; in a backward pass on that of the forward operator."""
        state = self.state()
        backward = state.backward
        if backward is None:
            return self.current_stream(device)
        node = _current_node()
        if node is None:
            return self.current_stream(device)
        number = node._sequence_nr()
        if number >= _LEAF:
            variable = getattr(node, "variable", None)
            leaf = None if variable is None else self._leaves.get(storage_of(variable))
            stream = leaf or backward.last or self.current_stream(device)
        else:
            stream = self._streams_of(number).get(device) or self.default_stream(device)
        if stream not in backward.used:
            backward.used.append(stream)
        backward.last = stream
        return stream

    def _received(self, backward: _Backward, stream: Stream, given: list[tuple[Any, bool]]) -> None:
        """The engine lets a node's stream wait for those that its gradients come from, and records it for their memory
        (``InputBuffer::add``)."""
        for tensor, _ in given:
            key = storage_of(tensor)
            producer = backward.made.get(key)
            if producer is None or producer == stream:
                continue
            self.wait_stream(stream, producer)
            block = self.blocks.get(key)
            if block is not None and block.stream != stream:
                self.tape.record_stream(block, stream)

    @contextmanager
    def backward(self, gradients: Any = ()) -> Generator[None]:
        """A backward pass from ``gradients``, which the caller's streams have made.

        The engine lets a node's stream wait for those that its gradients come from, and the caller's current streams for
        all of them at the end (``torch/csrc/autograd/engine.cpp``, "stream semantics of backward passes").
        """
        state = self.state()
        before = state.backward
        caller = {device: self.current_stream(device) for device in range(self.devices)}
        mine = state.backward = _Backward(caller)
        for gradient in gradients:
            device = self.device_of(gradient) if isinstance(gradient, _Tensor) else HOST
            if device != HOST:
                mine.made[storage_of(gradient)] = caller[device]
        try:
            yield
        finally:
            state.backward = before
            self._leaves.clear()  # the next graph has nodes of its own for its leaves
            for stream in mine.used:
                own = caller[stream.device]
                if own != stream:
                    self.wait_stream(own, stream)

    def wait_stream(self, stream: Stream, other: Stream) -> None:
        """``stream`` waits for what ``other`` has to do now."""
        key = self.new_key()
        self.tape.record(key, other)
        self.tape.wait(stream, key)

    # Storages.

    def block(self, tensor: Any) -> Block | None:
        """What is known of a tensor's storage; None for plain host memory."""
        found = self.blocks.get(storage_of(tensor))
        if found is not None and found.tape is not self.tape:
            # It outlived the execution that made it.
            self.tape.make(found, None if found.device == HOST else self.default_stream(found.device))
        return found

    def device_of(self, tensor: Any) -> int:
        found = self.blocks.get(storage_of(tensor))
        return HOST if found is None else found.device

    def make(self, tensor: Any, device: int, name: str = "") -> Block:
        """The tensor's storage, new, is on a device; or pinned on the host."""
        if tensor.layout is not torch.strided:
            refuse(f"makes a {tensor.layout} tensor on a device", "only strided tensors are simulated")
        storage = tensor.untyped_storage()
        key = storage._cdata
        block = Block(device, storage.nbytes())
        stream = None if device == HOST else self.working_stream(device)
        try:
            self.tape.make(block, stream, name)
        except OutOfMemory as error:
            raise torch.OutOfMemoryError(str(error)) from error
        self.blocks[key] = block
        self._watched[key] = weakref.ref(storage, lambda _: self._gone(key))
        return block

    def _gone(self, key: int) -> None:
        self._watched.pop(key, None)
        block = self.blocks.pop(key, None)
        if block is not None and block.tape is self.tape:
            self.tape.free(block)

    def _resized(self, tensor: Any, device: int) -> None:
        """``resize_``, or an ``out=`` that was too small: the storage has got other memory."""
        key = storage_of(tensor)
        block = self.blocks.pop(key)
        self._watched.pop(key, None)
        if block.tape is self.tape:
            self.tape.free(block)
        self.make(tensor, device)

    def saved(self, block: Block) -> None:
        """A storage is written into a file."""
        stream = self.working_stream(block.device)
        self.tape.launch(stream, "save", [Span(block.number, 0, block.size)] if block.size else [])
        self.tape.stream_done(stream)

    def restored(self, storage: Any, device: int) -> None:
        """A storage was read from a file to be on a device."""
        tensor = torch.empty(0, dtype=torch.uint8).set_(storage)
        self.make(tensor, device)
        stream = self.working_stream(device)
        self.tape.launch(stream, "copy to the device", (), self.spans([tensor]))
        self.tape.stream_done(stream)

    def let_go(self, tensor: Any) -> None:
        """Its memory is given back though the tensor lives (``untyped_storage().resize_(0)``)."""
        block = self.block(tensor)
        if block is not None:
            self.tape.free(block)

    def spans(self, tensors: Iterable[Any]) -> list[Span]:
        """What these tensors cover of storages that are known; those of others are left out."""
        found: list[Span] = []
        for tensor in tensors:
            block = self.block(tensor)
            if block is not None:
                here = span_of(block.number, tensor)
                if here is not None:
                    found.append(here)
        return found

    # Operators.

    def dispatch(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operator of torch's, and write down what a device would have done."""
        known = operator(func)
        given: list[tuple[Any, bool]] = []
        for value, written in zip(args, known.written, strict=False):
            _collect(value, written, given)
        for name, value in kwargs.items():
            _collect(value, name in known.written_names, given)
        state = self.state()
        blocks = [self.block(tensor) for tensor, _ in given]
        device = self._device(state, known, given, blocks)
        if known.name in ("copy_", "_to_copy") and any(block is not None for block in blocks):
            return self._copying(func, known, args, kwargs, device)
        if device == HOST:
            if not known.views and any(block is not None for block in blocks):
                self._on_host(known, given)
            return func(*args, **kwargs)
        self._same_device(known, given, blocks, device)
        result = self._computed(func, known, args, kwargs)
        if state.capture is not None and not known.views:
            state.capture.add(func, args, kwargs, result)
        self._launched(
            known,
            given,
            result,
            device,
            waits=known.waits or _by_mask(known, args, lambda tensor: self.device_of(tensor) == HOST),
        )
        return result

    @staticmethod
    def _computed(func: Any, known: Operator, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        try:
            return func(*args, **kwargs)
        except RuntimeError as error:
            if known.core or "Could not run" not in str(error):
                raise
            refuse(
                f"calls the operator {known.spoken}, which runs on a real GPU only",
                "register a kernel for the CPU, too (torch.library.register_kernel); its schema says what it reads and writes",
            )

    def _device(
        self, state: HostState, known: Operator, given: list[tuple[Any, bool]], blocks: list[Block | None]
    ) -> int:
        if state.target != EVERYWHERE and (not given or known.shape_only or known.name == "lift_fresh"):
            return state.target
        device = next((block.device for block in blocks if block is not None and block.device != HOST), HOST)
        if device == HOST and not given and state.ambient != EVERYWHERE:
            return state.ambient
        return device

    def _launched(
        self, known: Operator, given: list[tuple[Any, bool]], result: Any, device: int, *, waits: bool = False
    ) -> None:
        made: list[Any] = []
        for place, tensor in enumerate(tensors_in(result)):
            key = storage_of(tensor)
            if tensor.is_meta:
                continue
            if key not in self.blocks and (known.name, place) not in _ON_THE_HOST:
                self.make(tensor, device)
                made.append(tensor)
            elif key in self.blocks and self.blocks[key].size != tensor.untyped_storage().nbytes():
                self._resized(tensor, device)
        if known.views or known.makes_only:
            return
        stream = self.working_stream(device)
        backward = self.state().backward
        if backward is not None:
            self._received(backward, stream, given)
            for tensor in (*(tensor for tensor, written in given if written), *made):
                backward.made[storage_of(tensor)] = stream
        else:
            for tensor, _ in given:
                if tensor.requires_grad and tensor.is_leaf:
                    self._leaves.setdefault(storage_of(tensor), stream)
        reads = [] if known.shape_only else self.spans(tensor for tensor, written in given if not written)
        writes = self.spans([tensor for tensor, written in given if written] + made)
        self.tape.launch(stream, known.spoken, reads, writes)
        if waits:
            self.tape.stream_done(stream)

    def _same_device(
        self, known: Operator, given: list[tuple[Any, bool]], blocks: list[Block | None], device: int
    ) -> None:
        if known.mixes or known.shape_only or known.views:
            return
        for (tensor, _), block in zip(given, blocks, strict=True):
            there = HOST if block is None else block.device
            if there != device and (there != HOST or tensor.dim()):
                other = "cpu" if there == HOST else f"cuda:{there}"
                raise RuntimeError(
                    f"Expected all tensors to be on the same device, but found at least two devices, cuda:{device} and "
                    f"{other}! (when executing {known.spoken})"
                )

    def _on_host(self, known: Operator, given: list[tuple[Any, bool]]) -> None:
        """The host itself touches pinned memory."""
        reads = [] if known.shape_only else self.spans(tensor for tensor, written in given if not written)
        writes = self.spans(tensor for tensor, written in given if written)
        if reads or writes:
            self.tape.host(known.spoken, reads, writes)

    # Copies.

    def _copying(self, func: Any, known: Operator, args: Sequence[Any], kwargs: dict[str, Any], device: int) -> Any:
        if known.name == "_to_copy":
            # Within one device; what moves between devices goes through copy_.
            result = func(*args, **kwargs)
            if device == HOST:
                self._on_host(known, [(args[0], False)])
            else:
                self._launched(known, [(args[0], False)], result, device)
            return result
        into, source = args[0], args[1]
        nonblocking = bool(kwargs.get("non_blocking", args[2] if len(args) > 2 else False))
        result = func(*args, **kwargs)
        capture = self.state().capture
        if capture is not None:
            capture.add(func, args, kwargs, result)
        self.copied(into, source, nonblocking)
        return result

    def copied(self, into: Any, source: Any, nonblocking: bool) -> None:
        """``into.copy_(source)`` was done: what a device does for it, by ``aten/src/ATen/native/cuda/Copy.cu``.

        A copy from or to pageable memory is staged, so the host's side of it is over when the call returns, and so it is of
        one that changes the layout. The type is changed on the device if the copy does not block (pytorch#121341), else on
        the host. Without ``non_blocking`` the host waits for the stream.
        """
        to, of = self.device_of(into), self.device_of(source)
        read, written = self.spans([source]), self.spans([into])
        if to == HOST and of == HOST:
            if read or written:
                self.tape.host("copy_", read, written)
        elif to == of:
            self.tape.launch(self.working_stream(to), "copy_", read, written)
        elif to != HOST and of != HOST:
            # Both streams wait for each other, before and after.
            stream, other = self.working_stream(of), self.working_stream(to)
            self.wait_stream(stream, other)
            self.tape.launch(stream, f"copy to cuda:{to}", read, written)
            self.wait_stream(other, stream)
        elif of == HOST:
            self._up(into, source, read, written, nonblocking)
        else:
            self._down(into, source, read, written, nonblocking)

    def _up(self, into: Any, source: Any, read: list[Span], written: list[Span], nonblocking: bool) -> None:
        stream = self.working_stream(self.device_of(into))
        same = nonblocking or source.dtype == into.dtype
        direct = same and source.is_contiguous() and source.shape == into.shape
        direct = direct or _one_piece(into, source)
        if read and not direct:
            self.tape.host("copy to the device", read)
        self.tape.launch(stream, "copy to the device", read if direct else (), written)
        if not nonblocking:
            self.tape.stream_done(stream)

    def _down(self, into: Any, source: Any, read: list[Span], written: list[Span], nonblocking: bool) -> None:
        stream = self.working_stream(self.device_of(source))
        direct = (nonblocking or source.dtype == into.dtype) and into.is_contiguous()
        direct = direct or _one_piece(into, source)
        pinned = bool(written)
        self.tape.launch(stream, "copy to the host", read, written if direct else ())
        if not (nonblocking and pinned and direct):
            self.tape.stream_done(stream)
            if written and not direct:
                self.tape.host("copy to the host", (), written)

    def touched_by_host(self, block: Block, name: str, low: int, high: int, *, write: bool) -> None:
        """The host goes over these bytes of pinned memory by itself; of its memory's next life it is not told."""
        if block.tape is self.tape:
            spans = [Span(block.number, low, high)]
            self.tape.host(name, () if write else spans, spans if write else ())

    def waits_for(self, tensor: Any, name: str) -> None:
        """The host needs the tensor's values: a blocking copy. Or it reads pinned memory."""
        block = self.block(tensor)
        if block is None:
            return
        if block.device == HOST:
            self.tape.host(name, self.spans([tensor]))
        else:
            stream = self.working_stream(block.device)
            self.tape.launch(stream, name, self.spans([tensor]))
            self.tape.stream_done(stream)


def _one_piece(into: Any, source: Any) -> bool:
    """Is the copy one ``cudaMemcpyAsync``: same type, same strides, no gaps (``iter.is_contiguous()``)?"""
    if source.dtype != into.dtype or source.shape != into.shape or source.stride() != into.stride():
        return False
    here = span_of(0, into)
    return here is None or here.high - here.low == into.numel() * into.element_size()


def storage_of(tensor: Any) -> int:
    """What names a tensor's storage; 0 for tensors that have none (sparse ones)."""
    try:
        return tensor.untyped_storage()._cdata
    except (RuntimeError, ValueError):
        return 0


def span_of(number: int, tensor: Any) -> Span | None:
    """The bytes that a tensor covers of its storage."""
    item: int = tensor.element_size()
    if tensor.is_contiguous():
        count: int = tensor.numel()
        low = tensor.storage_offset() * item
        return Span(number, low, low + count * item) if count else None
    return span(number, tensor.storage_offset(), item, tensor.shape, tensor.stride())


def tensors_in(result: Any) -> list[Any]:
    """The tensors that an operator gave, one or several."""
    found: list[tuple[Any, bool]] = []
    _collect(result, False, found)
    return [tensor for tensor, _ in found]


def _collect(value: Any, written: bool, into: list[tuple[Any, bool]]) -> None:
    if isinstance(value, _Tensor):
        into.append((value, written))
    elif type(value) in (list, tuple):
        for part in value:
            if isinstance(part, _Tensor):
                into.append((part, written))


def _by_mask(known: Operator, args: Sequence[Any], on_host: Callable[[Any], bool]) -> bool:
    """Is it indexed by a mask, whose ones the host has to count?"""
    if known.name not in ("index", "index_put_", "_index_put_impl_"):
        return False
    if known.name != "index" and not (len(args) > 3 and args[3]) and args[2].numel() == 1 and on_host(args[2]):
        # torch's bindings leave a number on the host if the tensor is on CUDA, and that is a masked_fill_
        # (canDispatchToMaskedFill).
        indices = [index for index in args[1] if index is not None]
        if len(indices) == 1 and indices[0].dtype in (torch.bool, torch.uint8):
            return False
    return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])


def hide_torch() -> None:
    """Lines of torch, and of NumPy behind its arrays, are no place to show a user."""
    for folder in (*torch.__path__, *numpy.__path__):
        hide(folder)
