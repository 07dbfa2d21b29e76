"""How a check result reads in a terminal: sentences, the interleaving, the verdict, and never more than 80 columns."""

from __future__ import annotations

import pytest
from hypothesis import given

from weft.checkers.finding import Hold, Related, Result, Step, Suppression, ThreadState, Wait
from weft.text import render, render_finding, verdict_lines
from weft.wording import WIDTH

from .conftest import LOST_UPDATE, finding, result, results, suppressed

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
        "clean: no deadlock, race, failure or livelock in any schedule",
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


def test_a_race_shows_both_accesses_with_the_calls_that_led_there() -> None:
    assert render_finding(LOST_UPDATE).splitlines() == [
        "R002 lost-update (confirmed) at counter.py:9",
        "  one wrote counter.value from a value that two had changed since.",
        "  - one reads, then writes counter.value (counter.py:9)",
        "      counter.py:20 in main",
        "      counter.py:9 in add",
        "  - two writes counter.value (counter.py:9)",
        "",
        "  lines of counter.py:",
        "      one                                  two",
        "      ------------------------------------ ------------------------------------",
        "    7 read counter.value (0) [9]",
        "      ·                                    ·",
        "    9                                      write counter.value (1) [9]",
        "   10 write counter.value (1) [9]",
        "",
        "  why: No lock is held by both.",
        "  fix: Hold one lock from the read to the write.",
        "  replay: weft replay .weft/failures/0a1b2c.json",
    ]


def test_a_predicted_cycle_shows_where_the_locks_were_made_and_taken() -> None:
    made = [Related("a.lock made", "bank.py:3"), Related("a.lock taken (bank.py:12)", "bank.py:12")]
    text = render_finding(finding(rule="D002", certainty="predicted", threads=[TELLER], related=made))
    assert text.splitlines()[2:] == [
        "  - teller-1 holds a.lock (bank.py:12), wants b.lock (bank.py:13)",
        "  - a.lock made (bank.py:3)",
        "  - a.lock taken (bank.py:12)",
    ]


def test_a_deep_stack_is_cut_at_its_outer_end() -> None:
    deep = Related("one writes x", "p.py:9", [f"p.py:{line} in f{line}" for line in range(1, 10)])
    lines = render_finding(finding(related=[deep])).splitlines()
    assert lines[3:] == ["      … 3 frames above", *(f"      p.py:{line} in f{line}" for line in range(4, 10))]


@pytest.mark.parametrize("rule", ["L002", "P001"])
def test_what_was_observed_stands_where_a_thread_waits(rule: str) -> None:
    text = render_finding(finding(rule=rule, certainty="observed", threads=[TELLER], steps=STEPS))
    assert text.startswith(f"{rule} deadlock (observed) at bank.py:13\n")


def test_notes_come_before_the_verdict_one_line_each() -> None:
    text = render(result(notes=["R001 flag.ready is read and written unordered (p.py:3)", "short"]))
    assert text.splitlines()[:3] == [
        "note: R001 flag.ready is read and written unordered (p.py:3)",
        "note: short",
        "",
    ]
    assert text.splitlines()[-1].startswith("clean: ")


def test_what_is_suppressed_is_counted_and_named() -> None:
    causes = [
        Suppression("inSource", "# weft: ignore[D001]", "p.py:3", "known"),
        Suppression("external", "D001", "x.toml"),
    ]
    aside = [suppressed(cause) for cause in causes]
    some = verdict_lines(result(verdict="findings", findings=[finding()], suppressed=aside)).splitlines()
    assert some[-1] == "1 finding, 2 suppressed: D001"
    assert some[0] == "  suppressed: D001 by # weft: ignore[D001] (p.py:3); D001 by D001 (x.toml)"
    all_aside = verdict_lines(result(suppressed=aside)).splitlines()
    assert all_aside[-1] == "clean: nothing but 2 suppressed findings in any schedule"
    rest = verdict_lines(result(verdict="incomplete", exhaustive=False, suppressed=aside[:1])).splitlines()
    assert rest[-1] == "incomplete: nothing found but 1 suppressed finding, and not every schedule was run"


def test_a_suppression_without_effect_is_named_before_the_verdict() -> None:
    lines = verdict_lines(result(unused_suppressions=["# weft: ignore[D003] (p.py:7)", "R001:x"])).splitlines()
    assert lines[0] == "  suppressed nothing: # weft: ignore[D003] (p.py:7); R001:x"
    assert lines[-1].startswith("clean: ")


# Whatever the names: 80 columns.


@given(results)
def test_no_line_is_longer_than_a_terminal_is_wide(found: Result) -> None:
    assert [line for line in render(found).splitlines() if len(line) > WIDTH] == []
