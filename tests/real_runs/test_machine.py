"""What the kernel says of the machine: read from made-up files, and nothing said when it says nothing."""

from __future__ import annotations

import builtins
import io
import os
from pathlib import Path
from typing import Any

import pytest

from weft.real_runs import machine


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Stands for the kernel's files; what is not in it does not exist."""
    contents: dict[str, str] = {}
    real = builtins.open

    def opened(path: Any, *args: Any, **more: Any) -> Any:
        if str(path).startswith(("/proc/", "/sys/")):
            if str(path) not in contents:
                raise FileNotFoundError(str(path))
            return io.StringIO(contents[str(path)])
        return real(path, *args, **more)

    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr(Path, "read_text", lambda self, **_: opened(self).read())
    return contents


def test_processor_time_includes_what_the_host_took(files: dict[str, str]) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    values = [3 * ticks, 1 * ticks, 2 * ticks, 99 * ticks, 9 * ticks, 0, 1 * ticks, 4 * ticks, 0, 0]
    files["/proc/stat"] = f"cpu  {' '.join(map(str, values))}\ncpu0 1 2 3\n"
    assert machine.processor_seconds() == (3 + 1 + 2 + 0 + 1 + 4, 4)
    assert machine.busy_seconds() == 11


def test_the_caller_is_none_of_the_others_that_are_ready(files: dict[str, str]) -> None:
    files["/proc/loadavg"] = "0.20 0.18 0.12 3/80 11206\n"
    assert machine.runnable_others() == 2
    files["/proc/loadavg"] = "0.20 0.18 0.12 0/80 11206\n"
    assert machine.runnable_others() == 0


def test_memory_that_can_be_had(files: dict[str, str]) -> None:
    files["/proc/meminfo"] = "MemTotal: 8 kB\nMemFree: 1 kB\nMemAvailable:    5 kB\n"
    assert machine.memory_available_bytes() == 5 << 10


def test_nothing_is_said_where_the_kernel_says_nothing(files: dict[str, str]) -> None:
    assert machine.processor_seconds() is None
    assert machine.busy_seconds() is None
    assert machine.runnable_others() is None
    assert machine.memory_available_bytes() is None
    files["/proc/meminfo"] = "MemTotal: 8 kB\n"
    assert machine.memory_available_bytes() is None
    assert machine.physical_cores([0, 3]) == [[0], [3]]
    assert not machine.unequal_cores([0, 1])


def test_hardware_threads_are_grouped_by_core(files: dict[str, str]) -> None:
    for core, siblings in ((0, "0,2"), (1, "1,3"), (2, "0,2"), (3, "1,3")):
        files[f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"] = f"{siblings}\n"
    assert machine.physical_cores([0, 1, 2, 3]) == [[0, 2], [1, 3]]
    assert machine.physical_cores([1, 2]) == [[1], [2]]


@pytest.mark.parametrize("kind", ["cpu_capacity", "cpufreq/cpuinfo_max_freq"])
def test_big_and_little_cores_are_seen(files: dict[str, str], kind: str) -> None:
    files[f"/sys/devices/system/cpu/cpu0/{kind}"] = "1024\n"
    files[f"/sys/devices/system/cpu/cpu1/{kind}"] = "1024\n"
    assert not machine.unequal_cores([0, 1])
    files[f"/sys/devices/system/cpu/cpu1/{kind}"] = "446\n"
    assert machine.unequal_cores([0, 1])


def test_a_kernels_release_is_its_numbers() -> None:
    assert [machine._version(text) for text in ("6.1.0-rc3+", "6.12.5", "5.10.", "rolling")] == [
        *("6.1.0", "6.12.5", "5.10"),
        "rolling",
    ]
