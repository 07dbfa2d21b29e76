"""How steady this machine is: the same short computations again and again, on each core in turn.

A machine that does nothing else takes the same time each time. On one that shares its cores with others, as most rented
ones do, some computations take longer for moments or minutes, and no counter of the system says so; a prediction or a
benchmark made in such a moment is off by as much. Look here first, and again when figures differ from hour to hour.

    python benchmarks/pace.py [--seconds 10] [--json FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_ZEROS = bytes(1 << 18)
_QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.99)
_QUICK = 0.05
"""Times are told relative to this quantile: what the machine does when nobody is in the way."""
_REST_S = 0.005


def python_loop() -> int:
    total = 0
    for number in range(8_000):
        total += number * number
    return total


def sha256() -> bytes:
    return hashlib.sha256(_ZEROS).digest()


def pbkdf2() -> bytes:
    return hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2_000)


def matrix_products() -> Callable[[], object]:
    """In one thread: those of the library would wait for each other on the one core that they are given."""
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    import numpy as np

    square: Any = np.ones((128, 128))

    def four() -> object:
        return [square @ square for _ in range(4)]

    return four


COMPUTATIONS: dict[str, Callable[[], object]] = {
    "Python loop": python_loop,
    "SHA-256, 256 KiB": sha256,
    "PBKDF2, 2,000 rounds": pbkdf2,
    "4 matrix products": matrix_products(),
}


def measure(seconds: float) -> dict[str, list[int]]:
    """Nanoseconds of each turn, by computation; a turn on every core this process may use, then a short rest."""
    cores = sorted(os.sched_getaffinity(0))
    found: dict[str, list[int]] = {name: [] for name in COMPUTATIONS}
    until = time.perf_counter() + seconds
    try:
        while time.perf_counter() < until:
            for core in cores:
                os.sched_setaffinity(0, [core])
                for name, computation in COMPUTATIONS.items():
                    began = time.perf_counter_ns()
                    computation()
                    found[name].append(time.perf_counter_ns() - began)
            time.sleep(_REST_S)
    finally:
        os.sched_setaffinity(0, cores)
    return found


def quantile(ordered: Sequence[int], share: float) -> int:
    return ordered[round(share * (len(ordered) - 1))]


def table(found: dict[str, list[int]]) -> str:
    lines = [
        f"{'computation':<22}{'times':>7}{'us':>9}" + "".join(f"{f'p{100 * share:g}':>7}" for share in _QUANTILES),
    ]
    for name, times in found.items():
        ordered = sorted(times)
        quick = quantile(ordered, _QUICK)
        relative = "".join(f"{quantile(ordered, share) / quick:>7.2f}" for share in _QUANTILES)
        lines.append(f"{name:<22}{len(times):>7}{quick / 1e3:>9.0f}{relative}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if options.seconds <= 0:
        parser.error("--seconds must be above 0")
    load = os.getloadavg()
    found = measure(options.seconds)
    print(
        f"Python {platform.python_version()}, load average before {load[0]:.2f}; us: the 5 % quantile, the others over it"
    )
    print(table(found))
    if options.json:
        values = {"python": platform.python_version(), "machine": platform.machine(), "load_average": load, "ns": found}
        Path(options.json).write_text(json.dumps(values) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
