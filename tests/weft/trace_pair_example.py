"""The two timelines of one configuration: the same program simulated, with the machine's moves, and recorded for real."""

from __future__ import annotations

from random import Random

from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder


def suite_traces(threads: int = 4, rounds: int = 12) -> dict[str, Trace]:
    """The same program simulated (with the machine's moves) and recorded for real (without), in one length roughly."""
    return {"simulated": _simulated(threads, rounds), "real": _recorded(threads, rounds)}


def _tables(builder: TraceBuilder, threads: int) -> int:
    builder.tables.threads.append(ThreadInfo("MainThread"))
    builder.tables.objects.append(ObjectInfo("Lock", "pipeline.lock"))
    for number in range(threads):
        builder.tables.threads.append(ThreadInfo(f"worker-{number}"))
        builder.tables.objects.append(ObjectInfo("Thread", f"worker-{number}", thread=number + 1))
    return builder.tables.location("/home/user/pipeline.py", 41, "stage")


def _rounds(threads: int, rounds: int, random: Random) -> list[tuple[int, int, int, int, int]]:
    """(thread, computes from, asks, gets, gives back), in nanoseconds: one lock, taken in turn."""
    free = 0
    clock = [200_000 + 40_000 * number for number in range(threads)]
    found: list[tuple[int, int, int, int, int]] = []
    for _ in range(rounds):
        for number in range(threads):
            start = clock[number]
            asks = start + round(2_400_000 * random.uniform(0.85, 1.15))
            gets = max(asks, free) + 8_000
            gives = gets + round(700_000 * random.uniform(0.9, 1.1))
            free = clock[number] = gives
            found.append((number + 1, start, asks, gets, gives))
    return found


def _simulated(threads: int, rounds: int) -> Trace:
    builder = TraceBuilder(Header("weft.models.pipeline:run", "timed"))
    place = _tables(builder, threads)
    builder.add(0, Op.RUN, time_ns=0)
    found = _rounds(threads, rounds, Random(3))
    for number in range(threads):
        builder.add(number + 1, Op.READY, time_ns=20_000 * (number + 1))
    builder.add(0, Op.BLOCK, 1, place, 100_000, extra={"operation": "join"})
    for thread, start, asks, gets, gives in found:
        builder.add(thread, Op.RUN, time_ns=start)
        if gets > asks + 8_000:
            builder.add(thread, Op.BLOCK, 0, place, asks, extra={"operation": "acquire"})
            builder.add(thread, Op.READY, time_ns=gets - 8_000)
            builder.add(thread, Op.RUN, time_ns=gets)
        builder.add(thread, Op.GIL_REQUEST, time_ns=gives - 120_000)
    end = max(row[-1] for row in found)
    for number in range(threads):
        builder.add(number + 1, Op.END, time_ns=max(row[-1] for row in found if row[0] == number + 1) + 1_000)
    builder.add(0, Op.RUN, time_ns=end + 20_000)
    builder.add(0, Op.END, time_ns=end + 60_000)
    return builder.build(sort_by_time=True)


def _recorded(threads: int, rounds: int) -> Trace:
    builder = TraceBuilder(Header("weft.models.pipeline:run", "real"))
    place = _tables(builder, threads)
    late = 5_000_000
    builder.add(0, Op.BEGIN, time_ns=late)
    found = _rounds(threads, rounds, Random(4))
    builder.add(0, Op.REQUEST, 1, place, late + 110_000, extra={"operation": "join"})
    for thread, start, asks, gets, gives in found:
        builder.add(thread, Op.COMPUTE, time_ns=late + start)
        if gets > asks + 8_000:
            builder.add(thread, Op.REQUEST, 0, place, late + asks, extra={"operation": "acquire"})
        builder.add(thread, Op.ACQUIRE, 0, place, late + gets)
        builder.add(thread, Op.RELEASE, 0, place, late + gives)
    end = max(row[-1] for row in found)
    for number in range(threads):
        builder.add(number + 1, Op.END, time_ns=late + max(row[-1] for row in found if row[0] == number + 1) + 1_000)
    builder.add(0, Op.JOIN, 1, time_ns=late + end + 30_000)
    builder.add(0, Op.END, time_ns=late + end + 50_000)
    return builder.build(sort_by_time=True)
