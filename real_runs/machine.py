"""What this machine and interpreter are, in words that a reader of a profile or a report can compare.

It only looks; it measures nothing and knows no program.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import sysconfig
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def available_cores() -> list[int]:
    """The processors this process may use, in ascending order."""
    return sorted(os.sched_getaffinity(0))


def gil_enabled() -> bool:
    """Does this interpreter run with the global interpreter lock?"""
    look = getattr(sys, "_is_gil_enabled", None)
    return True if look is None else bool(look())


def gil_optional() -> bool:
    """Is this a free-threading build (PEP 703), where ``PYTHON_GIL`` decides?"""
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def physical_cores(cores: Sequence[int]) -> list[list[int]]:
    """``cores`` grouped by the physical core whose hardware threads they are, in the order given."""
    groups: dict[str, list[int]] = {}
    for core in cores:
        path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
        try:
            siblings = path.read_text(encoding="ascii").strip()
        except OSError:
            siblings = str(core)
        groups.setdefault(siblings, []).append(core)
    return list(groups.values())


def unequal_cores(cores: Sequence[int]) -> bool:
    """Does the kernel say that some of these processors are faster than others (big and little ones)?"""
    for kind in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        found: set[str] = set()
        for core in cores:
            with suppress(OSError):
                found.add(Path(f"/sys/devices/system/cpu/cpu{core}/{kind}").read_text(encoding="ascii").strip())
        if len(found) > 1:
            return True
    return False


def processor_seconds() -> tuple[float, float] | None:
    """What all programs have used of this machine's processors since it started, and what its host took; None: unknown.

    Both in seconds, in steps of 10 ms (``/proc/stat``, proc(5)). The first includes the second ("stolen" time).
    """
    try:
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(value) for value in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    user, nice, system, _, _, hard, soft, stolen = ticks
    a_second = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + hard + soft + stolen) / a_second, stolen / a_second


def busy_seconds() -> float | None:
    """The first of :func:`processor_seconds`."""
    found = processor_seconds()
    return None if found is None else found[0]


def runnable_others() -> int | None:
    """How many threads of this machine, the caller's left out, run or wait for a processor now; None: unknown."""
    try:
        with open("/proc/loadavg", encoding="ascii") as file:
            return max(int(file.read().split()[3].partition("/")[0]) - 1, 0)
    except (OSError, ValueError):
        return None


def memory_available_bytes() -> int | None:
    """What programs can take without swapping (``MemAvailable``, proc(5)); None: unknown."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None


def processor() -> str:
    """The processor's name as the kernel gives it, or the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model", "cpu model"))]
    return names[0] if names else platform.machine()


def _version(release: str) -> str:
    """The numbers of a kernel's release; what follows is a name that its builder gave it, and says who that is."""
    numbers = re.match(r"[\d.]+", release)
    return numbers[0].rstrip(".") if numbers else release


def describe() -> dict[str, Any]:
    """Processor, cores, kernel, interpreter, load and date, as JSON values. No host name and no user."""
    return {
        "cpu": processor(),
        "architecture": platform.machine(),
        "cores": len(available_cores()),
        "kernel": f"{platform.system()} {_version(platform.release())}",
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "gil": gil_enabled(),
        "switch_interval_ms": sys.getswitchinterval() * 1e3,
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
