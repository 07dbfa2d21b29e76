"""How fast races are looked for in a recorded trace, beside tools that watch a running C program of the same shape.

The trace: 8 threads, 50 locks, 2,000 variables; sections of one lock with 2 to 13 reads and writes of its variables.
weft reads it from memory; Helgrind, DRD and ThreadSanitizer run contestants/accesses.c, so that their time holds the
program itself too. The columns of the trace are made before the clock starts, loading Numba and its compiled code is
listed on its own.

    python benchmarks/fasttrack.py [--events 1000000] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import tempfile
import time
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from weft.checkers.race.fasttrack import chained, race_pairs
from weft.checkers.race.happens_before import clock_steps
from weft.simcore.trace import COLUMNS, Header, ObjectInfo, Op, Tables, ThreadInfo, Trace

THREADS, LOCKS, VARIABLES = 8, 50, 2000
SOURCE = Path(__file__).parent / "contestants" / "accesses.c"
PROMISED = {"weft, compiled": 2e6, "weft, plain": 0.4e6}


@dataclass
class Row:
    """One line of the table: seconds of each round for ``events`` events, or why there is none."""

    name: str
    events: int = 0
    seconds: list[float] = field(default_factory=list[float])
    bytes_an_event: float = 0.0
    reason: str = ""


def make_trace(events: int, seed: int) -> Trace:
    generator = random.Random(seed)
    tables = Tables()
    tables.threads += [ThreadInfo(f"T{number}") for number in range(THREADS)]
    tables.objects += [ObjectInfo("Lock", f"L{number}") for number in range(LOCKS)]
    tables.objects += [ObjectInfo("Variable", f"V{number}") for number in range(VARIABLES)]
    rows: list[tuple[int, ...]] = []
    group = VARIABLES // LOCKS
    while len(rows) < events:
        thread, lock = generator.randrange(THREADS), generator.randrange(LOCKS)
        rows.append((thread, Op.ACQUIRE, 0, lock, -1, -1, -1))
        for _ in range(generator.randrange(2, 14)):
            variable = LOCKS + lock * group + generator.randrange(group)
            rows.append((thread, Op.WRITE if generator.random() < 0.3 else Op.READ, 0, variable, -1, -1, -1))
        rows.append((thread, Op.RELEASE, 0, lock, -1, -1, -1))
    return Trace(Header("benchmark", "real"), tables, np.array(rows, COLUMNS))


def ours(trace: Trace, compiled: bool, rounds: int) -> Row:
    row = Row("weft, compiled" if compiled else "weft, plain", len(trace))
    for _ in range(rounds):
        begin = time.perf_counter()
        steps = clock_steps(trace)
        races = race_pairs(steps, compiled=compiled)
        row.seconds.append(time.perf_counter() - begin)
        assert not races.seen
    tracemalloc.start()
    race_pairs(clock_steps(trace), compiled=compiled)
    row.bytes_an_event = tracemalloc.get_traced_memory()[1] / len(trace) + trace.columns.dtype.itemsize
    tracemalloc.stop()
    return row


def ours_sound(trace: Trace, rounds: int) -> Row:
    """Both passes, as for a trace with races in which every variable has to be followed."""
    row = Row("weft, compiled, sound pass", len(trace))
    steps = clock_steps(trace)
    races = race_pairs(steps, compiled=True)
    everything = frozenset(range(len(steps.variables))) | chained(steps, races)
    for _ in range(rounds):
        begin = time.perf_counter()
        race_pairs(steps, observed=everything, compiled=True)
        row.seconds.append(time.perf_counter() - begin)
    return row


def loading(trace: Trace) -> float:
    """Seconds until the first compiled analysis: importing Numba, and compiling or loading what was kept."""
    small = clock_steps(make_trace(1000, 0))
    begin = time.perf_counter()
    race_pairs(small, compiled=True)
    return time.perf_counter() - begin


RIVALS: dict[str, tuple[list[str], list[str], str]] = {
    "C program alone": ([], [], ""),
    "Helgrind": ([], ["valgrind", "--tool=helgrind", "-q"], "valgrind"),
    "DRD": ([], ["valgrind", "--tool=drd", "-q"], "valgrind"),
    "ThreadSanitizer": (["-fsanitize=thread"], [], ""),
}


def rival(name: str, events: int, rounds: int, folder: Path) -> Row:
    flags, command, needed = RIVALS[name]
    row = Row(name)
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        row.reason = "no C compiler"
        return row
    if needed and shutil.which(needed) is None:
        row.reason = f"{needed} is not installed"
        return row
    binary = folder / name.replace(" ", "_")
    built = subprocess.run(
        [compiler, "-O1", "-g", "-pthread", *flags, str(SOURCE), "-o", str(binary)], capture_output=True, text=True
    )
    if built.returncode:
        row.reason = f"does not compile: {built.stderr.strip().splitlines()[-1][:60]}"
        return row
    for _ in range(rounds):
        begin = time.perf_counter()
        done = subprocess.run(
            [*command, str(binary), str(events // THREADS)], capture_output=True, text=True, timeout=600
        )
        row.seconds.append(time.perf_counter() - begin)
        if done.returncode:
            return Row(name, reason=f"ended with {done.returncode}: {done.stderr.strip()[:60]}")
        row.events = int(done.stdout)
    return row


def table(rows: list[Row]) -> str:
    lines = [f"{'tool':<28}{'events':>11}{'seconds':>9}{'M events/s':>12}{'bytes/event':>13}  promised"]
    for row in rows:
        if row.reason:
            lines.append(f"{row.name:<28}  not measured: {row.reason}")
            continue
        seconds = statistics.median(row.seconds)
        size = f"{row.bytes_an_event:,.0f}" if row.bytes_an_event else ""
        promised = f">= {PROMISED[row.name] / 1e6:g}" if row.name in PROMISED else ""
        lines.append(
            f"{row.name:<28}{row.events:>11,}{seconds:>9.3f}{row.events / seconds / 1e6:>12.2f}{size:>13}  {promised}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if options.events < 1000 or options.rounds < 1:
        parser.error("--events must be at least 1000 and --rounds at least 1")
    load = os.getloadavg()
    trace = make_trace(options.events, options.seed)
    rows: list[Row] = []
    load_seconds = 0.0
    try:
        load_seconds = loading(trace)
        rows += [ours(trace, True, options.rounds), ours_sound(trace, options.rounds)]
    except ImportError:
        rows.append(Row("weft, compiled", reason="Numba is not installed (weft[fast])"))
    rows.append(ours(trace, False, max(1, options.rounds // 2)))
    with tempfile.TemporaryDirectory() as folder:
        rows += [rival(name, options.events, max(1, options.rounds // 2), Path(folder)) for name in RIVALS]
    print(f"Python {platform.python_version()}, load average before {load[0]:.2f}, seed {options.seed}")
    print(table(rows))
    print(f"loading the compiled form: {load_seconds:.2f} s, once a process; medians of up to {options.rounds} rounds")
    if options.json:
        values = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "load_average": load,
            "seed": options.seed,
            "load_seconds": load_seconds,
            "rows": [vars(row) for row in rows],
        }
        Path(options.json).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
