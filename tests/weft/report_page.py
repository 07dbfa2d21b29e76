"""A page of the report as a browser reads it, and results made by hand to put on it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from weft.checkers.finding import Finding, Hold, Result, Step, ThreadState, Wait
from weft.report import Report
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder

from .suite_example import suite_result
from .trace_pair_example import suite_traces

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&"


def philosophers(count: int, *, thread: str = "philosopher-", fork: str = "forks[{}]") -> list[ThreadState]:
    """Everyone holds the left fork and waits for the right one."""
    return [
        ThreadState(
            name=f"{thread}{seat}",
            state="blocked",
            holds=[Hold(fork.format(seat), "dining.py:40")],
            waits=Wait(
                fork.format((seat + 1) % count), "acquire", "dining.py:40", f"held by {thread}{(seat + 1) % count}"
            ),
        )
        for seat in range(count)
    ]


def deadlock(count: int = 3, **names: str) -> Finding:
    threads = philosophers(count, **names)
    steps = [
        Step(step=8 + seat, thread=state.name, operation="acquire", object=state.holds[0].object, at="dining.py:40")
        for seat, state in enumerate(threads)
    ]
    steps += [
        Step(step=20 + seat, thread=state.name, operation="acquire", object=wait.object, at=wait.at, outcome="blocked")
        for seat, state in enumerate(threads)
        if (wait := state.waits) is not None
    ]
    return Finding(
        rule="D001",
        kind="deadlock",
        certainty="confirmed",
        message=f"{count} threads wait for each other: {threads[0].name} for the next",
        threads=threads,
        steps=steps,
        switches=5,
        why="Nothing orders the forks.",
        suggestion="Take them in one order.",
        replay=".weft/failures/ab12.json",
    )


def result(*findings: Finding, exhaustive: bool = True, target: str = "dining.py", **more: Any) -> Result:
    verdict = "findings" if findings else "clean" if exhaustive else "incomplete"
    values: dict[str, Any] = {"limits": ["attributes are not watched"], "parameters": {"philosophers": 3}} | more
    return Result(
        weft="0.1.0",
        command="check",
        target=target,
        seed=7,
        verdict=verdict,
        exhaustive=exhaustive,
        executions=7,
        steps=166,
        seconds=0.36,
        engine="dpor",
        findings=list(findings),
        **values,
    )


def runs(*, measured: bool = False) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for gil in (True, False):
        for cores in (1, 2, 4, 8):
            speedup = cores**0.2 if gil else cores**0.8
            run: dict[str, Any] = {
                "params": {"workers": 8},
                "cores": cores,
                "gil": gil,
                "seconds": 2 / speedup,
                "speedup": speedup,
                "interval": [speedup * 0.95, speedup * 1.05],
                "utilisation": speedup / cores,
                "time_in": {"running": 2.0, "gil wait": 0.5 * cores, "lock wait": 0.25},
                "bottleneck": "Lock 'cache.lock' (service.py:44): 61 % of the critical path",
            }
            if measured:
                run |= {
                    "measured_seconds": 2.1 / speedup,
                    "measured_interval": [2.0 / speedup, 2.2 / speedup],
                    "error": 2 / 2.1 - 1,
                    "samples": [2.0 / speedup, 2.1 / speedup, 2.2 / speedup],
                }
            found.append(run)
    return found


def prediction(**more: Any) -> dict[str, Any]:
    return {"target": "service.py:serve", "seed": 0, "parameters": {"workers": [8]}, "runs": runs(), **more}


def validation(**more: Any) -> dict[str, Any]:
    summary = {"error_median": 0.048, "error_max": 0.048, "sign_right": 1.0}
    return {"target": "service.py:serve", "seed": 0, "runs": runs(measured=True), **summary, **more}


def timed_trace(threads: int = 3, rounds: int = 4, name: str = "worker-") -> Trace:
    """Each thread runs, blocks on the lock, becomes ready and runs again; all times are multiples of a microsecond."""
    builder = TraceBuilder(Header("service.py", "timed"))
    builder.tables.objects.append(ObjectInfo("Lock", f"{name}lock"))
    place = builder.tables.location("/home/user/service.py", 44, "serve")
    for thread in range(threads):
        builder.tables.threads.append(ThreadInfo(f"{name}{thread}"))
        time = thread * 1000
        builder.add(thread, Op.READY, time_ns=time)
        for _ in range(rounds):
            builder.add(thread, Op.RUN, time_ns=time + 1000)
            builder.add(thread, Op.BLOCK, 0, place, time + 5000, extra={"operation": "acquire"})
            builder.add(thread, Op.READY, time_ns=time + 8000)
            time += 10_000
        builder.add(thread, Op.MARK, time_ns=time - 1000, extra=f"{name}done")
        builder.add(thread, Op.END, time_ns=time)
    return builder.build(sort_by_time=True)


def explored_trace() -> Trace:
    """Two threads take two locks in opposite orders and block."""
    builder = TraceBuilder(Header("bank.py", "explored"))
    builder.tables.threads += [ThreadInfo("teller-0"), ThreadInfo("teller-1")]
    builder.tables.objects += [ObjectInfo("Lock", "left"), ObjectInfo("Lock", "right")]
    place = builder.tables.location("/home/user/bank.py", 12)
    builder.add(0, Op.ACQUIRE, 0, place)
    builder.add(1, Op.ACQUIRE, 1, place)
    builder.add(0, Op.REQUEST, 1, place, extra={"operation": "acquire", "detail": "held by teller-1"})
    builder.add(1, Op.REQUEST, 0, place, extra={"operation": "acquire", "detail": "held by teller-0"})
    return builder.build()


class Page(HTMLParser):
    """A parsed page: its elements with their attributes, the text of each kind of element, and the rows of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.tables: list[list[list[str]]] = []
        """Of each table its rows of cells' texts, head and body alike."""
        self._open: list[str] = []
        self.feed(text)

    def table(self, class_: str) -> list[list[str]]:
        """The first table of that class."""
        tables = [found for tag, found in self.elements if tag == "table"]
        number = next(n for n, found in enumerate(tables) if class_ in (found.get("class") or "").split())
        return [[" ".join(cell.split()) for cell in row] for row in self.tables[number]]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in ("meta", "link", "br", "img", "input"):
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("span", "code", "strong", "a", "script", "style"):
            self.handle_data(" ")
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if ("td" in self._open or "th" in self._open) and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def count(self, tag: str, **attributes: str) -> int:
        return sum(
            name == tag
            and all(value in (found.get(key.rstrip("_")) or "").split() for key, value in attributes.items())
            for name, found in self.elements
        )

    def words(self) -> str:
        return " ".join(self.texts["body"][0].split())


def full() -> Report:
    return (
        Report("tour")
        .add_check(result(deadlock()), explored_trace(), heading="philosophers")
        .add_check(result(target="ordered.py"))
        .add_prediction(prediction())
        .add_validation(validation())
        .add_timeline(timed_trace(), "simulated")
        .add_suite(suite_result(), suite_traces())
    )
