"""What virtual GPUs cost: recording an operation, checking it, and remembering it.

Three programs run on the virtual device and on the CPU in turn, in one thread: ``z = x + y`` in a loop, training steps of
a small network, and eight streams that fork and join by events. An operation is a kernel, a copy or an access of the host;
what comes with it (allocations, frees, events) is in its price. The rows that they leave are then checked by weft and, in
turn, by the handler of torch's own CUDA Stream Sanitizer, whose calls are made ready before the clock starts. It needs no
GPU, and looks at less: no host accesses, no sizes. Memory is that of a process of its own, by what it holds at most.

    python benchmarks/gpu.py [--rounds 7] [--operations 20000] [--remembered 1000000] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from weft.checkers.gpu.hazards import hazards_of
from weft.simcore.gpu import rows
from weft.simcore.gpu.tape import Block, Stream, Tape, span

RECORDED_US = 60
CHECKED = 0.5e6
REMEMBERED_MB = 1000
"""What is promised: of recording at most so much an operation, of checking at least so many a second, and of a million
operations at most so much memory."""
STREAMS = 8
WIDTH = 64
Loop = Callable[[int], None]


# The programs. Each makes what it needs on a device and gives its loop.


def additions(torch: Any, device: str) -> Loop:
    x, y = torch.ones(WIDTH, device=device), torch.ones(WIDTH, device=device)

    def loop(turns: int) -> None:
        for _ in range(turns):
            _ = x + y

    return loop


def training(torch: Any, device: str) -> Loop:
    nn = torch.nn
    layers = (nn.Linear(32, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 8))
    model = nn.Sequential(*layers).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    inputs, targets = torch.ones(16, 32), torch.zeros(16, dtype=torch.int64)
    if device == "cuda":
        inputs, targets = inputs.pin_memory(), targets.pin_memory()

    def loop(steps: int) -> None:
        for _ in range(steps):
            data, target = inputs.to(device, non_blocking=True), targets.to(device, non_blocking=True)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(data), target)
            loss.backward()
            optimizer.step()

    return loop


def fork_and_join(torch: Any, device: str) -> Loop:
    """On the CPU the same without streams."""
    cuda = torch.cuda
    on_gpu = device == "cuda"
    streams = [cuda.Stream() if on_gpu else None for _ in range(STREAMS)]
    weights = torch.ones(WIDTH, WIDTH, device=device)
    parts = [torch.ones(WIDTH, WIDTH, device=device) for _ in streams]

    def one(stream: Any, part: Any, start: Any) -> tuple[Any, Any]:
        with cuda.stream(stream) if on_gpu else nullcontext():
            if on_gpu:
                stream.wait_event(start)
            made = torch.relu(part @ weights)
            part.copy_(made)
            return made, stream.record_event() if on_gpu else None

    def loop(turns: int) -> None:
        for _ in range(turns):
            start = cuda.current_stream().record_event() if on_gpu else None
            results = [one(stream, part, start) for stream, part in zip(streams, parts, strict=True)]
            total = torch.zeros(WIDTH, WIDTH, device=device)
            for made, done in results:
                if on_gpu:
                    cuda.current_stream().wait_event(done)
                    made.record_stream(cuda.current_stream())
                total += made

    return loop


PROGRAMS: dict[str, tuple[Callable[[Any, str], Loop], int]] = {
    "z = x + y": (additions, 1),
    "training step": (training, 26),
    "8 streams, events": (fork_and_join, 33),
}
"""With about how many operations a turn has."""


def is_operation(row: rows.AnyRow) -> bool:
    return isinstance(row, rows.Launch | rows.HostAccess)


def recorded(torch: Any, program: Callable[[Any, str], Loop], turns: int) -> tuple[float, list[rows.AnyRow], int]:
    """Seconds of the loop on the virtual device, all rows, and the operations of the loop."""
    from weft.simcore.gpu.torch_cuda import virtual_gpus

    with virtual_gpus() as machine:
        loop = program(torch, "cuda")
        loop(1)
        given = machine.tape.rows
        before = len(given)
        begin = time.perf_counter()
        loop(turns)
        seconds = time.perf_counter() - begin
        return seconds, given, sum(map(is_operation, given[before:]))


def plain(torch: Any, program: Callable[[Any, str], Loop], turns: int) -> float:
    loop = program(torch, "cpu")
    loop(1)
    begin = time.perf_counter()
    loop(turns)
    return time.perf_counter() - begin


# torch's handler.


class Rival:
    """The calls that torch makes on a machine with a GPU for these rows; none where it makes none."""

    def __init__(self, given: Sequence[rows.AnyRow]) -> None:
        from torch.cuda._sanitizer import EventHandler

        self.handler: Any = EventHandler()
        self.calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self._handles: dict[int, int] = {}
        self._begins: dict[int, int] = {}
        for row in given:
            self._add(row)

    def run(self) -> int:
        """How many errors it has."""
        return sum(len(call(*values) or ()) for call, values in self.calls)

    def _add(self, row: rows.AnyRow) -> None:
        handler, handle = self.handler, self._handle
        match row:
            case rows.Launch():
                writes = self._pointers(row.writes)
                reads = self._pointers(row.reads) - writes
                names = {pointer: [""] for pointer in reads | writes}
                self._call(handler._handle_kernel_launch, handle(row.stream), reads, writes, set(), row.name, names)
            case rows.RecordEvent():
                self._call(handler._handle_event_record, row.event, handle(row.stream))
            case rows.WaitEvent():
                self._call(handler._handle_event_wait, row.event, handle(row.stream))
            case rows.EventDone():
                self._call(handler._handle_event_synchronization, row.event)
            case rows.StreamDone():
                self._call(handler._handle_stream_synchronization, handle(row.stream))
            case rows.DeviceDone():
                self._call(handler._handle_device_synchronization)
            case rows.NewStream():
                self._handles[row.stream] = 0 if row.kind == "legacy" else 0x1000 + row.stream
                if row.kind == "non-blocking":
                    self._call(handler._handle_stream_creation, handle(row.stream))
            case rows.Alloc() if row.device >= 0:
                self._begins[row.storage] = row.address
                self._call(handler._handle_memory_allocation, row.address)
            case rows.Free() if row.storage in self._begins:
                self._call(handler._handle_memory_deallocation, self._begins[row.storage])
            case _:
                pass

    def _call(self, call: Callable[..., Any], *values: Any) -> None:
        self.calls.append((call, values))

    def _handle(self, stream: int) -> int:
        return self._handles.get(stream, 0x1000 + stream)

    def _pointers(self, spans: Sequence[rows.Span]) -> set[int]:
        return {self._begins[span.storage] + span.low for span in spans if span.storage in self._begins}


# Memory.


def most_mb() -> float:
    """What this process held at most so far. Not ``getrusage``: that begins with what the parent had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


def remembered(name: str, operations: int) -> dict[str, float]:
    """Makes so many operations known to a tape, as the virtual device does, and checks them; MB."""
    tape = Tape(1, lambda: (0, "MainThread"))
    main, item = Stream(0, 0, "legacy"), 4
    streams = [Stream(0, 256 + number) for number in range(STREAMS)] if name == "8 streams, events" else []
    size = WIDTH * WIDTH * item

    def whole(block: Block) -> rows.Span:
        found = span(block.number, 0, item, (WIDTH, WIDTH), (WIDTH, 1))
        assert found is not None
        return found

    def made(stream: Stream) -> Block:
        block = Block(0, size)
        tape.make(block, stream)
        return block

    before = most_mb()
    x, y = made(main), made(main)
    events = 0
    for number in range(operations):
        stream = main
        if streams:
            # Each waits for the one before it, and says when it is done.
            stream = streams[number % STREAMS]
            if events:
                tape.wait(stream, events)
        z = made(stream)
        tape.launch(stream, "add", [whole(x), whole(y)], [whole(z)])
        if streams:
            events += 1
            tape.record(events, stream)
        tape.free(z)
    recorded = most_mb()
    assert hazards_of(tape.rows) == []
    return {"before_mb": before, "rows_mb": recorded - before, "checking_mb": most_mb() - recorded}


def in_a_process(name: str, operations: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--remember", name, "--remembered", str(operations)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


# Measuring.


def measure(torch: Any, rounds: int, operations: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    torch.set_num_threads(1)
    for name, (program, a_turn) in PROGRAMS.items():
        turns = max(1, operations // a_turn)
        row: dict[str, Any] = {"plain_s": [], "recorded_s": [], "checked_s": [], "rival_s": []}
        given: list[rows.AnyRow] = []
        counted = 0
        for _ in range(rounds):
            row["plain_s"].append(plain(torch, program, turns))
            seconds, given, counted = recorded(torch, program, turns)
            row["recorded_s"].append(seconds)
        for _ in range(rounds):
            begin = time.perf_counter()
            found = hazards_of(given)
            row["checked_s"].append(time.perf_counter() - begin)
            assert found == [], found
            rival = Rival(given)
            begin = time.perf_counter()
            row["rival_errors"] = rival.run()
            row["rival_s"].append(time.perf_counter() - begin)
        row |= {"operations": counted, "operations_checked": sum(map(is_operation, given)), "rows": len(given)}
        result[name] = row
    return result


def table(result: dict[str, Any]) -> str:
    """Medians, and the best round: on a shared machine the median holds the neighbours, too."""
    lines = [f"{'recording, us an operation':<28}{'plain':>9}{'virtual':>9}{'at best':>9}{'plain at best':>15}  goal"]
    for name, row in result.items():
        numbers = [
            choose(row[kind]) / row["operations"] * 1e6
            for choose, kind in (
                (statistics.median, "plain_s"),
                (statistics.median, "recorded_s"),
                (min, "recorded_s"),
                (min, "plain_s"),
            )
        ]
        lines.append(
            f"{name:<28}{numbers[0]:>9.1f}{numbers[1]:>9.1f}{numbers[2]:>9.1f}{numbers[3]:>15.1f}  <= {RECORDED_US}"
        )
    lines += [
        "",
        f"{'checking, M operations/s':<28}{'weft':>9}{'at best':>9}{'torch':>9}{'at best':>9}{'ratio':>7}  goal",
    ]
    for name, row in result.items():
        count = row["operations_checked"] / 1e6
        ours, ours_best = count / statistics.median(row["checked_s"]), count / min(row["checked_s"])
        theirs, theirs_best = count / statistics.median(row["rival_s"]), count / min(row["rival_s"])
        lines.append(
            f"{name:<28}{ours:>9.2f}{ours_best:>9.2f}{theirs:>9.3f}{theirs_best:>9.3f}{ours_best / theirs_best:>7.1f}"
            f"  >= {CHECKED / 1e6:g}"
        )
    return "\n".join(lines)


def memory_table(result: dict[str, dict[str, float]], operations: int) -> str:
    lines = [f"{f'memory, {operations:,} operations':<28}{'rows MB':>9}{'checker':>9}{'process':>9}  goal"]
    for name, row in result.items():
        process = sum(row.values())
        goal = f"<= {REMEMBERED_MB * operations / 1e6:,.0f}"
        lines.append(f"{name:<28}{row['rows_mb']:>9,.0f}{row['checking_mb']:>9,.0f}{process:>9,.0f}  {goal}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--operations", type=int, default=20_000, help="in each program and round")
    parser.add_argument("--remembered", type=int, default=1_000_000, help="operations whose memory is measured")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--remember", metavar="PROGRAM", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds < 1 or options.operations < 100 or options.remembered < 1000:
        parser.error("--rounds must be at least 1, --operations at least 100, --remembered at least 1000")
    if options.remember:
        print(json.dumps(remembered(options.remember, options.remembered)))
        return
    try:
        import torch
    except ImportError:
        parser.error("torch is not installed (weft[torch])")
    load = os.getloadavg()
    memory = {name: in_a_process(name, options.remembered) for name in ("z = x + y", "8 streams, events")}
    result = measure(torch, options.rounds, options.operations)
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, load average before {load[0]:.2f}; "
        f"medians of {options.rounds}"
    )
    print(table(result))
    print()
    print(memory_table(memory, options.remembered))
    if options.json:
        values = {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "load_average": load,
            "programs": result,
            "remembered": {"operations": options.remembered, "programs": memory},
        }
        Path(options.json).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
