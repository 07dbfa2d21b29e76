"""How a check result reads in a terminal: sentences, the interleaving, the verdict, and never more than 80 columns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.checkers.finding import Finding, Hold, Result, Step, ThreadState, Wait
from weft.text import WIDTH, render, render_finding, render_github, verdict_lines


def result(**values: Any) -> Result:
    given: dict[str, Any] = {"verdict": "clean", "exhaustive": True, "executions": 1_234, "steps": 56_789}
    given |= {"seconds": 1.234, "engine": "dpor", "weft": "0", "command": "check", "target": "bank.py", "seed": 0}
    return Result(**{**given, **values})


def finding(**values: Any) -> Finding:
    given: dict[str, Any] = {"rule": "D001", "kind": "deadlock", "certainty": "confirmed", "message": "two wait"}
    return Finding(**{**given, **values})


TELLER = ThreadState(
    name="teller-1",
    state="blocked",
    holds=[Hold("a.lock", "bank.py:12")],
    waits=Wait("b.lock", "acquire", "bank.py:13", "held by teller-2"),
)
STEPS = [
    Step(step=3, thread="teller-1", operation="acquire", object="a.lock", at="bank.py:12"),
    Step(step=4, thread="teller-2", operation="acquire", object="b.lock", at="bank.py:12"),
    Step(step=9, thread="teller-1", operation="acquire", object="b.lock", at="bank.py:13", outcome="blocked"),
]


def test_clean() -> None:
    assert verdict_lines(result()).splitlines()[-2:] == [
        "  ran: 1,234 executions, 56,789 steps, 1.23 s, dpor, exhaustive",
        "clean: no deadlock, failure or livelock in any schedule",
    ]


def test_incomplete_says_what_was_bounded_before_the_verdict() -> None:
    text = verdict_lines(result(verdict="incomplete", exhaustive=False, limits=["stopped after 60 s (--max-seconds)"]))
    first, ran, last = text.splitlines()
    assert first == "  not seen: stopped after 60 s (--max-seconds)"
    assert ran.endswith("not exhaustive")
    assert last == "incomplete: nothing found, but not every schedule was run"


@pytest.mark.parametrize(
    ("count", "executions", "exhaustive", "says"),
    [
        (1, 1, True, ["  ran: 1 execution, 56,789 steps, 1.23 s, dpor, exhaustive", "1 finding: D001"]),
        (2, 3, False, ["  ran: 3 executions, 56,789 steps, 1.23 s, dpor, not exhaustive", "2 findings: D001"]),
    ],
)
def test_findings_are_counted(count: int, executions: int, exhaustive: bool, says: list[str]) -> None:
    found = result(
        verdict="findings", exhaustive=exhaustive, executions=executions, findings=[finding() for _ in range(count)]
    )
    assert render(found).splitlines()[-2:] == says


def test_a_finding_in_full() -> None:
    text = render_finding(
        finding(
            threads=[TELLER], steps=STEPS, why="Nothing orders them.", suggestion="One order.", seen=4, replay="f.json"
        )
    )
    assert text.splitlines() == [
        "D001 deadlock (confirmed) at bank.py:13",
        "  two wait.",
        "  - teller-1 holds a.lock (bank.py:12), wants b.lock (bank.py:13)",
        "",
        "  lines of bank.py:",
        "     teller-1                             teller-2",
        "     ------------------------------------ ------------------------------------",
        "   3 acquire a.lock [12]",
        "   4                                      acquire b.lock [12]",
        "     ·                                    ·",
        "   9 acquire b.lock (blocked) [13]",
        "",
        "  why: Nothing orders them.",
        "  fix: One order.",
        "  seen in 4 executions; this is one with the fewest switches",
        "  replay: weft replay f.json",
    ]


@pytest.mark.parametrize(
    ("wait", "says"),
    [
        (Wait("worker", "join", "p.py:1"), "main waits for worker to end (p.py:1)"),
        (Wait("q", "Queue.put", "p.py:2", "full 2/2"), "main waits in Queue.put on q (p.py:2): full 2/2"),
        (Wait("lock", "acquire", ""), "main wants lock"),
    ],
)
def test_what_a_thread_waits_for(wait: Wait, says: str) -> None:
    thread = ThreadState(name="main", state="blocked", waits=wait)
    assert f"  - {says}" in render_finding(finding(threads=[thread])).splitlines()


def test_a_thread_that_neither_holds_nor_waits_is_not_listed() -> None:
    assert "idle" not in render_finding(finding(threads=[ThreadState(name="idle", state="running")]))


def test_too_many_threads_for_columns_make_a_list() -> None:
    steps = [
        Step(step=n, thread=f"thread-{n}", operation="acquire", object="lock", at=f"p.py:{n}") for n in range(1, 9)
    ]
    lines = render_finding(finding(steps=steps)).splitlines()
    assert "   1 thread-1: acquire lock [p.py:1]" in lines
    assert "   8 thread-8: acquire lock [p.py:8]" in lines


def test_lines_of_several_files_are_named_in_full() -> None:
    steps = [*STEPS, Step(step=10, thread="teller-2", operation="release", object="b.lock", at="base.py:7")]
    text = render_finding(finding(steps=steps))
    assert "lines of" not in text
    assert "[bank.py:12]" in text
    assert "[base.py:7]" in text


def test_an_exception_is_placed_where_it_was_raised() -> None:
    raised = finding(rule="E001", kind="exception", message="main failed at p.py:3: KeyError: 'a at b.py:9: c'")
    assert render_finding(raised).splitlines()[0] == "E001 exception (confirmed) at p.py:3"


def test_github_commands_point_at_the_line_and_escape() -> None:
    found = finding(message="50 % of\nall", threads=[TELLER])
    first, *_, last = render_github(result(verdict="findings", findings=[found])).splitlines()
    assert first == "::error file=bank.py,line=13,title=D001 deadlock::50 %25 of%0Aall"
    assert last == "1 finding: D001"


def test_github_command_without_a_place() -> None:
    assert render_github(result(verdict="findings", findings=[finding()])).startswith("::error title=D001")


# Whatever the names: 80 columns.

names = st.text(st.sampled_from("abcde_.-[]0 "), min_size=1, max_size=60)
files = st.integers(1, 9999).map(lambda line: f"module_{line % 3}.py:{line}") | st.just("")
waits = st.builds(Wait, names, st.sampled_from(["acquire", "join", "Condition.wait", "Queue.get"]), files, names)
threads = st.builds(
    ThreadState,
    name=names,
    state=st.just("blocked"),
    holds=st.lists(st.builds(Hold, names, files), max_size=3),
    waits=waits | st.none(),
)
steps = st.lists(
    st.builds(
        Step, step=st.integers(1, 9), thread=names, operation=names, object=names, at=files, outcome=names | st.just("")
    ),
    max_size=8,
).map(
    lambda rows: [
        Step(**{**{f: getattr(row, f) for f in row.__struct_fields__}, "step": n}) for n, row in enumerate(rows, 1)
    ]
)


@given(
    found=st.builds(
        finding,
        message=st.text(st.sampled_from("word s"), min_size=1, max_size=300),
        threads=st.lists(threads, max_size=4),
        steps=steps,
        why=names,
        suggestion=names,
        traceback=st.lists(names.map(lambda name: 3 * name), max_size=3),
    ),
    limits=st.lists(names.map(lambda name: 3 * name), max_size=2),
)
def test_no_line_is_longer_than_a_terminal_is_wide(found: Finding, limits: list[str]) -> None:
    text = render(result(verdict="findings", findings=[found], limits=limits))
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []
