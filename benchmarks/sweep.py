"""How long a large sweep takes from start to report: 100 configurations of a program of about 100,000 model events.

The program below is measured once and simulated on 1 to 50 cores, with the GIL and without, by the installed command;
what counts is its time on the wall, with measuring, the explanation and the start of every process. Model events are
those of simulate.py: operations and slices.

    python benchmarks/sweep.py [--workers 2] [--items 11000] [--rounds 1] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import weft

CORES = 50
THREADS = 16
LIMIT_S = 30.0
"""What is promised, on two cores."""


def program(items: int = 11_000, threads: int = THREADS) -> int:
    """Threads take numbers from a queue, compute for 20 us without the GIL, and add them up under a lock."""
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    lock = threading.Lock()
    total = 0
    for number in range(items):
        todo.put(number)

    def body() -> None:
        nonlocal total
        while True:
            try:
                number = todo.get_nowait()
            except queue.Empty:
                return
            weft.work(20e-6, gil=False)
            with lock:
                total += number

    workers = [threading.Thread(target=body) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return total


def model_events(items: int) -> int:
    """Operations and slices of one simulated run on four cores; segments cost nothing, so that it is the same each time."""
    from weft.simcore.takeover import takeover
    from weft.simcore.timed import TimedWorld

    with takeover():
        result = TimedWorld(cores=4, measure=False).run(lambda: print(end=str(program(items))[:0]))
    return result.operations + result.slices


def sweep(items: int, workers: int, folder: Path) -> dict[str, Any]:
    """One run of the command: its seconds, and what it says of itself."""
    command = [str(Path(sys.executable).with_name("weft")), "predict", f"{Path(__file__).resolve()}:program", "-q"]
    command += ["--set", f"items={items}", "--cores", ",".join(map(str, range(1, CORES + 1))), "--gil", "both"]
    command += ["--workers", str(workers), "--yes", "--json", "sweep.json"]
    began = time.perf_counter()
    subprocess.run(command, check=True, cwd=folder)
    seconds = time.perf_counter() - began
    result = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    return {"seconds": seconds, "simulating_s": result["seconds"], "configurations": len(result["runs"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--items", type=int, default=11_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if min(options.workers, options.items, options.rounds) < 1:
        parser.error("--workers, --items and --rounds must be at least 1")
    load = os.getloadavg()
    events = model_events(options.items)
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            runs.append(sweep(options.items, options.workers, Path(folder)))
    whole = statistics.median(run["seconds"] for run in runs)
    simulating = statistics.median(run["simulating_s"] for run in runs)
    count = runs[0]["configurations"]
    print(f"Python {platform.python_version()}, load average before {load[0]:.2f}; median of {options.rounds}")
    print(f"{'configurations':>14}{'events each':>13}{'workers':>9}{'whole, s':>10}{'simulating, s':>15}  limit")
    print(f"{count:>14}{events:>13,}{options.workers:>9}{whole:>10.1f}{simulating:>15.1f}  {LIMIT_S:g} s")
    if options.json:
        values = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "load_average": load,
            "events": events,
            "workers": options.workers,
            "runs": runs,
        }
        Path(options.json).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
