"""What this machine and interpreter are, in words that a reader of a profile or a report can compare.

It only looks; it measures nothing and knows no program.
"""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
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


def busy_seconds() -> float | None:
    """Processor time that everybody has used on this machine since it started, stolen time included; None: unknown.

    In steps of 10 ms (``/proc/stat``, proc(5)).
    """
    try:
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(value) for value in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    user, nice, system, _, _, hard, soft, stolen = ticks
    return (user + nice + system + hard + soft + stolen) / os.sysconf("SC_CLK_TCK")


def processor() -> str:
    """The processor's name as the kernel gives it, or the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model", "cpu model"))]
    return names[0] if names else platform.machine()


def describe() -> dict[str, Any]:
    """Processor, cores, kernel, interpreter, load and date, as JSON values. No host name and no user."""
    return {
        "cpu": processor(),
        "architecture": platform.machine(),
        "cores": len(available_cores()),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "gil": gil_enabled(),
        "switch_interval_ms": sys.getswitchinterval() * 1e3,
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
