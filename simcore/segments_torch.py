"""PyTorch's operations on the CPU: each lets go of the GIL while it computes (its bindings do so around every kernel).

Sees whatever goes through ``__torch_function__``, operators and methods included; it does not know what they compute.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from .segments import Watched

ELEMENTS_MIN = 501
"""With smaller tensors an operation is mostly its Python binding, which holds the GIL."""
_LOOKS = frozenset(
    {"__get__", "__set__", "size", "dim", "numel", "stride", "is_floating_point", "__repr__", "__format__"}
)
"""What asks about a tensor and computes nothing."""
_WHOLE = frozenset({"backward"})
"""What computes much whatever the size of the tensor that it is called with."""


def _is_large(args: Any, tensor: Any) -> bool:
    for argument in args:
        if isinstance(argument, tensor):
            if argument.numel() >= ELEMENTS_MIN:
                return True
        elif isinstance(argument, list | tuple) and _is_large(argument, tensor):
            return True
    return False


@contextmanager
def operations(watched: Watched) -> Generator[None]:
    """While it lasts, torch's operations of the calling thread report to the run."""
    overrides: Any = __import__("torch.overrides", fromlist=["TorchFunctionMode"])
    torch: Any = sys.modules["torch"]
    plain: Any = torch._C.DisableTorchFunction

    class Mode(overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            named: dict[str, Any] = kwargs or {}
            name = getattr(func, "__name__", "operation")
            if name in _LOOKS:
                return func(*args, **named)
            with plain():
                tensors = (*args, *named.values())
                large = name in _WHOLE or _is_large(tensors, torch.Tensor)
            return watched.call(f"torch.{name}", func, args, named) if large else func(*args, **named)

    with Mode():
        yield
