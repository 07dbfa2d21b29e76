"""What recording real threads costs: nanoseconds an event, and how much slower programs become.

Each program runs in turn with the real primitives and with the recording ones, in this process, with the writer's thread
at work; the time is processor time of the whole process, the writer's included.

    python benchmarks/recording.py [--rounds 9] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import queue
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from weft.real_runs.log import Recorder
from weft.real_runs.recorded.takeover import recording
from weft.simcore.trace import Header

PAIRS = 20_000
"""Critical sections a run."""
LIMITS = {"lock every 2 us": 2.0, "compute": 1.05}
"""What is promised: at most so many times the time without recording."""


def lock_pairs() -> int:
    lock = threading.Lock()
    for _ in range(PAIRS):
        with lock:
            pass
    return 2 * PAIRS


def rlock_pairs() -> int:
    lock = threading.RLock()
    for _ in range(PAIRS):
        with lock:
            pass
    return 2 * PAIRS


def explicit_pairs() -> int:
    lock = threading.Lock()
    for _ in range(PAIRS):
        lock.acquire()
        lock.release()
    return 2 * PAIRS


def queue_pairs() -> int:
    items: queue.Queue[int] = queue.Queue()
    for number in range(PAIRS // 4):
        items.put(number)
        items.get()
    return PAIRS // 2


def two_threads() -> int:
    lock = threading.Lock()

    def body() -> None:
        for _ in range(PAIRS // 2):
            with lock:
                pass

    threads = [threading.Thread(target=body) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 2 * PAIRS


_turns = 0


def work(turns: int) -> int:
    """Some bytecode without any lock."""
    total = 0
    for number in range(turns):
        total += number & 3
    return total


def turns_for(seconds: float) -> int:
    """How many turns of :func:`work` take so long here."""
    samples: list[float] = []
    for _ in range(5):
        begin = time.process_time()
        work(200_000)
        samples.append(time.process_time() - begin)
    return max(1, round(seconds / (min(samples) / 200_000)))


def lock_every_2_us() -> int:
    lock, turns = threading.Lock(), _turns
    for _ in range(PAIRS):
        work(turns)
        with lock:
            pass
    return 2 * PAIRS


def compute() -> int:
    lock = threading.Lock()
    for _ in range(20):
        work(_turns * 1000)
        with lock:
            pass
    return 40


PROGRAMS: dict[str, Callable[[], int]] = {
    "with lock": lock_pairs,
    "with rlock": rlock_pairs,
    "acquire, release": explicit_pairs,
    "queue put, get": queue_pairs,
    "two threads, lock": two_threads,
    "lock every 2 us": lock_every_2_us,
    "compute": compute,
}


def seconds_of(program: Callable[[], int]) -> tuple[float, int]:
    begin = time.process_time()
    events = program()
    return time.process_time() - begin, events


def recorded_seconds(program: Callable[[], int], folder: Path) -> float:
    recorder = Recorder(folder / "run.weft", Header("benchmark", "real"))
    with recording(recorder):
        recorder.start_writer(lambda: None)
        begin = time.process_time()
        program()
        recorder.flush(everything=True)
        spent = time.process_time() - begin
    recorder.close()
    return spent


def measure(rounds: int) -> dict[str, dict[str, list[float] | int]]:
    """Per program the samples with and without recording, taken in turn."""
    global _turns
    _turns = turns_for(2e-6)
    result: dict[str, dict[str, list[float] | int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        recorded_seconds(lambda: 0, Path(folder))  # loads NumPy
        for name, program in PROGRAMS.items():
            plain: list[float] = []
            recorded: list[float] = []
            events = 0
            for _ in range(rounds):
                spent, events = seconds_of(program)
                plain.append(spent)
                recorded.append(recorded_seconds(program, Path(folder)))
            result[name] = {"events": events, "plain_s": plain, "recorded_s": recorded}
    return result


def table(result: dict[str, dict[str, list[float] | int]]) -> str:
    lines = [f"{'program':<20}{'events':>9}{'plain ns':>10}{'recorded':>10}{'added ns':>10}{'ratio':>8}  limit"]
    for name, row in result.items():
        events = row["events"]
        plain, recorded = (statistics.median(row[key]) / events * 1e9 for key in ("plain_s", "recorded_s"))  # type: ignore[arg-type, operator]
        limit = f"{LIMITS[name]:g}x" if name in LIMITS else "400 ns"
        lines.append(
            f"{name:<20}{events:>9,}{plain:>10,.0f}{recorded:>10,.0f}{recorded - plain:>10,.0f}"
            f"{recorded / plain:>8.3f}  {limit}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    load = os.getloadavg()
    result = measure(options.rounds)
    print(
        f"Python {platform.python_version()}, load average before {load[0]:.2f}; per event, median of {options.rounds}"
    )
    print(table(result))
    if options.json:
        values = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "load_average": load,
            "turns_in_2_us": _turns,
            "programs": result,
        }
        Path(options.json).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
