"""How torch code is made to believe in a device: what goes through ``__torch_function__`` has its devices exchanged, what
goes through ``__torch_dispatch__`` is written down.

Handlers here know torch's calls; what a device does is the machine's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .numpy_views import watched
from .torch_machine import EVERYWHERE, HOST, Machine, refuse, tensors_in, torch

if TYPE_CHECKING:
    from collections.abc import Generator

_overrides: Any = __import__("torch.overrides", fromlist=["TorchFunctionMode"])
_dispatch: Any = __import__("torch.utils._python_dispatch", fromlist=["TorchDispatchMode"])
_Tensor: Any = torch.Tensor
_set_compiler: Callable[[Any], Any] = torch._C._dynamo.eval_frame.set_eval_frame
_Handler = Callable[[Machine, Any, Sequence[Any], dict[str, Any]], Any]
_handlers: dict[Any, _Handler] = {}


class FunctionMode(_overrides.TorchFunctionMode):
    """Calls of torch's Python interface, as long as it is on the stack."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.machine = machine

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        named: dict[str, Any] = dict(kwargs) if kwargs else {}
        if self.machine.tape.touched is not None:
            _touch(self.machine, func, args, named)
        handler = _handlers.get(func)
        if handler is not None:
            return handler(self.machine, func, args, named)
        state = self.machine.state()
        if state.default_devices and named.get("device") is None and func in _constructors():
            named["device"] = state.default_devices[-1]
        if "device" in named:
            return _on_device(self.machine, func, args, named)
        if named.get("pin_memory"):
            return _pinning(self.machine, func, args, named)
        ambient = _ambient(self.machine, args, named)
        if ambient == state.ambient:
            return func(*args, **named)
        before, state.ambient = state.ambient, ambient
        try:
            return func(*args, **named)
        finally:
            state.ambient = before


class DispatchMode(_dispatch.TorchDispatchMode):
    """Operators, below autograd, as long as it is on the stack."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else the first operator imports torch's compiler, which takes seconds.
        return False

    def __init__(self, machine: Machine) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.machine = machine

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        compiling = _set_compiler(None)  # what we do is not to be compiled
        try:
            with torch._C.DisableTorchFunction():
                return self.machine.dispatch(func, args, kwargs or {})
        finally:
            _set_compiler(compiling)


def words(text: str) -> frozenset[str]:
    """A set of names."""
    return frozenset(text.split())


_QUIET = words(
    "__get__ __set__ __len__ __hash__ size dim numel nelement ndimension stride storage_offset element_size is_pinned "
    "is_contiguous is_floating_point is_complex untyped_storage data_ptr get_device requires_grad_ detach view reshape "
    "register_hook"
)
"""Calls by which nothing is queued on a stream."""
_WAIT = words(
    "item tolist cpu __bool__ __float__ __int__ __index__ __repr__ __format__ nonzero masked_select unique equal to copy_"
)
"""Calls that wait for a stream, or may."""


def _touch(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> None:
    """Another thread may use the stream first; where, inside of torch, nobody can be switched to."""
    name = _call_name(func)
    if name in _QUIET:
        return
    device = _ambient(machine, args, named)
    if device == EVERYWHERE:
        wanted = named.get("device", args[1] if name == "to" and len(args) > 1 else "cuda" if name == "cuda" else None)
        if not str(wanted).startswith("cuda"):
            return
        device = machine.state().device
    machine.tape.touch(machine.current_stream(device), look=name in _WAIT)


def _constructors() -> set[Any]:
    return torch.utils._device._device_constructors()


def _ambient(machine: Machine, args: Sequence[Any], named: dict[str, Any]) -> int:
    """The device of the first tensor that is on one."""
    for value in (*args, *named.values()):
        if isinstance(value, _Tensor):
            device = machine.device_of(value)
            if device != HOST:
                return device
        elif type(value) in (list, tuple):
            for part in value:
                if isinstance(part, _Tensor) and machine.device_of(part) != HOST:
                    return machine.device_of(part)
    return EVERYWHERE


def device_number(machine: Machine, device: Any) -> int:
    """Of ``"cuda:1"``, a ``torch.device`` or a number; :data:`HOST` for the CPU, :data:`EVERYWHERE` for None.

    Raises:
        torch.AcceleratorError: there is no such device, in CUDA's words.
    """
    if device is None:
        return EVERYWHERE
    number: int
    if isinstance(device, int):
        number = device
    else:
        known: Any = torch.device(device) if isinstance(device, str) else device
        if known.type == "cpu":
            return HOST
        if known.type != "cuda":
            refuse(f"makes tensors on {known}", "only cuda devices are simulated")
        number = machine.state().device if known.index is None else known.index
    if not 0 <= number < machine.devices:
        raise torch.AcceleratorError(
            f"CUDA error: invalid device ordinal (cuda:{number}; the virtual machine has {machine.devices})"
        )
    return number


def name_of(number: int) -> Any:
    """The ``torch.device`` that a program sees."""
    return torch.device("cpu") if number == HOST else torch.device("cuda", number)


@contextmanager
def making(machine: Machine, device: int) -> Generator[None]:
    """Tensors made meanwhile are on the device."""
    state = machine.state()
    before, state.target = state.target, device
    try:
        yield
    finally:
        state.target = before


def _adopt(machine: Machine, result: Any, device: int, name: str) -> None:
    """What a call was to make on the device is there, also what operators have not shown."""
    for part in tensors_in(result):
        if machine.block(part) is None:
            machine.make(part, device)
            machine.tape.launch(machine.working_stream(device), name, (), machine.spans([part]))


def _is_meta(device: Any) -> bool:
    """Tensors without values, which torch itself simulates."""
    return str(device) == "meta"


def _on_device(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    """A call with ``device=``: it makes tensors there."""
    if _is_meta(named["device"]):
        return func(*args, **named)
    device = device_number(machine, named["device"])
    if device == EVERYWHERE:
        ambient = _ambient(machine, args, named)
        with _around(machine, ambient):
            return _pinning(machine, func, args, named)
    named["device"] = "cpu"
    with making(machine, device):
        if device == HOST:
            return _pinning(machine, func, args, named)
        result = func(*args, **named)
    with torch._C.DisableTorchFunction():
        _adopt(machine, result, device, _call_name(func))
    return result


@contextmanager
def _around(machine: Machine, ambient: int) -> Generator[None]:
    state = machine.state()
    before, state.ambient = state.ambient, ambient
    try:
        yield
    finally:
        state.ambient = before


def _call_name(func: Any) -> str:
    return getattr(func, "__name__", str(func))


def _pinning(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    """``pin_memory=True`` is ours to do."""
    pinned = bool(named.pop("pin_memory", False))
    result = func(*args, **named)
    if pinned:
        pin(machine, result)
    return result


def pin(machine: Machine, tensor: Any) -> None:
    with torch._C.DisableTorchFunction():
        if machine.block(tensor) is None:
            machine.make(tensor, HOST)


# Moving.


class _Move(torch.autograd.Function):
    """A tensor on another device, differentiably."""

    @staticmethod
    def forward(ctx: Any, machine: Machine, source: Any, device: int, dtype: Any, rest: tuple[Any, ...]) -> Any:
        ctx.machine, ctx.source_device, ctx.dtype = machine, machine.device_of(source), source.dtype
        return _moved(machine, source, device, dtype, *rest)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        moved = _moved(ctx.machine, gradient, ctx.source_device, ctx.dtype, False, None)
        return None, moved, None, None, None


def _moved(machine: Machine, source: Any, device: int, dtype: Any, nonblocking: bool, layout: Any) -> Any:
    """A copy of the tensor on another device. To the host without blocking it goes into pinned memory, as
    ``aten::_to_copy`` does it."""
    with torch._C.DisableTorchFunction(), torch.no_grad():
        with making(machine, device):
            given = {} if layout is None else {"memory_format": layout}
            result = torch.empty_like(source, dtype=dtype, requires_grad=False, **given)
        if device == HOST and nonblocking:
            pin(machine, result)
        result.copy_(source, non_blocking=nonblocking)
        return result


def move(machine: Machine, source: Any, device: int, dtype: Any, nonblocking: bool, layout: Any) -> Any:
    """``source.to(device)`` for another device."""
    dtype = dtype or source.dtype
    if source.layout is not torch.strided:
        refuse(f"moves a {source.layout} tensor to another device", "only strided tensors are simulated")
    if torch.is_grad_enabled() and source.requires_grad:
        return _Move.apply(machine, source, device, dtype, (nonblocking, layout))
    return _moved(machine, source, device, dtype, nonblocking, layout)


def _parse_to(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    """Of ``Tensor.to`` and ``Module.to``: a number is that of a device."""
    first, *rest = (*args, None)
    if type(first) is int:
        first = name_of(device_number(machine, first))
    if type(named.get("device")) is int:
        named["device"] = name_of(device_number(machine, named["device"]))
    return func(*((first, *rest[:-1]) if args else ()), **named)


def _to(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    source, *rest = args
    copy = bool(named.pop("copy", False))
    if (rest and isinstance(rest[0], _Tensor)) or "tensor" in named:
        other = rest.pop(0) if rest else named.pop("tensor")
        named.setdefault("dtype", other.dtype)
        device, dtype = machine.device_of(other), named.pop("dtype")
        nonblocking = bool(rest[0] if rest else named.get("non_blocking", False))
        copy = copy or bool(rest[1] if len(rest) > 1 else False)
        layout = named.get("memory_format")
    else:
        if len(rest) > 3 or (len(rest) == 3 and isinstance(rest[0], torch.dtype)):
            copy = bool(rest.pop())
        where, dtype, nonblocking, layout = _parse_to(machine, torch._C._nn._parse_to, rest, named)
        if _is_meta(where):
            return func(source, where, dtype or source.dtype)
        device = device_number(machine, where)
    now = machine.device_of(source)
    if device in (EVERYWHERE, now):
        given = {} if layout is None else {"memory_format": layout}
        with _around(machine, now if now != HOST else EVERYWHERE):
            return func(source, dtype or source.dtype, copy=copy, **given)
    return move(machine, source, device, dtype, nonblocking, layout)


def _cuda(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    source, *rest = args
    device = device_number(machine, rest[0] if rest else named.get("device"))
    if device == EVERYWHERE:
        device = machine.state().device
    nonblocking = bool(rest[1] if len(rest) > 1 else named.get("non_blocking", False))
    if device == machine.device_of(source):
        return source
    return move(machine, source, device, None, nonblocking, named.get("memory_format"))


def _cpu(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    if machine.device_of(args[0]) == HOST:
        return func(*args, **named)
    return move(machine, args[0], HOST, None, False, named.get("memory_format"))


def _as_tensor(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    """``torch.as_tensor`` and ``asarray``: what is there already stays where it is."""
    state = machine.state()
    wanted = named.pop("device", None)
    if wanted is None and state.default_devices and not isinstance(args[0] if args else None, _Tensor):
        wanted = state.default_devices[-1]
    device = device_number(machine, wanted)
    with making(machine, HOST):
        result = _pinning(machine, func, args, named)
    if device in (EVERYWHERE, machine.device_of(result)):
        return result
    return move(machine, result, device, None, False, None)


def _tensor(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    """``torch.tensor``: made on the host, then copied."""
    gradient = bool(named.pop("requires_grad", False))
    result = _as_tensor(machine, func, args, named)
    return result.requires_grad_() if gradient else result


def _new_tensor(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    if named.get("device") is None:
        named["device"] = name_of(machine.device_of(args[0]))
    return _tensor(machine, func, args, named)


def _type_as(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    return _to(machine, _Tensor.to, (args[0], *args[1:], *named.values()), {})


def _type(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    source, *rest = args
    wanted = rest[0] if rest else named.get("dtype")
    where = "torch.cuda." if machine.device_of(source) != HOST else "torch."
    if wanted is None:
        return func(source).replace("torch.", where)
    if isinstance(wanted, torch.dtype):
        return source.to(wanted)
    text = wanted if isinstance(wanted, str) else f"{wanted.__module__}.{wanted.__name__}"
    kind = getattr(torch, text.rpartition(".")[2]).dtype
    device = "cuda" if text.startswith("torch.cuda.") else "cpu"
    return _to(machine, _Tensor.to, (source, device, kind), {})


# Looking.


def _device(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    real = func(*args, **named)
    return real if real.type != "cpu" else name_of(machine.device_of(args[0]))


def _is_cuda(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> bool:
    return machine.device_of(args[0]) != HOST


def _is_cpu(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> bool:
    return machine.device_of(args[0]) == HOST


def _get_device(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> int:
    return machine.device_of(args[0])


def _is_pinned(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> bool:
    block = machine.block(args[0])
    return block is not None and block.device == HOST


def _pin_memory(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    block = machine.block(args[0])
    if block is not None:
        if block.device == HOST:
            return args[0]
        raise RuntimeError("cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned")
    with torch._C.DisableTorchFunction(), torch.no_grad():
        result = torch.empty_like(args[0])
        pin(machine, result)
        result.copy_(args[0])
    return result


def _reading(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    """The host looks at values without an operator: ``tolist()``, ``repr()``."""
    with torch._C.DisableTorchFunction():
        if isinstance(args[0], _Tensor):
            machine.waits_for(args[0], _call_name(func).strip("_"))
    return func(*args, **named)


def _printing(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    """The text of a tensor says where it is; writing it is a copy to the host."""
    source = args[0]
    device = machine.device_of(source)
    if device == HOST:
        return _reading(machine, func, args, named)
    plain = move(machine, source.detach(), HOST, None, False, None)
    text = func(plain, *args[1:], **named)
    if not text.startswith("tensor("):
        return text
    extra = f", device='cuda:{device}'"
    if source.requires_grad:
        extra += ", requires_grad=True" if source.grad_fn is None else f", grad_fn=<{source.grad_fn.name()}>"
    return f"{text[:-1]}{extra})"


def _formatting(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    if args[0].dim() == 0 or machine.device_of(args[0]) == HOST:
        return func(*args, **named)
    return format(_printing(machine, _Tensor.__repr__, args[:1], {}), *args[1:])


def _numpy(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    device = machine.device_of(args[0])
    if device != HOST and named.get("force"):
        return move(machine, args[0].detach(), HOST, None, False, None).resolve_conj().resolve_neg().numpy()
    if device != HOST:
        raise TypeError(
            f"can't convert cuda:{device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory "
            "first."
        )
    block = machine.block(args[0])
    if block is None:
        return func(*args, **named)
    # Making the view is no access; what is done with it is.
    found = func(*args, **named)
    base: int = args[0].untyped_storage().data_ptr()

    def touch(name: str, low: int, high: int, write: bool) -> None:
        machine.touched_by_host(block, name, low - base, high - base, write=write)

    return watched(found, touch)


def _no_interface(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    if machine.device_of(args[0]) == HOST:
        return func(*args, **named)
    return refuse(
        "hands a tensor of a virtual GPU to another library",
        "declare what that library reads and writes as an operator (torch.library.custom_op)",
    )


def _pointer(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> int:
    """The address on the device."""
    block = machine.block(args[0])
    if block is None or block.device == HOST:
        return func(*args, **named)
    with torch._C.DisableTorchFunction():
        return block.address + args[0].storage_offset() * args[0].element_size()


def _record_stream(machine: Machine, func: Any, args: Sequence[Any], named: dict[str, Any]) -> None:
    tensor, stream = args[0], args[1] if len(args) > 1 else named["s"]
    block = machine.block(tensor)
    if block is None or block.device == HOST:
        raise RuntimeError("record_stream is only supported for tensors on a device")
    machine.tape.record_stream(block, stream.known)


def _hide_from_compiler() -> None:
    """Our own two entrances are run as they are, also in code that ``torch.compile`` has compiled."""
    frames = torch._C._dynamo.eval_frame
    skip = getattr(frames, "set_code_exec_strategy", None)
    if skip is None:
        return
    action = frames._FrameAction.SKIP
    strategy = frames._FrameExecStrategy(action, action)
    for entrance in (FunctionMode.__torch_function__, DispatchMode.__torch_dispatch__):
        skip(entrance.__code__, strategy)


def _install() -> None:
    tensor = _Tensor
    table: dict[Any, _Handler] = {
        tensor.to: _to,
        tensor.cuda: _cuda,
        tensor.cpu: _cpu,
        tensor.type: _type,
        tensor.device.__get__: _device,
        tensor.is_cuda.__get__: _is_cuda,
        tensor.is_cpu.__get__: _is_cpu,
        tensor.get_device: _get_device,
        torch.get_device: _get_device,
        tensor.is_pinned: _is_pinned,
        tensor.pin_memory: _pin_memory,
        tensor.tolist: _reading,
        tensor.__repr__: _printing,
        tensor.__format__: _formatting,
        torch.utils.dlpack.to_dlpack: _no_interface,
        tensor.numpy: _numpy,
        tensor.__array__: _numpy,
        tensor.__dlpack__: _no_interface,
        tensor.__dlpack_device__: _no_interface,
        tensor.data_ptr: _pointer,
        torch._C._nn._parse_to: _parse_to,
        torch.tensor: _tensor,
        tensor.new_tensor: _new_tensor,
        tensor.type_as: _type_as,
        torch.as_tensor: _as_tensor,
        torch.asarray: _as_tensor,
        tensor.record_stream: _record_stream,
    }
    _handlers.update(table)


_install()
_hide_from_compiler()


@contextmanager
def modes(machine: Machine) -> Generator[None]:
    """While it lasts, torch's calls and operators of this operating-system thread go to the machine."""
    with DispatchMode(machine), FunctionMode(machine):
        yield


def with_functions(machine: Machine) -> Any:
    """The function mode once more, where torch has taken it off the stack (hooks in a backward pass)."""
    return FunctionMode(machine)


__all__ = ["FunctionMode", "device_number", "making", "modes", "move", "name_of", "pin", "with_functions"]
