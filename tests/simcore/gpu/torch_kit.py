"""One torch program run twice: with real CPU tensors, and on a virtual device that must not change what it computes.

The first run is the oracle: torch itself, outside of everything that is tested here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch.utils import _pytree as pytree

from weft.simcore.gpu.torch_cuda import virtual_gpus

Program = Callable[[str], Any]
"""Computes something on the device of that name, and gives what is to be compared: tensors, numbers, texts."""


@dataclass(slots=True)
class Host:
    """A result that must be on the host whatever the device is."""

    tensor: Any


@dataclass(slots=True)
class Seen:
    """What a tensor says about itself, and its values."""

    tensor: Any
    device: str
    places: tuple[bool, bool, int]
    """``is_cuda``, ``is_cpu`` and ``get_device()``."""
    dtype: Any
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    is_leaf: bool
    gradient: Seen | None
    host: bool


def see(value: Any, host: bool = False) -> Any:
    if isinstance(value, Host):
        return see(value.tensor, True)
    if not isinstance(value, torch.Tensor):
        return value
    strided = value.layout is torch.strided
    return Seen(
        tensor=value.detach() if strided else value,
        device=str(value.device),
        places=(value.is_cuda, value.is_cpu, value.get_device()),
        dtype=value.dtype,
        shape=tuple(value.shape),
        strides=value.stride() if strided else (),
        requires_grad=value.requires_grad,
        is_leaf=value.is_leaf,
        gradient=see(value.grad, host) if value.is_leaf and value.grad is not None else None,
        host=host,
    )


def results(program: Program, device: str) -> list[Any]:
    torch.manual_seed(7)
    return [see(value) for value in pytree.tree_leaves(program(device))]


def same(real: Any, virtual: Any) -> None:
    """Equal in everything but the device."""
    assert type(virtual) is type(real), (virtual, real)
    if not isinstance(real, Seen):
        assert virtual == real
        return
    assert real.device == "cpu", real
    where = ("cpu", (False, True, -1)) if virtual.host else ("cuda:0", (True, False, 0))
    assert (virtual.device, virtual.places) == where, virtual
    said = [
        (seen.dtype, seen.shape, seen.strides, seen.requires_grad, seen.is_leaf, seen.gradient is None)
        for seen in (virtual, real)
    ]
    assert said[0] == said[1], said
    assert type(real.tensor) is type(virtual.tensor), virtual
    torch.testing.assert_close(virtual.tensor, real.tensor, equal_nan=True)
    if real.gradient is not None:
        same(real.gradient, virtual.gradient)


def agree(program: Program) -> None:
    """The program computes on the virtual device what it computes on the CPU, and says that it is there."""
    real = results(program, "cpu")
    with virtual_gpus():
        virtual = results(program, "cuda")
    assert real, "a program that gives nothing compares nothing"
    assert len(real) == len(virtual), (virtual, real)
    for one, other in zip(real, virtual, strict=True):
        same(one, other)


class Programs:
    """The programs of a module: each becomes a parameter of its test."""

    def __init__(self) -> None:
        self.parameters: list[Any] = []

    def __call__(self, program: Program) -> Program:
        self.parameters.append(pytest.param(program, id=program.__name__.strip("_")))
        return program

    def fails(self, reason: str) -> Callable[[Program], Program]:
        """The virtual device is not there yet."""

        def add(program: Program) -> Program:
            mark = pytest.mark.xfail(strict=True, reason=reason)
            self.parameters.append(pytest.param(program, id=program.__name__.strip("_"), marks=mark))
            return program

        return add


def cases(given: dict[str, Any], fails: dict[str, str] | None = None) -> list[Any]:
    """Parameters by name; ``fails`` says of some why the virtual device is not there yet."""
    reasons = fails or {}
    assert {*reasons} <= {*given}
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            id=name,
            marks=[pytest.mark.xfail(strict=True, reason=reasons[name])] if name in reasons else [],
        )
        for name, value in given.items()
    ]
