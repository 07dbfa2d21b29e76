"""What a GPU can be given to do: kernels, copies, graphs of them, and flags that kernels spin on.

Values without a history: it knows no time and no device. A copy within the device is a kernel that moves each byte twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from .device_profile import DeviceProfile, blocks_per_sm
from .timing_rates import ONE, Phase, shares_of

Direction = Literal["h2d", "d2h"]
"""To the device, or to the host."""


class Flag:
    """A word in memory that a kernel spins on until a kernel or the host sets it; it stays set."""

    __slots__ = ("is_set", "name")

    def __init__(self, name: str = "flag") -> None:
        self.name = name
        self.is_set = False

    def __repr__(self) -> str:
        return f"<Flag {self.name}{' set' if self.is_set else ''}>"


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel, by its behaviour when alone on the device.

    Attributes:
        name: For people.
        ns: Its time alone.
        sm_demand: The part of the SMs that it can use, above 0 and at most 1.
        hbm_bytes: What it moves in device memory, evenly over its time.
        tail_ns: How much of ``ns`` is its last wave, ...
        tail_demand: ... which can use only this part of the SMs, so that others start in it.
        until: First it occupies its SMs until this is set, then it takes ``ns``.
        sets: This is set at its end.
    """

    name: str
    ns: int
    sm_demand: float | Fraction = 1.0
    hbm_bytes: int = 0
    tail_ns: int = 0
    tail_demand: float | Fraction = 1.0
    until: Flag | None = None
    sets: Flag | None = None

    def __post_init__(self) -> None:
        if self.ns < 0 or self.hbm_bytes < 0:
            raise ValueError(f"kernel {self.name!r}: ns is {self.ns}, hbm_bytes {self.hbm_bytes}; both are 0 or more")
        if not 0 <= self.tail_ns <= self.ns:
            raise ValueError(f"kernel {self.name!r}: tail_ns is {self.tail_ns}; it is a part of ns, {self.ns}")
        for term, value in (("sm_demand", self.sm_demand), ("tail_demand", self.tail_demand)):
            if not 0 < value <= 1:
                raise ValueError(f"kernel {self.name!r}: {term} is {value}; it is a part of the SMs, above 0 to 1")
        if self.hbm_bytes and not self.ns:
            raise ValueError(f"kernel {self.name!r} moves {self.hbm_bytes} bytes in no time; give its ns")

    @property
    def shares(self) -> int:
        return shares_of(self.sm_demand)

    def phases(self) -> tuple[Phase, ...]:
        """As work: the full waves and the last one."""
        draw = round(Fraction(self.hbm_bytes * ONE, self.ns)) if self.ns else 0
        tail = min(self.shares, shares_of(self.tail_demand))
        return (
            Phase((self.ns - self.tail_ns) * ONE, self.shares, draw),
            Phase(self.tail_ns * ONE, tail, draw),
        )


def kernel_of_grid(
    name: str,
    *,
    blocks: int,
    threads: int,
    wave_ns: int,
    profile: DeviceProfile,
    registers: int = 0,
    shared_bytes: int = 0,
    hbm_bytes: int = 0,
) -> Kernel:
    """A kernel by its launch configuration: full waves of blocks, and a last one that may leave SMs to others.

    Args:
        name: For people.
        blocks: In the grid.
        threads: Per block.
        wave_ns: How long a block takes.
        profile: For the number of SMs.
        registers: Per thread.
        shared_bytes: Of shared memory, per block.
        hbm_bytes: What the whole kernel moves in device memory.

    Raises:
        ValueError: no block fits on an SM, or there is none.
    """
    per_sm = blocks_per_sm(threads, registers, shared_bytes)
    if not per_sm or blocks < 1:
        raise ValueError(
            f"kernel {name!r}: {blocks} blocks, of which an SM holds {per_sm}; both must be at least 1: fewer threads, "
            "registers or bytes of shared memory a block fit"
        )
    capacity = per_sm * profile.sm_count
    waves, rest = divmod(blocks, capacity)
    if not rest:
        return Kernel(name, waves * wave_ns, 1, hbm_bytes)
    part = Fraction(rest, capacity)
    if not waves:
        return Kernel(name, wave_ns, part, hbm_bytes)
    return Kernel(name, (waves + 1) * wave_ns, 1, hbm_bytes, tail_ns=wave_ns, tail_demand=part)


@dataclass(frozen=True, slots=True)
class Copy:
    """Bytes on their way between host and device; ``pinned`` says what memory the host's end is in."""

    direction: Direction
    bytes: int
    pinned: bool = True

    def __post_init__(self) -> None:
        if self.bytes < 0:
            raise ValueError(f"a copy of {self.bytes} bytes; give 0 or more")

    @property
    def name(self) -> str:
        return f"{self.direction} {self.bytes} bytes"

    def phases(self, profile: DeviceProfile) -> tuple[Phase, ...]:
        """As work: the latency, with the engine but not yet on the link, and the transfer."""
        if self.direction == "h2d":
            latency_ns = profile.h2d_latency_ns
            speed = profile.h2d_bytes_per_s if self.pinned else profile.pageable_h2d_bytes_per_s
        else:
            latency_ns = profile.d2h_latency_ns
            speed = profile.d2h_bytes_per_s if self.pinned else profile.pageable_d2h_bytes_per_s
        units = round(Fraction(self.bytes * 10**9 * ONE, speed))
        return Phase(latency_ns * ONE), Phase(units, draw=speed * ONE // 10**9, link=self.direction)


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a graph: what it does, and after which nodes of it (by their places)."""

    work: Kernel | Copy
    after: tuple[int, ...] = ()


class Graph:
    """An executable graph (``cudaGraphExec_t``): no two launches of one graph are under way at a time.

    Raises:
        ValueError: a node comes after one that stands behind it, or after itself.
    """

    __slots__ = ("name", "nodes")

    def __init__(self, nodes: Sequence[Node], name: str = "graph") -> None:
        for place, node in enumerate(nodes):
            for earlier in node.after:
                if not 0 <= earlier < place:
                    raise ValueError(
                        f"{name}: node {place} comes after node {earlier}; list nodes in an order in which they can run"
                    )
        self.nodes = tuple(nodes)
        self.name = name
