"""The names of ``torch.cuda`` and its kin on a virtual device, and putting them there.

What a name means is here where it is a line; streams, graphs and operators have modules of their own.
"""

from __future__ import annotations

import types
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from . import tape as _tape
from . import torch_graphs as graphs
from . import torch_streams as streams
from .tape import CAPACITY
from .torch_machine import Machine, hide_torch, refuse, torch
from .torch_modes import FunctionMode, device_number, modes, name_of, words
from .torch_streams import Current, device_index

_Row = tuple[Any, str, Any]
NAME = "weft virtual GPU"
CAPABILITY = (9, 0)
"""What a program is told it runs on: as an H100."""
PROCESSORS = 132
TESTED = ("2.13",)
"""Versions of torch that our tests have run with; others may have moved what is replaced here."""


class Device:
    """``with torch.cuda.device(1):``; nothing for None and negative numbers."""

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None or (isinstance(device, int) and device < 0) else device_index(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        state = Current.machine.state()
        self.prev_idx = state.device
        if self.idx >= 0:
            state.device = self.idx

    def __exit__(self, *error: object) -> bool:
        if self.idx >= 0:
            Current.machine.state().device = self.prev_idx
        return False


class DeviceOf(Device):
    """``with torch.cuda.device_of(tensor):``"""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else -1)


def _set_device(device: Any) -> None:
    if not (isinstance(device, int) and device < 0):
        Current.machine.state().device = device_index(device)


def _synchronize(device: Any = None) -> None:
    machine = Current.machine
    number = device_index(device)
    current = machine.current_stream(number)
    machine.tape.touch(current, look=True)
    machine.tape.stream(current)
    machine.tape.device_done(number)


def _properties(device: Any = None) -> Any:
    device_index(device)
    return types.SimpleNamespace(
        name=NAME,
        major=CAPABILITY[0],
        minor=CAPABILITY[1],
        total_memory=Current.machine.capacity,
        multi_processor_count=PROCESSORS,
        max_threads_per_multi_processor=2048,
        regs_per_multiprocessor=65536,
        shared_memory_per_block=49152,
        warp_size=32,
        is_integrated=False,
        is_multi_gpu_board=False,
        gcnArchName="",
        L2_cache_size=50 << 20,
    )


def _memory(device: Any = None) -> Any:
    return Current.machine.tape.memories[device_index(device)]


def _free_and_total(device: Any = None) -> tuple[int, int]:
    memory = _memory(device)
    return memory.capacity - memory.used, memory.capacity


def _used(device: Any = None) -> int:
    return _memory(device).used


def _most(device: Any = None) -> int:
    return _memory(device).most


def _memory_stats(device: Any = None) -> dict[str, int]:
    known = {"allocated_bytes.all.current": _used(device), "allocated_bytes.all.peak": _most(device)}
    return defaultdict(int, known)


def _get_random(device: Any = "cuda") -> Any:
    return torch.random.get_rng_state()


def _set_random(new_state: Any, device: Any = "cuda") -> None:
    torch.random.set_rng_state(new_state)


def _set_all_random(new_states: Any) -> None:
    torch.random.set_rng_state(new_states[0])


def _call(call: Callable[[], Any], **_: Any) -> Any:
    return call()


def _reset_peak(device: Any = None) -> None:
    memory = _memory(device)
    memory.most = memory.used


def _sleep(cycles: int) -> None:
    machine = Current.machine
    machine.tape.launch(machine.working_stream(machine.state().device), "_sleep")


def _said(value: Any) -> Callable[..., Any]:
    """Always that answer; None for calls that mean nothing on a virtual device. Each time another function, since torch's
    compiler looks names up by function."""
    return lambda *_, **__: value


def _refusing(name: str, instead: str) -> Callable[..., Any]:
    return _ending(f"calls torch.cuda.{name}", instead)


_MEMORY = words(
    "memory_allocated memory_reserved max_memory_allocated max_memory_reserved reset_peak_memory_stats "
    "reset_max_memory_allocated reset_accumulated_memory_stats empty_cache mem_get_info memory_summary memory_stats "
    "memory_snapshot set_per_process_memory_fraction"
)
"""Names that ``torch.cuda.memory`` has, too."""


def _cuda_rows() -> list[_Row]:
    cuda = torch.cuda
    names: dict[str, Any] = {
        "Stream": streams.Stream,
        "ExternalStream": streams.ExternalStream,
        "Event": streams.Event,
        "StreamContext": streams.StreamContext,
        "stream": streams.stream,
        "current_stream": streams.current_stream,
        "default_stream": streams.default_stream,
        "set_stream": streams.set_stream,
        "get_stream_from_external": streams.external_stream,
        "device": Device,
        "device_of": DeviceOf,
        "set_device": _set_device,
        "current_device": lambda: Current.machine.state().device,
        "device_count": lambda: Current.machine.devices,
        "is_available": _said(True),
        "is_initialized": _said(True),
        "init": _said(None),
        "_lazy_init": _said(None),
        "_lazy_call": _call,
        "is_bf16_supported": _said(True),
        "is_tf32_supported": _said(True),
        "get_device_name": _said(NAME),
        "get_device_capability": _said(CAPABILITY),
        "get_device_properties": _properties,
        "can_device_access_peer": _said(True),
        "synchronize": _synchronize,
        "ipc_collect": _said(None),
        "_sleep": _sleep,
        "memory_allocated": _used,
        "memory_reserved": _used,
        "max_memory_allocated": _most,
        "max_memory_reserved": _most,
        "reset_peak_memory_stats": _reset_peak,
        "reset_max_memory_allocated": _reset_peak,
        "empty_cache": _said(None),
        "mem_get_info": _free_and_total,
        "memory_summary": _said(""),
        "memory_stats": _memory_stats,
        "reset_accumulated_memory_stats": _said(None),
        "memory_snapshot": _said([]),
        "set_per_process_memory_fraction": _said(None),
        "set_sync_debug_mode": _said(None),
        "get_sync_debug_mode": _said(0),
        "caching_allocator_alloc": _refusing("caching_allocator_alloc", "make a tensor"),
        "MemPool": _refusing("MemPool", "leave the pool to torch"),
        "manual_seed": torch.random.default_generator.manual_seed,
        "manual_seed_all": torch.random.default_generator.manual_seed,
        "seed": _said(None),
        "seed_all": _said(None),
        "initial_seed": torch.random.initial_seed,
        "get_rng_state": _get_random,
        "set_rng_state": _set_random,
        "get_rng_state_all": lambda: [_get_random()],
        "set_rng_state_all": _set_all_random,
        "CUDAGraph": graphs.CUDAGraph,
        "graph": graphs.graph,
        "graph_pool_handle": graphs.graph_pool_handle,
        "is_current_stream_capturing": lambda: Current.machine.state().capture is not None,
        "make_graphed_callables": _refusing("make_graphed_callables", "use torch.cuda.graph around the part itself"),
        "cudart": _refusing("cudart", "use torch's streams and events"),
        "current_blas_handle": _refusing("current_blas_handle", "use torch's own operators"),
        "_exchange_device": _exchange_device,
        "_maybe_exchange_device": _exchange_device,
    }
    rows: list[_Row] = [(cuda, name, value) for name, value in names.items()]
    rows += [(cuda.memory, name, names[name]) for name in sorted(_MEMORY) if hasattr(cuda.memory, name)]
    for name in ("_record_memory_history", "_dump_snapshot"):
        rows.append((cuda.memory, name, _said(None)))
    for name in ("manual_seed", "manual_seed_all", "get_rng_state", "set_rng_state"):
        rows.append((cuda.random, name, names[name]))
    for name in ("Stream", "Event", "ExternalStream"):
        rows.append((cuda.streams, name, names[name]))
    for name in ("range_push", "range_pop", "range_start", "range_end", "mark"):
        rows.append((cuda.nvtx, name, _said(None)))
    return rows


def _other_rows() -> list[_Row]:
    """What torch has beside ``torch.cuda`` and is not simulated."""
    profiler: Any = torch.profiler.profile
    rows: list[_Row] = [
        (torch.nn.DataParallel, "forward", _ending("uses torch.nn.DataParallel", "check one device")),
        (torch.jit, "trace", _ending("traces a function with torch.jit.trace", "check the function itself")),
        (profiler, "__init__", _profiling(profiler.__init__)),
    ]
    if torch.distributed.is_available():
        alone = "check the part that one process does, without collectives"
        rows.append((torch.distributed, "init_process_group", _ending("opens a process group", alone)))
    return rows


def _profiling(real: Any) -> Any:
    def init(self: Any, *, activities: Any = None, **named: Any) -> None:
        """There is no driver that could tell of kernels."""
        cuda = torch.profiler.ProfilerActivity.CUDA
        real(self, activities=activities and [each for each in activities if each != cuda], **named)

    return init


def _ending(what: str, instead: str) -> Callable[..., Any]:
    def ending(*_: Any, **__: Any) -> Any:
        refuse(what, instead)

    return ending


def _exchange_device(device: int) -> int:
    state = Current.machine.state()
    before = state.device
    if device >= 0:
        state.device = device
    return before


def _accelerator_rows() -> list[_Row]:
    accelerator = getattr(torch, "accelerator", None)
    if accelerator is None:
        return []
    names: dict[str, Any] = {
        "is_available": _said(True),
        "current_accelerator": _said(torch.device("cuda")),
        "device_count": lambda: Current.machine.devices,
        "current_device_index": lambda: Current.machine.state().device,
        "current_device_idx": lambda: Current.machine.state().device,
        "set_device_index": _set_device,
        "set_device_idx": _set_device,
        "current_stream": streams.current_stream,
        "set_stream": streams.set_stream,
        "synchronize": _synchronize,
        "device_index": Device,
        "empty_cache": _said(None),
        "memory_allocated": _used,
        "memory_reserved": _used,
        "max_memory_allocated": _most,
        "max_memory_reserved": _most,
        "memory_stats": _memory_stats,
        "reset_peak_memory_stats": _reset_peak,
    }
    return [(accelerator, name, value) for name, value in names.items() if hasattr(accelerator, name)]


_kind: Any = torch.Generator.__class__


class _GeneratorKind(_kind):
    """The CPU's own are generators, too."""

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, torch._C.Generator)


class _Generator(torch.Generator, metaclass=_GeneratorKind):
    """``torch.Generator(device="cuda")``: the numbers are those of the CPU's."""

    def __new__(cls, device: Any = "cpu") -> Any:
        made = torch._C.Generator.__new__(cls)
        made._number = device_number(Current.machine, device)
        return made

    def __init__(self, device: Any = "cpu") -> None:
        """All is done where it is made."""

    @property
    def device(self) -> Any:
        return name_of(self._number)


def _core_rows(machine: Machine, mode: FunctionMode) -> list[_Row]:
    real_backward: Any = torch.autograd.graph._engine_run_backward
    context: Any = torch.utils._device.DeviceContext
    autocast: Any = torch.amp.autocast_mode.autocast
    real_enter, real_exit = autocast.__enter__, autocast.__exit__

    def run_backward(*args: Any, **named: Any) -> Any:
        # Hooks of the program run in here; torch has taken the function mode off the stack if it was called by method.
        with machine.backward(tuple(args[1]) if len(args) > 1 else ()):
            if torch._C._len_torch_function_stack():
                return real_backward(*args, **named)
            with mode:
                return real_backward(*args, **named)

    def enter_device(self: Any) -> Any:
        machine.state().default_devices.append(self.device)
        return self

    def exit_device(self: Any, *_: object) -> None:
        given = machine.state().default_devices
        if given:  # else it was set in an execution before this one
            given.pop()

    def enter_autocast(self: Any) -> Any:
        if self.device == "cuda":
            self._weft = autocast("cpu", dtype=self.fast_dtype, enabled=self._enabled)
            real_enter(self._weft)
        return real_enter(self)

    def exit_autocast(self: Any, *error: object) -> Any:
        result = real_exit(self, *error)
        if self.device == "cuda":
            real_exit(self._weft, *error)
        return result

    def grouped(lists: Any, with_indices: bool = False) -> Any:
        with torch._C.DisableTorchFunction():
            return _by_device_and_type(machine, lists)

    def saved_from(storage: Any) -> str | None:
        """Where a storage that is saved is; saving is a blocking copy to the host."""
        block = machine.blocks.get(getattr(storage, "_untyped_storage", storage)._cdata)
        if block is None or block.device < 0:
            return None
        machine.saved(block)
        return f"cuda:{block.device}"

    def restored(storage: Any, location: str) -> Any:
        if not location.startswith("cuda"):
            return None
        with torch._C.DisableTorchFunction():
            machine.restored(storage, device_number(machine, location))
        return storage

    push: Any = torch._C._autograd._push_saved_tensors_default_hooks

    def push_hooks(pack: Any, unpack: Any) -> None:
        push(inside(pack), inside(unpack))

    def inside(hook: Any) -> Any:
        """Torch calls these in the middle of an operator, when it has taken the function mode off the stack."""

        def hooked(value: Any) -> Any:
            if mode in torch.overrides._get_current_function_mode_stack():
                return hook(value)
            with mode:
                return hook(value)

        return hooked

    rows: list[_Row] = [
        (torch._C._autograd, "_push_saved_tensors_default_hooks", push_hooks),
        (torch.backends.cudnn, "is_acceptable", _said(False)),
        (torch.serialization, "_package_registry", [(0, saved_from, restored), *torch.serialization._package_registry]),
        (torch._C, "_group_tensors_by_device_and_dtype", grouped),
        (torch, "Stream", streams.GenericStream),
        (torch, "Event", streams.GenericEvent),
        (torch, "Generator", _Generator),
        (torch.Tensor, "record_stream", _record_stream),
        (torch.UntypedStorage, "resize_", _resizing(machine, torch.UntypedStorage.resize_)),
        (torch.autograd.graph, "_engine_run_backward", run_backward),
        (torch.autograd, "_engine_run_backward", run_backward),
        (context, "__enter__", enter_device),
        (context, "__exit__", exit_device),
        (autocast, "__enter__", enter_autocast),
        (autocast, "__exit__", exit_autocast),
    ]
    return rows


def _record_stream(tensor: Any, s: Any) -> None:
    """``Tensor.record_stream``: the real one does not take our streams."""
    machine = Current.machine
    with torch._C.DisableTorchFunction():
        block = machine.block(tensor)
        if block is None or block.device < 0:
            raise RuntimeError("record_stream is for tensors on a device")
        machine.tape.record_stream(block, s.known)


def _resizing(machine: Machine, real: Any) -> Any:
    def resize_(storage: Any, size: int) -> Any:
        block = machine.blocks.get(storage._cdata)
        if block is None or block.device < 0:
            return real(storage, size)
        before = storage.nbytes()
        result = real(storage, size)
        if before and block.tape is machine.tape:
            machine.tape.free(block)
        block.size = size
        if size:
            machine.tape.make(block, machine.working_stream(block.device))
        return result

    return resize_


def _by_device_and_type(machine: Machine, lists: Any) -> dict[Any, Any]:
    """For optimizers: the tensors of each device and type, list by list, with their places. All lists are alike; the
    first that has a tensor at a place says where that is."""
    groups: dict[Any, Any] = {}
    for place in range(max(map(len, lists), default=0)):
        row = [tensors[place] if place < len(tensors) else None for tensors in lists]
        first = next((tensor for tensor in row if tensor is not None), None)
        if first is None:
            continue
        key = name_of(machine.device_of(first)), first.dtype
        columns, places = groups.setdefault(key, ([[] for _ in lists], []))
        for column, tensors, tensor in zip(columns, lists, row, strict=True):
            if tensors:
                column.append(tensor)
        places.append(place)
    return groups


def untested(version: str) -> str:
    """A sentence about a version of torch that was never tried with the virtual device; empty if it was."""
    if ".".join(version.split(".")[:2]) in TESTED:
        return ""
    return f"the virtual GPU was made for torch {', '.join(TESTED)}; this is {version}, with which it was never tried"


@contextmanager
def virtual_gpus(devices: int = 1, capacity: int = CAPACITY) -> Generator[Machine]:
    """While it lasts, torch has so many CUDA devices, and the explored world gets their tapes. Not re-entrant."""
    machine = Current.machine = Machine(devices, capacity)
    hide_torch()
    saved: list[_Row] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        mode = FunctionMode(machine)
        for holder, name, value in _cuda_rows() + _accelerator_rows() + _other_rows() + _core_rows(machine, mode):
            saved.append((holder, name, holder.__dict__.get(name, _ABSENT)))
            setattr(holder, name, value)
        with modes(machine):
            _tape.installed = machine
            try:
                yield machine
            finally:
                _tape.installed = None
    finally:
        torch.set_num_threads(threads)
        while saved:
            holder, name, value = saved.pop()
            if value is _ABSENT:
                delattr(holder, name)
            else:
                setattr(holder, name, value)


_ABSENT: Any = object()
