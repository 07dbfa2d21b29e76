"""What things cost on one GPU and on the host that drives it: the terms of the time model, with their units.

It knows numbers and where they come from; what they do is said in :mod:`.timing`, :mod:`.timing_rates` and
:mod:`.timing_host`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

SCHEMA = "weft.device/1"
WARP = 32
BLOCKS_PER_SM_MAX = 32
_THREADS_PER_SM = 2048
_REGISTERS_PER_SM = 65_536
_REGISTERS_STEP = 256
"""Registers are given to a warp in steps of so many."""
_SHARED_BYTES_PER_SM = 228 * 1024
_SHARED_BYTES_OF_SYSTEM = 1024
"""Of the shared memory, per block."""


class DeviceProfileError(Exception):
    """A device profile cannot be read; the message names the file and the rule."""


class DeviceProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Costs of one GPU, in integer nanoseconds, bytes and bytes per second unless said otherwise.

    The defaults are placeholders, **not calibrated**: orders of magnitude expected of an H200 (design of the GPU model,
    section 4.2, "expected magnitude"), the middle of a range where one is given. Every one of them is to be replaced by
    a measurement before a prediction is believed.
    """

    name: str = "placeholder, not calibrated"
    calibrated: bool = False
    """Were the terms measured on a device?"""

    launch_ns: int = 5_000
    """What launching a kernel costs the host thread in all, the framework's part included (expected 4-6 us)."""
    launch_lock_ns: int = 2_500
    """How much of it, and of the call of a copy, is spent with the runtime lock of the process (raw launch 2-3 us)."""
    copy_call_ns: int = 5_000
    """What the call of an asynchronous copy costs the host thread in all (no figure of its own yet: as a launch)."""
    record_ns: int = 750
    """Host time of ``event.record`` (expected 0.5-1 us)."""
    wait_ns: int = 750
    """Host time of ``stream.wait_event`` (expected 0.5-1 us)."""
    sync_wake_ns: int = 5_000
    """From the end of what a host thread synchronises with to that thread going on (spinning; expected 3-8 us)."""
    graph_launch_ns: int = 6_500
    """Host time of launching a graph, whatever its size (expected 5-8 us)."""
    graph_node_ns: int = 150
    """Host time of launching a graph, on top for each node (expected 0.1-0.2 us)."""
    launch_blocking: bool = False
    """``CUDA_LAUNCH_BLOCKING=1``: the host waits for its stream after every launch, copy and graph."""
    queue_depth: int = 1_022
    """How many operations may be issued and not done; then a launch waits (expected about 1022, ``qdepth``)."""

    gpu_start_ns: int = 3_000
    """From the end of a launch call to the device being able to start the operation (expected 2-4 us)."""
    gap_ns: int = 1_250
    """From the end of a kernel, copy or graph to the earliest start of the next one in its stream (expected 1-1.5 us)."""
    record_device_ns: int = 1_500
    """Device time of an event record; with the next term a hand-over between streams (expected 2-4 us together)."""
    wait_device_ns: int = 1_500
    """Device time of a wait, after its event."""
    graph_gap_ns: int = 800
    """From the end of a graph's node to the earliest start of one that depends on it (expected 0.6-1 us)."""
    connections: int = 8
    """Hardware queues that streams are mapped to (``CUDA_DEVICE_MAX_CONNECTIONS``, 1 to 32)."""

    sm_count: int = 132
    """Streaming multiprocessors (H200: 132)."""
    hbm_bytes_per_s: int = 4_000_000_000_000
    """What kernels and copies can move in device memory together (expected about 4.0 of the 4.8 TB/s named)."""

    h2d_engines: int = 1
    """How many copies to the device can be under way at a time; more than one share the link."""
    d2h_engines: int = 1
    """The same to the host."""
    h2d_latency_ns: int = 6_000
    """What a copy to the device takes before its first byte (expected 5-7 us)."""
    d2h_latency_ns: int = 6_000
    """The same to the host."""
    h2d_bytes_per_s: int = 52_500_000_000
    """From pinned memory (PCIe 5: expected 50-55 GB/s)."""
    d2h_bytes_per_s: int = 52_500_000_000
    """To pinned memory (likewise)."""
    pageable_h2d_bytes_per_s: int = 10_000_000_000
    """From pageable memory, staging included (expected 5-15 GB/s)."""
    pageable_d2h_bytes_per_s: int = 10_000_000_000
    """To pageable memory, likewise."""
    duplex_factor: float = 0.9
    """Speed of either direction while the other one transfers too (expected about 0.9)."""

    schema: str = SCHEMA

    def __post_init__(self) -> None:
        for term in self.__struct_fields__:
            value = getattr(self, term)
            rule = _broken_rule(term, value)
            if rule:
                raise ValueError(f"{term} is {value!r}; it must be {rule}")
        if self.launch_lock_ns > min(self.launch_ns, self.copy_call_ns):
            raise ValueError(
                f"launch_lock_ns is {self.launch_lock_ns}; it is a part of launch_ns ({self.launch_ns}) and of "
                f"copy_call_ns ({self.copy_call_ns}) and can be no longer"
            )

    def save(self, path: str | Path) -> None:
        """As JSON."""
        Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def load(path: str | Path) -> DeviceProfile:
    """A saved profile; terms that it leaves out have their defaults.

    Raises:
        DeviceProfileError: unreadable, not JSON, another schema, an unknown term, or one that breaks its rule.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=DeviceProfile)
    except OSError as error:
        raise DeviceProfileError(f"cannot read the device profile {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceProfileError(f"{path} is not a device profile: {error}") from error


def _broken_rule(term: str, value: object) -> str:
    if term == "schema":
        return "" if value == SCHEMA else repr(SCHEMA)
    if term == "duplex_factor":
        return "" if isinstance(value, int | float) and 0 < value <= 1 else "above 0 and at most 1"
    if term == "connections":
        return "" if _is_whole(value, 1) and value in range(1, 33) else "a whole number from 1 to 32"
    if term.endswith("_ns"):
        return "" if _is_whole(value, 0) else "a whole number of nanoseconds, 0 or more"
    if term.endswith(("_per_s", "_engines", "_count", "_depth")):
        return "" if _is_whole(value, 1) else "a whole number, 1 or more"
    return ""


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


IDEAL = DeviceProfile(
    name="ideal",
    launch_ns=0,
    launch_lock_ns=0,
    copy_call_ns=0,
    record_ns=0,
    wait_ns=0,
    sync_wake_ns=0,
    graph_launch_ns=0,
    graph_node_ns=0,
    queue_depth=1_000_000_000,
    gpu_start_ns=0,
    gap_ns=0,
    record_device_ns=0,
    wait_device_ns=0,
    graph_gap_ns=0,
    connections=32,
    hbm_bytes_per_s=1_000_000_000_000_000,
    h2d_latency_ns=0,
    d2h_latency_ns=0,
    h2d_bytes_per_s=1_000_000_000,
    d2h_bytes_per_s=1_000_000_000,
    pageable_h2d_bytes_per_s=1_000_000_000,
    pageable_d2h_bytes_per_s=1_000_000_000,
    duplex_factor=1.0,
)
"""A device whose management is free and whose links move a byte a nanosecond: for closed formulas."""


def blocks_per_sm(threads: int, registers: int = 0, shared_bytes: int = 0) -> int:
    """How many blocks of a kernel an SM of compute capability 9.0 holds at a time; 0 when not even one fits.

    Args:
        threads: Per block.
        registers: Per thread.
        shared_bytes: Of shared memory, per block.
    """
    if not 1 <= threads <= _THREADS_PER_SM:
        raise ValueError(f"threads is {threads}; a block has 1 to {_THREADS_PER_SM} threads")
    warps = -(-threads // WARP)
    found = min(BLOCKS_PER_SM_MAX, _THREADS_PER_SM // (warps * WARP))
    if registers:
        of_warp = -(-registers * WARP // _REGISTERS_STEP) * _REGISTERS_STEP
        found = min(found, _REGISTERS_PER_SM // (of_warp * warps))
    return min(found, _SHARED_BYTES_PER_SM // (shared_bytes + _SHARED_BYTES_OF_SYSTEM))
