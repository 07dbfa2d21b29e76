"""The installed ``weft`` command from the outside, two programs for it, and results made by hand or drawn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from weft.checkers.finding import Finding, Hold, Related, Result, Step, Suppressed, Suppression, ThreadState, Wait

COMMAND = Path(sys.executable).parent / "weft"
LIMIT_S = 240.0
"""Longer than any command takes on any machine, and shorter than pytest waits for a test."""
AB_BA = """\
    import threading

    a = threading.Lock()
    b = threading.Lock()

    def one():
        with a:
            with b:
                pass

    def two():
        with b:
            with a:
                pass

    def main(crossed=True):
        first = threading.Thread(target=one, name="one")
        second = threading.Thread(target=two if crossed else one, name="two")
        first.start(); second.start()
        first.join(); second.join()

    if __name__ == "__main__":
        main()
    """
LONG = """\
    import threading
    locks = [threading.Lock() for _ in range(3)]

    def work():
        for lock in locks:
            with lock:
                pass

    def main(threads=5):
        open("executions.txt", "a").write("x")
        for _ in range(threads):
            threading.Thread(target=work).start()
    """
"""Far more schedules than anybody has time for; every execution leaves a letter in a file."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """Standard error as one line, for messages whose place of wrapping does not matter."""
        return " ".join(self.err.split())

    def verdict(self) -> str:
        """The last sentence of the text output: one line, or two when it does not fit."""
        lines = self.out.rstrip("\n").split("\n")
        start = max(number for number, line in enumerate(lines) if not line.startswith("  "))
        return " ".join(line.strip() for line in lines[start:])


@dataclass(frozen=True, slots=True)
class Weft:
    """Runs the command in a folder of its own."""

    folder: Path

    def write(self, name: str, source: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return name

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(COMMAND), *arguments],
            **{
                "cwd": self.folder,
                "env": environment(),
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                **options,
            },
        )

    def __call__(self, *arguments: str, limit_s: float = LIMIT_S, **options: Any) -> Done:
        return ended(self.start(*arguments, **options), limit_s)

    def interrupted(self, *arguments: str, once: Callable[[], bool]) -> Done:
        """Run the command and press Ctrl-C as soon as ``once`` holds."""
        process = self.start(*arguments)
        deadline = time.monotonic() + LIMIT_S
        while not once():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "the program never got so far"
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        return ended(process, LIMIT_S)

    def size(self, name: str) -> int:
        path = self.folder / name
        return path.stat().st_size if path.exists() else 0

    def result(self, name: str = "result.json") -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    return {**kept, **more}


def ended(process: subprocess.Popen[str], limit_s: float) -> Done:
    try:
        out, err = process.communicate(timeout=limit_s)
    finally:
        process.kill()
    assert "Traceback" not in err
    assert "internal error" not in err
    return Done(process.returncode, out or "", err)


@pytest.fixture
def weft(tmp_path: Path) -> Weft:
    assert COMMAND.exists(), "weft is not installed here: pip install -e '.[test]'"
    return Weft(tmp_path)


@pytest.fixture
def ab_ba(weft: Weft) -> str:
    return weft.write("ab_ba.py", AB_BA)


def slowly(*values: Any) -> list[Any]:
    """Further parameters of a test, each quick but too many to be run every time."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


# Results, made by hand or drawn.


def result(**values: Any) -> Result:
    given: dict[str, Any] = {"verdict": "clean", "exhaustive": True, "executions": 1_234, "steps": 56_789}
    given |= {"seconds": 1.234, "engine": "dpor", "weft": "0", "command": "check", "target": "bank.py", "seed": 0}
    return Result(**{**given, **values})


def finding(**values: Any) -> Finding:
    given: dict[str, Any] = {"rule": "D001", "kind": "deadlock", "certainty": "confirmed", "message": "two wait"}
    return Finding(**{**given, **values})


def suppressed(cause: Suppression, **values: Any) -> Suppressed:
    one = finding(**values)
    return Suppressed(**{name: getattr(one, name) for name in one.__struct_fields__}, suppression=cause)


def waiting(at: str, name: str = "teller-1") -> ThreadState:
    """A thread that holds one lock and wants another one at the given place."""
    return ThreadState(
        name=name,
        state="blocked",
        holds=[Hold("a.lock", "bank.py:12")],
        waits=Wait("b.lock", "acquire", at, "held by teller-2"),
    )


LOST_UPDATE = finding(
    rule="R002",
    kind="lost-update",
    message="one wrote counter.value from a value that two had changed since",
    threads=[ThreadState(name="one", state="running"), ThreadState(name="two", state="running")],
    related=[
        Related(
            "one reads, then writes counter.value", "counter.py:9", ["counter.py:20 in main", "counter.py:9 in add"]
        ),
        Related("two writes counter.value", "counter.py:9", ["counter.py:9 in add"]),
    ],
    steps=[
        Step(step=7, thread="one", operation="read", object="counter.value", at="counter.py:9", outcome="0"),
        Step(step=9, thread="two", operation="write", object="counter.value", at="counter.py:9", outcome="1"),
        Step(step=10, thread="one", operation="write", object="counter.value", at="counter.py:9", outcome="1"),
    ],
    why="No lock is held by both.",
    suggestion="Hold one lock from the read to the write.",
    fingerprint="0a1b2c",
    replay=".weft/failures/0a1b2c.json",
)

names = st.text(st.sampled_from("abcde_.-[]0 "), min_size=1, max_size=60)
places = st.integers(1, 9999).map(lambda line: f"module_{line % 3}.py:{line}") | st.just("")
_waits = st.builds(Wait, names, st.sampled_from(["acquire", "join", "Condition.wait", "Queue.get"]), places, names)
_threads = st.builds(
    ThreadState,
    name=names,
    state=st.just("blocked"),
    holds=st.lists(st.builds(Hold, names, places), max_size=3),
    waits=_waits | st.none(),
)
_steps = st.lists(
    st.builds(
        Step,
        step=st.integers(1, 9),
        thread=names,
        operation=names | st.sampled_from(["acquire", "release", "read", "write"]),
        object=names,
        at=places,
        outcome=names | st.sampled_from(["", "blocked"]),
    ),
    max_size=8,
).map(
    lambda rows: [
        Step(**{**{f: getattr(row, f) for f in row.__struct_fields__}, "step": n}) for n, row in enumerate(rows, 1)
    ]
)
_stacks = st.lists(st.builds("{} in {}".format, places, names) | names, max_size=9)
findings = st.builds(
    finding,
    rule=st.sampled_from(["D001", "D002", "R002", "H001"]),
    certainty=st.sampled_from(["confirmed", "predicted", "observed", "latent"]),
    message=st.text(st.sampled_from("word s"), min_size=1, max_size=300),
    threads=st.lists(_threads, max_size=4),
    steps=_steps,
    related=st.lists(st.builds(Related, names, places, _stacks), max_size=3),
    why=names,
    suggestion=names,
    traceback=st.lists(names.map(lambda name: 3 * name), max_size=3),
    fingerprint=st.sampled_from(["", "0a1b2c"]),
)
causes = st.builds(Suppression, st.sampled_from(["inSource", "external"]), names, places, names | st.just(""))
long_texts = st.lists(names.map(lambda name: 3 * name), max_size=2)
results = st.builds(
    result,
    verdict=st.just("findings"),
    findings=st.lists(findings, max_size=2),
    suppressed=st.lists(
        st.builds(suppressed, causes, rule=st.just("D004"), threads=st.lists(_threads, max_size=2)), max_size=2
    ),
    limits=long_texts,
    notes=long_texts | st.just(["R001 data-race: flag.ready (p.py:3)"]),
    unused_suppressions=long_texts,
    files=st.sampled_from([{}, {"module_1.py": ["src/module 1.py"]}, {"module_2.py": ["/usr/share/module_2.py"]}]),
)
