"""What seeing shared accesses costs: small loops plain, rewritten with passive hooks, and rewritten with every access logged.

Logged means: a hook appends the object's id and the site to one list, which is emptied between the samples. The goals are
at most 8 times the plain time on the tight loop over a shared attribute, and at most 1.3 times on code that shares
nothing.

    python benchmarks/rewriting.py [--iterations 200000] [--rounds 7] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

from weft.simcore import hooks
from weft.simcore.rewriting import rewrite

PROGRAM = """
class Shared:
    def __init__(self):
        self.number = 0
        self.table = {"a": 0}
        self.items = []

    def attribute(self, count):
        for _ in range(count):
            self.number += 1

    def item(self, count):
        table = self.table
        for _ in range(count):
            table["a"] += 1

    def append(self, count):
        self.items.clear()
        for number in range(count):
            self.items.append(number)

    def arithmetic(self, count):
        total = 0
        for number in range(count):
            total += number * number % 7
        return total

    def calls(self, count):
        def smaller(first, second):
            return first if first < second else second

        least = count
        for number in range(count):
            least = smaller(least, number)
        return least
"""
ROWS = {
    "attribute": ("tight loop, self.number += 1", 8.0),
    "item": ('tight loop, table["a"] += 1', None),
    "append": ("self.items.append(number)", None),
    "arithmetic": ("arithmetic on local variables", 1.3),
    "calls": ("calls of a local function", 1.3),
}
"""Title, and the goal for the logged time as a multiple of the plain one."""


def logging_hooks(log: list[int]) -> dict[str, Callable[..., Any]]:
    """Two numbers an access in one flat list: a tuple an access would cost as much again in allocation."""

    def of_object(obj: Any, site: int, append: Callable[[int], None] = log.append, identity: Any = id) -> Any:
        append(identity(obj))
        append(site)
        return obj

    def at_key(obj: Any, key: Any, site: int, append: Callable[[int], None] = log.append, identity: Any = id) -> Any:
        append(identity(obj))
        append(site)
        return obj

    def method(obj: Any, site: int, key: Any, append: Callable[[int], None] = log.append, identity: Any = id) -> Any:
        append(identity(obj))
        append(site)
        return obj

    of_objects = ("read", "write", "whole", "whole_write")
    return {
        **{f"__weft_{name}__": of_object for name in of_objects},
        "__weft_item_read__": at_key,
        "__weft_item_write__": at_key,
        "__weft_method__": method,
    }


def sample(function: Callable[[int], Any], iterations: int) -> float:
    """Nanoseconds for an iteration."""
    started = time.perf_counter()
    function(iterations)
    return (time.perf_counter() - started) / iterations * 1e9


def measure(iterations: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Samples in ns an iteration, by row and variant; the variants take turns in every round."""
    plain: dict[str, Any] = {}
    rewritten: dict[str, Any] = {}
    exec(compile(PROGRAM, "<rewriting>", "exec"), plain)
    exec(rewrite(PROGRAM, "<rewriting>").code, rewritten)
    log: list[int] = []
    logged = logging_hooks(log)
    samples = {row: {"plain": [], "passive": [], "logged": []} for row in ROWS}
    one, other = plain["Shared"](), rewritten["Shared"]()
    for _ in range(rounds):
        for row, of in samples.items():
            of["plain"].append(sample(getattr(one, row), iterations))
            of["passive"].append(sample(getattr(other, row), iterations))
            hooks.install(logged)
            try:
                of["logged"].append(sample(getattr(other, row), iterations))
            finally:
                hooks.uninstall()
                log.clear()
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--iterations", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", metavar="FILE", help="keep every sample")
    options = parser.parse_args()
    samples = measure(options.iterations, options.rounds)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f};")
    print(f"median of {options.rounds} rounds of {options.iterations:,} iterations, ns an iteration\n")
    print(f"{'':30} {'plain':>7} {'passive':>8} {'':>5} {'logged':>8} {'':>5} {'goal':>9}")
    for row, (title, goal) in ROWS.items():
        plain, passive, logged = (statistics.median(samples[row][each]) for each in ("plain", "passive", "logged"))
        limit = f"<= {goal}x" if goal else ""
        line = f"{title:30} {plain:7.1f} {passive:8.1f} {passive / plain:4.1f}x {logged:8.1f} {logged / plain:4.1f}x"
        print(f"{line} {limit:>9}".rstrip())
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"python": platform.python_version(), "samples_ns": samples}, file, indent=1)


if __name__ == "__main__":
    main()
