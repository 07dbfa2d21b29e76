"""What recording real threads costs: nanoseconds an event, and how much slower programs become.

Each program runs in turn with the real primitives and with the recording ones, in this process, with the writer's thread
at work; the time is processor time of the whole process, the writer's included. Events are those that the trace gets.

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
from typing import TypedDict

from weft.real_runs.log import Recorder
from weft.real_runs.recorded.takeover import recording
from weft.simcore.trace import Header

PAIRS = 20_000
"""Critical sections a run."""
LIMIT_NS = 400
RATIO_LIMITS = {"lock every 2 us": 2.0, "compute": 1.05}
"""What is promised: at most so much more an event, or at most so many times the time without recording."""
CONTENDED = "two threads, one lock"
"""Threads that meet at a lock, and wake each other from then on, with recording or without: no price of an event."""
_turns = 0
"""Of :func:`work`, in 2 us."""


class Samples(TypedDict):
    """Of one program: the events of a run, and processor time without and with recording, run by run."""

    events: float
    plain_s: list[float]
    recorded_s: list[float]


def with_lock() -> None:
    lock = threading.Lock()
    for _ in range(PAIRS):
        with lock:
            pass


def with_rlock() -> None:
    lock = threading.RLock()
    for _ in range(PAIRS):
        with lock:
            pass


def explicit_lock() -> None:
    lock = threading.Lock()
    for _ in range(PAIRS):
        lock.acquire()
        lock.release()


def explicit_rlock() -> None:
    lock = threading.RLock()
    for _ in range(PAIRS):
        lock.acquire()
        lock.release()


def lock_in_two_places() -> None:
    lock = threading.Lock()
    for _ in range(PAIRS // 2):
        with lock:
            pass
        with lock:
            pass


def in_two_threads(locks: list[threading.Lock]) -> None:
    """Longer than the others: a thread's start has a price of its own, a look for names."""

    def body(lock: threading.Lock) -> None:
        for _ in range(2 * PAIRS):
            with lock:
                pass

    threads = [threading.Thread(target=body, args=(lock,)) for lock in locks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def lock_each() -> None:
    in_two_threads([threading.Lock(), threading.Lock()])


def one_lock() -> None:
    in_two_threads(2 * [threading.Lock()])


def put_and_get() -> None:
    items: queue.Queue[int] = queue.Queue()
    for number in range(PAIRS // 4):
        items.put(number)
        items.get()


def simple_put_and_get() -> None:
    items: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(PAIRS // 4):
        items.put(number)
        items.get()


def with_semaphore() -> None:
    permits = threading.Semaphore(2)
    for _ in range(PAIRS // 4):
        with permits:
            pass


def set_wait_clear() -> None:
    event = threading.Event()
    for _ in range(PAIRS // 6):
        event.set()
        event.wait()
        event.clear()


def notify() -> None:
    condition = threading.Condition()
    for _ in range(PAIRS // 6):
        with condition:
            condition.notify()


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


def lock_every_2_us() -> None:
    lock, turns = threading.Lock(), _turns
    for _ in range(PAIRS):
        work(turns)
        with lock:
            pass


def compute() -> None:
    lock = threading.Lock()
    for _ in range(20):
        work(_turns * 1000)
        with lock:
            pass


PROGRAMS: dict[str, Callable[[], None]] = {
    "with lock": with_lock,
    "with rlock": with_rlock,
    "acquire, release": explicit_lock,
    "rlock acquire, release": explicit_rlock,
    "lock in two places": lock_in_two_places,
    "two threads, a lock each": lock_each,
    "two threads, one lock": one_lock,
    "queue put, get": put_and_get,
    "simple queue put, get": simple_put_and_get,
    "with semaphore": with_semaphore,
    "event set, wait, clear": set_wait_clear,
    "condition notify": notify,
    "lock every 2 us": lock_every_2_us,
    "compute": compute,
}


def seconds_of(program: Callable[[], None]) -> float:
    begin = time.process_time()
    program()
    return time.process_time() - begin


def recorded(program: Callable[[], None], folder: Path) -> tuple[float, int]:
    """Seconds and events."""
    recorder = Recorder(folder / "run.weft", Header("benchmark", "real"))
    with recording(recorder):
        recorder.start_writer(lambda: None)
        begin = time.process_time()
        program()
        recorder.flush(everything=True)
        spent = time.process_time() - begin
    recorder.close()
    return spent, recorder.pending()


def measure(rounds: int) -> dict[str, Samples]:
    """Per program the samples with and without recording, taken in turn."""
    global _turns
    _turns = turns_for(2e-6)
    result: dict[str, Samples] = {}
    with tempfile.TemporaryDirectory() as folder:
        recorded(lambda: None, Path(folder))  # loads NumPy
        for name, program in PROGRAMS.items():
            plain_s: list[float] = []
            runs: list[tuple[float, int]] = []
            for _ in range(rounds):
                plain_s.append(seconds_of(program))
                runs.append(recorded(program, Path(folder)))
            events = statistics.median(count for _, count in runs)
            result[name] = {"events": events, "plain_s": plain_s, "recorded_s": [seconds for seconds, _ in runs]}
    return result


def table(result: dict[str, Samples]) -> str:
    """Medians, and what is added by the fastest runs: on a shared machine the median holds the neighbours, too."""
    lines = [
        f"{'program':<26}{'events':>9}{'plain ns':>10}{'recorded':>10}{'added ns':>10}{'ratio':>8}{'at best':>9}  limit"
    ]
    for name, row in result.items():
        events = row["events"]
        plain = statistics.median(row["plain_s"]) / events * 1e9
        with_recording = statistics.median(row["recorded_s"]) / events * 1e9
        limit = (
            "none" if name == CONTENDED else f"{RATIO_LIMITS[name]:g}x" if name in RATIO_LIMITS else f"{LIMIT_NS} ns"
        )
        best = (min(row["recorded_s"]) - min(row["plain_s"])) / events * 1e9
        lines.append(
            f"{name:<26}{events:>9,.0f}{plain:>10,.0f}{with_recording:>10,.0f}{with_recording - plain:>10,.0f}"
            f"{with_recording / plain:>8.3f}{best:>9,.0f}  {limit}"
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
