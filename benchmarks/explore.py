"""How fast weft explores, and what it finds, beside ``frontrun`` and ``interleave-test``: one command, one table.

Each contestant runs the same programs in a process of its own (benchmarks/contestants), all of them in turn in every
round. A rival that is not installed is named as such, with the reason.

    python benchmarks/explore.py [--install-rivals] [--rounds 5] [--rows dining-first,append-3x2] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, cast

CONTESTANTS = Path(__file__).resolve().parent / "contestants"
PINNED = {"frontrun": "0.7.0", "interleave-test": "0.1.0"}
"""The rivals' versions that ``--install-rivals`` installs; other installed versions are used and named as they are."""
NAMES = ("weft", *PINNED)
GRACE_S = 15.0
"""How long after the time limit a contestant may still need: a rival waits 5 s before it calls a thread stuck."""
SCHEMA = "weft.benchmark.explore/1"
FIRST_COLUMN = 23
COLUMN = 25
"""With three contestants 98 characters a line."""


@dataclass(frozen=True, slots=True)
class Row:
    """A program with what is asked about it. ``orders``: how many different results it has (0: not counted)."""

    name: str
    title: tuple[str, str]
    faulty: bool
    orders: int = 0


def rows(philosophers: int) -> list[Row]:
    table = f"dining, n={philosophers}"
    found = [
        Row("dining-ordered", (f"{table}, ordered:", "to exhaustion"), False),
        Row("dining-first", (f"{table}, deadlock:", "to the first finding"), True),
        Row("dining-all", (f"{table}, deadlock:", "to exhaustion"), True),
    ]
    for threads, times in ((2, 1), (2, 2), (3, 1), (3, 2)):
        orders = math.factorial(threads * times) // math.factorial(times) ** threads
        title = (f"append {threads}x{times}, one lock:", f"{orders} orders exist")
        found.append(Row(f"append-{threads}x{times}", title, False, orders))
    return [
        *found,
        Row("put-under-lock", ("put on full queue", "under consumer's lock"), True),
        Row("queue-join", ("Queue.join without", "task_done"), True),
        Row("lost-wakeup", ("Condition: notify", "before the wait"), True),
        Row("pool-in-pool", ("pool task waits for", "its own pool"), True),
        Row("cold-start", ("cold start: the whole", "command, 20 lines"), True),
    ]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A tool that can be run; ``missing`` says why it cannot, and is empty when it can."""

    name: str
    python: str = ""
    version: str = ""
    python_version: str = ""
    missing: str = ""

    def command(self, row: Row, options: argparse.Namespace, number: int) -> list[str]:
        module = self.name.replace("-", "_")
        # frontrun explores only under its own command, which sets the process up.
        before = [self.python, "-m", "frontrun.cli"] if self.name == "frontrun" else []
        if row.name == "cold-start":
            script = str(CONTESTANTS / f"cold_start_{module}.py")
            check = ["-m", "weft", "check"] if self.name == "weft" else []
            return [*before, self.python, *check, script]
        asked = [row.name, str(options.philosophers), str(options.limit), str(number)]
        return [*before, self.python, str(CONTESTANTS / f"run_{module}.py"), *asked]


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one contestant on one row. ``seconds`` are its exploration's own, ``process_seconds`` the process's,
    ``cpu_seconds`` the exploration's on the processor (0 where only the process is measured).

    ``verdict``: as in contestants/answer.py, or ``failed`` when the process gave no answer (``note`` has its end).
    """

    round: int
    row: str
    contestant: str
    verdict: str
    executions: int
    seconds: float
    cpu_seconds: float
    orders: int | None
    process_seconds: float
    note: str


def main() -> None:
    options = read_options()
    chosen = choose_rows(options)
    began = load()
    with tempfile.TemporaryDirectory(prefix="weft-explore-") as scratch:
        contestants = [weft(), *(rival(name, options, Path(scratch)) for name in PINNED)]
        for line in describe(contestants, options):
            print(line)
        samples = measure(contestants, chosen, options, Path(scratch))
    ended = load()
    print(*table(contestants, chosen, samples), sep="\n")
    print(*remarks(contestants, samples, options, began, ended), sep="\n")
    if options.json:
        write(Path(options.json), contestants, samples, options, began, ended)
    broken = [sample for sample in samples if sample.contestant == "weft" and not right(sample, chosen)]
    if broken:
        raise SystemExit(f"weft gave a wrong answer on {', '.join(sorted({sample.row for sample in broken}))}")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--install-rivals", action="store_true", help="with pip, into environments thrown away after")
    parser.add_argument("--python312", metavar="PATH", help="a Python 3.12 or newer, which interleave-test needs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=10.0, help="seconds for one exploration (default 10)")
    parser.add_argument("--philosophers", type=int, default=4)
    parser.add_argument("--rows", metavar="NAMES", help="only these rows, with commas between them")
    parser.add_argument("--machine", metavar="TEXT", help="say this of the machine instead of its processor's name")
    parser.add_argument("--json", metavar="FILE", help="keep every sample")
    options = parser.parse_args()
    if options.rounds < 1 or options.limit <= 0 or options.philosophers < 2:
        parser.error("--rounds must be at least 1, --limit more than 0 and --philosophers at least 2")
    return options


def choose_rows(options: argparse.Namespace) -> list[Row]:
    known = {row.name: row for row in rows(options.philosophers)}
    names = options.rows.split(",") if options.rows else list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"no row called {unknown[0]!r}; there are {', '.join(known)}")
    return [known[name] for name in names]


def weft() -> Contestant:
    from importlib.metadata import version

    return Contestant("weft", sys.executable, version("weft"), platform.python_version())


def rival(name: str, options: argparse.Namespace, scratch: Path) -> Contestant:
    """The rival in the first interpreter that has it, or that can be given it."""
    newest = name == "interleave-test"
    python, reason = python312(options.python312) if newest else (sys.executable, "")
    if not python:
        return Contestant(name, missing=reason)
    if options.install_rivals:
        folder = scratch / name
        for command in (
            [python, "-m", "venv", str(folder)],
            [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", f"{name}=={PINNED[name]}"],
        ):
            made = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if made.returncode:
                said = (made.stderr or made.stdout).strip().splitlines()
                return Contestant(name, missing=said[-1] if said else f"pip ended with {made.returncode}")
        python = str(folder / "bin" / "python")
    versions = ask(
        python,
        f"import importlib.metadata as m, platform as p; print(m.version({name!r}), p.python_version())",
    )
    if versions is None:
        return Contestant(name, missing=f"it is not in the packages of {Path(python).name}; give --install-rivals")
    version, python_version = versions.split()
    return Contestant(name, python, version, python_version)


def python312(given: str | None) -> tuple[str, str]:
    """An interpreter of version 3.12 or later, or the reason why there is none."""
    candidates: list[str] = [given] if given else [sys.executable]
    if not given:
        candidates += [path for minor in (12, 13, 14) if (path := shutil.which(f"python3.{minor}"))]
        root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
        candidates += sorted(str(path) for path in root.glob("versions/3.1[2-9]*/bin/python"))
    for candidate in candidates:
        answer = ask(candidate, "import sys; print(sys.version_info >= (3, 12))")
        if answer == "True":
            return candidate, ""
        if given:
            said = "cannot be run" if answer is None else "is older than Python 3.12, which it needs"
            return "", f"--python312 {given} {said}"
    return "", "it needs Python 3.12 or later and none was found; give --python312 PATH"


def ask(python: str, code: str) -> str | None:
    """What a line of Python prints in another interpreter; None when that fails."""
    try:
        done = subprocess.run(
            [python, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def measure(
    contestants: list[Contestant], chosen: list[Row], options: argparse.Namespace, scratch: Path
) -> list[Sample]:
    """All samples. The order of the contestants turns by one each round, so that none always goes first."""
    present = [contestant for contestant in contestants if not contestant.missing]
    samples: list[Sample] = []
    for number in range(options.rounds):
        turn = number % len(present)
        for row in chosen:
            for contestant in present[turn:] + present[:turn]:
                show(f"round {number + 1} of {options.rounds}: {row.name}, {contestant.name}")
                samples.append(sample(contestant, row, options, number, scratch))
    show("")
    return samples


def show(text: str) -> None:
    """What runs now, on one line of a terminal; nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def sample(contestant: Contestant, row: Row, options: argparse.Namespace, number: int, scratch: Path) -> Sample:
    began = perf_counter()
    try:
        done = subprocess.run(
            contestant.command(row, options, number),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd=scratch,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            timeout=options.limit + GRACE_S,
        )
    except subprocess.TimeoutExpired:
        spent = perf_counter() - began
        return Sample(
            number, row.name, contestant.name, "unfinished", 0, spent, 0.0, None, spent, "killed at the time limit"
        )
    spent = perf_counter() - began
    if row.name == "cold-start":
        # All three end with 1 for a finding; a crash of Python does too, so the report must say what was found.
        found = done.returncode == 1 and "deadlock" in (done.stdout + done.stderr).lower()
        note = "" if found else (done.stdout + done.stderr)[-300:]
        return Sample(
            number, row.name, contestant.name, "finding" if found else "failed", 0, spent, 0.0, None, spent, note
        )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines or not lines[-1].startswith("{"):
        return Sample(number, row.name, contestant.name, "failed", 0, spent, 0.0, None, spent, done.stderr[-300:])
    answer = cast("dict[str, Any]", json.loads(lines[-1]))
    return Sample(
        number,
        row.name,
        contestant.name,
        answer["verdict"],
        answer["executions"],
        round(answer["seconds"], 6),
        round(answer["cpu_seconds"], 6),
        answer["orders"],
        round(spent, 3),
        answer["note"],
    )


def right(given: Sample, chosen: list[Row]) -> bool:
    row = next(row for row in chosen if row.name == given.row)
    return given.verdict == ("finding" if row.faulty else "clean") and given.orders in (None, row.orders)


# The report.


def describe(contestants: list[Contestant], options: argparse.Namespace) -> list[str]:
    lines = [f"machine: {machine(options)}"]
    for one in contestants:
        what = f"not installed: {one.missing}" if one.missing else f"{one.version}, Python {one.python_version}"
        lines += folded(f"{one.name}: {what}")
    return lines


def machine(options: argparse.Namespace) -> str:
    return f"{options.machine or processor()}, {cores()} cores, {platform.system()}"


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load() -> float:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else math.nan


def table(contestants: list[Contestant], chosen: list[Row], samples: list[Sample]) -> list[str]:
    """Two lines a row: what came out, then how long it took and how many times weft's time that is."""
    lines = ["", " " * FIRST_COLUMN + "".join(column(one.name) for one in contestants).rstrip()]
    lines.append("-" * (FIRST_COLUMN + COLUMN * len(contestants)))
    for row in chosen:
        by_name = {
            one.name: [s for s in samples if (s.row, s.contestant) == (row.name, one.name)] for one in contestants
        }
        reference = median_seconds(by_name["weft"])
        cells = [cell(row, by_name[one.name], reference) for one in contestants]
        for part in (0, 1):
            line = f"{row.title[part]:<{FIRST_COLUMN}}" + "".join(column(one[part]) for one in cells)
            lines.append(line.rstrip())
    return lines


def column(text: str) -> str:
    room = COLUMN - 1
    return f" {text if len(text) <= room else text[: room - 1] + '~':<{room}}"


def median_seconds(samples: list[Sample]) -> float:
    return statistics.median(one.seconds for one in samples)


def cell(row: Row, samples: list[Sample], reference: float) -> tuple[str, str]:
    if not samples:
        return "not installed", ""
    verdicts = {sample.verdict for sample in samples}
    if verdicts == {"cannot"}:
        return "cannot:", samples[0].note
    if "failed" in verdicts:
        return "failed", "its end is in the JSON"
    seconds = median_seconds(samples)
    executions = round(statistics.median(sample.executions for sample in samples))
    words = "/".join(sorted(said(row, verdict) for verdict in verdicts))
    counted = [sample.orders for sample in samples if sample.orders is not None]
    first = words
    if counted:
        first = f"{round(statistics.median(counted))} of {row.orders}, {words}"
    # Where rounds ended differently there is no room for a count, and little sense in one.
    if row.name != "cold-start" and len(verdicts) == 1:
        first += f", {executions:,}" + ("" if counted else " run" if executions == 1 else " runs")
    rate = f", {executions / seconds:,.0f}/s" if executions >= 10 else ""
    more = ">" if "unfinished" in verdicts else ""
    ratio = "" if seconds == reference else f" ({more}{times(seconds / reference)})"
    return first, f"{duration(seconds)}{rate}{ratio}"


def said(row: Row, verdict: str) -> str:
    """The verdict in the table's words."""
    if verdict == "clean" and row.faulty:
        return "MISSED"
    return {"finding": "found" if row.faulty else "FALSE ALARM", "unfinished": "cut off"}.get(verdict, verdict)


def duration(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def times(ratio: float) -> str:
    return f"{ratio:.2g}x" if ratio < 10 else f"{float(f'{ratio:.2g}'):,.0f}x"


def remarks(
    contestants: list[Contestant], samples: list[Sample], options: argparse.Namespace, began: float, ended: float
) -> list[str]:
    lines = [
        "",
        f"Medians of {options.rounds} interleaved rounds; (x) times weft's time. Runs are executions of the program; "
        "a rate counts each tool's own, and tools need different numbers of them. Times are of exploring and "
        f"reporting, without imports; cold start is the whole command. Cut off: after {options.limit:g} s. "
        f"Load average {began} before, {ended} after.",
    ]
    rates = [f"{one.name} {rate:,.0f}" for one in contestants if (rate := cpu_rate(one, samples))]
    if rates:
        lines.append(f"Executions per CPU second, dining ordered: {', '.join(rates)}.")
    if any(one.name == "frontrun" and not one.missing for one in contestants):
        lines.append(
            "frontrun also switches at, and watches, accesses to shared variables; its form is a setup and workers. It "
            "runs without its preemption bound to exhaustion, else with its defaults; on queues, conditions and pools "
            "with its virtual clock (with the real clock, the default, those end inconclusive). Its clean is its pass."
        )
    if any(one.name == "interleave-test" and not one.missing for one in contestants):
        lines.append(
            "interleave-test runs the same functions as weft, switching at synchronisation only; depth first with its "
            "default bound of 2 preemptions to exhaustion (so its clean is within that bound), else at random. Its "
            "documentation says that it does not model ThreadPoolExecutor."
        )
    return [part for line in lines for part in folded(line)]


def cpu_rate(contestant: Contestant, samples: list[Sample]) -> float:
    """Executions per second of processor time on the exhaustive row without a finding; 0 when it was not run."""
    rates = [
        one.executions / one.cpu_seconds
        for one in samples
        if (one.row, one.contestant) == ("dining-ordered", contestant.name) and one.cpu_seconds
    ]
    return statistics.median(rates) if rates else 0.0


def folded(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 99, subsequent_indent="  ") or [""]


def write(
    path: Path,
    contestants: list[Contestant],
    samples: list[Sample],
    options: argparse.Namespace,
    began: float,
    ended: float,
) -> None:
    """One JSON object, a sample a line."""
    head = {
        "schema": SCHEMA,
        "machine": machine(options),
        "load": [began, ended],
        "rounds": options.rounds,
        "limit_seconds": options.limit,
        "philosophers": options.philosophers,
        "contestants": [
            {"name": one.name, "version": one.version, "python": one.python_version, "missing": one.missing}
            for one in contestants
        ],
    }
    lines = ",\n".join(f"  {json.dumps(asdict(one))}" for one in samples)
    text = json.dumps(head, indent=1)[:-2] + f',\n "samples": [\n{lines}\n ]\n}}\n'
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
