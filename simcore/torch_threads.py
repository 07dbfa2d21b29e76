"""What torch keeps for each operating-system thread, kept for each virtual thread: they all run on one.

Gradient mode, inference mode, autocast, the stacks of function and dispatch modes; and its random numbers, which are the
process's in reality: here each virtual thread has its own, as with ``random``, so that what a thread draws does not
depend on how it was interleaved with others.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import greenlet

_DEVICES = ("cpu", "cuda")
_kept: list[Any] = []
"""Guards that must never be undone: what they would put back belongs to another thread."""
Kept = tuple[bool, bool, tuple[tuple[bool, Any], ...], tuple[Any, ...], tuple[Any, ...]]


class Switcher:
    """Told by greenlet of every switch; each greenlet finds what it left. ``thread`` gives the number of the thread that
    runs now, equal in all executions, for its random numbers."""

    def __init__(self, seed: int, thread: Callable[[], int], changed: Callable[[], None]) -> None:
        self._torch: Any = sys.modules["torch"]
        self._seed = seed
        self._thread = thread
        self._changed = changed
        self._states: dict[int, tuple[Kept, Any]] = {}
        self._before: Any = None

    def __enter__(self) -> None:
        self._generator: Any = self._torch.random.default_generator
        torch = self._torch
        self._outside = (self.keep(), self._generator.get_state())
        self._default_type = torch.get_default_dtype()
        self._fresh = self._outside[0]
        self._sow()
        self._before = greenlet.gettrace()
        greenlet.settrace(self._switched)

    def __exit__(self, *_: object) -> None:
        greenlet.settrace(self._before)
        self.put_back(self._outside[0])
        self._generator.set_state(self._outside[1])
        if self._torch.get_default_dtype() != self._default_type:
            self._torch.set_default_dtype(self._default_type)

    def _sow(self) -> None:
        seed = random.Random(f"torch {self._seed}/{self._thread()}").getrandbits(62)
        with self._torch._C.DisableTorchFunction():
            self._generator.manual_seed(seed)

    def _switched(self, event: str, ends: tuple[Any, Any]) -> None:
        origin, target = ends
        now = self.keep()
        if origin.dead:
            self._states.pop(id(origin), None)
        else:
            self._states[id(origin)] = now, self._random()
        wanted = self._states.get(id(target))
        if wanted is None:
            self.put_back(self._fresh, now)
            self._sow()
        else:
            self.put_back(wanted[0], now)
            with self._torch._C.DisableTorchFunction():
                self._generator.set_state(wanted[1])
        self._changed()

    def _random(self) -> Any:
        with self._torch._C.DisableTorchFunction():
            return self._generator.get_state()

    def keep(self) -> Kept:
        """What holds now."""
        torch = self._torch
        core = torch._C
        functions = tuple(core._get_function_stack_at(place) for place in range(core._len_torch_function_stack()))
        dispatches = tuple(core._get_dispatch_stack_at(place) for place in range(core._len_torch_dispatch_stack()))
        autocast = tuple((torch.is_autocast_enabled(name), torch.get_autocast_dtype(name)) for name in _DEVICES)
        return torch.is_grad_enabled(), torch.is_inference_mode_enabled(), autocast, functions, dispatches

    def put_back(self, kept: Kept, now: Kept | None = None) -> None:
        """Make that hold."""
        now = now or self.keep()
        if now == kept:
            return
        torch = self._torch
        core = torch._C
        gradients, inference, autocast, functions, dispatches = kept
        if inference != now[1]:
            guard = core._InferenceMode(inference)
            guard.__enter__()
            _kept.append(guard)
        if autocast != now[2]:
            for name, (enabled, dtype) in zip(_DEVICES, autocast, strict=True):
                torch.set_autocast_enabled(name, enabled)
                torch.set_autocast_dtype(name, dtype)
            torch.clear_autocast_cache()
        if functions != now[3]:
            for _ in range(core._len_torch_function_stack()):
                core._pop_torch_function_stack()
            for mode in functions:
                core._push_on_torch_function_stack(mode)
        if dispatches != now[4]:
            for _ in range(core._len_torch_dispatch_stack()):
                core._pop_torch_dispatch_stack()
            for mode in dispatches:
                core._push_on_torch_dispatch_stack(mode)
        if torch.is_grad_enabled() != gradients:
            core._set_grad_enabled(gradients)


class ImportedMeanwhile:
    """An execution that begins without torch: should it import torch, what its threads have left is undone at its end."""

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        if "torch" in sys.modules:
            switcher = Switcher(0, lambda: 0, lambda: None)
            _gradients, _inference, autocast, functions, dispatches = switcher.keep()
            off = tuple((False, dtype) for _, dtype in autocast)
            switcher.put_back((True, False, off, functions, dispatches))
