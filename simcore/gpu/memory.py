"""A device's memory: which address a block gets, and which is given out again.

Blocks belong to the stream they were made for and are given out again to that stream only, without waiting for any other:
the rule of torch's caching allocator (``c10/cuda/CUDACachingAllocator.cpp``: sizes in steps of 512 bytes, small and large
blocks apart, what is left of a larger block stays free, free neighbours become one). Ours differs in one thing: of the
blocks that fit, the one that was freed last is taken, not the smallest, so that memory that others may still use is touched
again as soon as it can be. For the same reason neighbours stay apart until nothing fits.

It knows numbers only, and nothing of tensors.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

STEP = 512
SMALL = 1 << 20
"""Blocks up to this size are kept apart from larger ones."""
_GAP = 1 << 21
"""Fresh blocks begin this far apart, or more: they are never neighbours."""


class OutOfMemory(Exception):
    """More is wanted than the device has; the message is in torch's words."""


@dataclass(slots=True)
class Memory:
    """One device. ``capacity`` in bytes."""

    capacity: int
    used: int = 0
    """Bytes of live blocks, in steps of :data:`STEP`."""
    most: int = 0
    """The most there ever was."""
    _free: dict[tuple[Hashable, bool], list[tuple[int, int]]] = field(
        default_factory=dict["tuple[Hashable, bool]", "list[tuple[int, int]]"]
    )
    """By stream and whether small, what is free as (address, bytes); what was freed last is last."""
    _top: int = _GAP

    def take(self, stream: Hashable, size: int) -> int:
        """The address of a block of ``size`` bytes for ``stream``.

        Raises:
            OutOfMemory: there is no room for it.
        """
        rounded = round_up(size)
        if self.used + rounded > self.capacity:
            raise OutOfMemory(
                f"CUDA out of memory. Tried to allocate {_in_words(rounded)}. The virtual GPU has a total capacity of "
                f"{_in_words(self.capacity)} of which {_in_words(self.capacity - self.used)} is free."
            )
        self.used += rounded
        self.most = max(self.most, self.used)
        free = self._free.get((stream, rounded <= SMALL), [])
        address = _cut(free, rounded)
        if address is None and _join(free):
            address = _cut(free, rounded)
        if address is not None:
            return address
        address = self._top
        self._top += -(-rounded // _GAP) * _GAP + _GAP
        return address

    def give_back(self, stream: Hashable, address: int, size: int, *, again: bool = True) -> None:
        """The block is free; ``again``: it may be given out another time."""
        rounded = round_up(size)
        self.used -= rounded
        if again:
            self._free.setdefault((stream, rounded <= SMALL), []).append((address, rounded))


def _cut(free: list[tuple[int, int]], size: int) -> int | None:
    """Take so much from the last block that has it; says where."""
    for position in range(len(free) - 1, -1, -1):
        address, there = free[position]
        if there >= size:
            if there == size:
                del free[position]
            else:
                free[position] = (address + size, there - size)
            return address
    return None


def _join(free: list[tuple[int, int]]) -> bool:
    """Neighbours become one block, which counts as freed when the last of them was. Were there any?"""
    joined: list[tuple[int, int, int]] = []
    """When it was freed, where it begins and ends."""
    for begin, size, place in sorted((address, size, place) for place, (address, size) in enumerate(free)):
        if joined and joined[-1][2] == begin:
            freed, begin_before, _ = joined[-1]
            joined[-1] = (max(freed, place), begin_before, begin + size)
        else:
            joined.append((place, begin, begin + size))
    if len(joined) == len(free):
        return False
    free[:] = [(begin, end - begin) for _, begin, end in sorted(joined)]
    return True


def round_up(size: int) -> int:
    """What a block of ``size`` bytes takes up."""
    return max(-(-size // STEP), 1) * STEP


def _in_words(size: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{size} bytes"
