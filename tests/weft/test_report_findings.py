"""What the HTML report says of findings beyond a deadlock: related places, notes, and what is suppressed."""

from __future__ import annotations

import re
from html import unescape

from weft.checkers.finding import Hold, Related, Result, Suppression, ThreadState, Wait
from weft.report import Report

from .conftest import LOST_UPDATE, finding, result, suppressed, waiting


def page(*results: Result) -> str:
    report = Report("weft check")
    for one in results:
        report.add_check(one)
    return report.html()


def said(html: str) -> str:
    """The text of the page between its tags, in one line."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", html[html.index("<body") :], flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def found(*findings: object, **more: object) -> Result:
    return result(verdict="findings" if findings else "clean", findings=list(findings), **more)


def test_both_accesses_of_a_race_with_their_stacks() -> None:
    html = page(found(LOST_UPDATE))
    text = said(html)
    assert "one reads, then writes counter.value counter.py:9 counter.py:20 in main counter.py:9 in add" in text
    assert "two writes counter.value counter.py:9 Why No lock is held by both." in text
    assert "one is running" not in text, "a thread of which nothing is to be said is left out"
    assert html.count('<ul class="related">') == 1


def test_a_finding_without_related_places_has_no_empty_list() -> None:
    assert '<ul class="related">' not in page(found(finding(threads=[waiting("bank.py:13")])))


def test_the_names_in_related_places_are_text() -> None:
    html = page(found(finding(related=[Related("<img src=x>", "p.py:1", ["<b>", "p.py:2 in <lambda>"])])))
    assert "<img src=x>" not in html
    assert "p.py:2 in &lt;lambda&gt;" in html


def test_a_predicted_cycle_is_no_deadlock_yet() -> None:
    threads = [waiting("bank.py:13")]
    cycle = "the closed loop {} the deadlock"
    threads += [
        ThreadState(
            name="teller-2",
            state="blocked",
            holds=[Hold("b.lock", "b.py:1")],
            waits=Wait("a.lock", "acquire", "b.py:2"),
        )
    ]
    assert cycle.format("would be") in said(page(found(finding(certainty="predicted", threads=threads))))
    assert cycle.format("is") in said(page(found(finding(threads=threads))))


def test_notes_are_listed() -> None:
    text = said(page(found(notes=["R001 flag.ready is read unordered (p.py:3)"])))
    assert "Notes R001 flag.ready is read unordered (p.py:3)" in text


def test_what_is_suppressed_is_listed_with_its_reason_and_counted_in_the_verdict() -> None:
    cause = Suppression("inSource", "# weft: ignore[D001]", "bank.py:13", "restarted by the supervisor")
    text = said(page(found(suppressed=[suppressed(cause)], unused_suppressions=["R001:x (pyproject.toml)"])))
    assert text.count("No problem in any schedule, 1 suppressed") == 1
    assert "Nothing but what is suppressed in any schedule." in text
    assert "D001 deadlock: two wait # weft: ignore[D001] at bank.py:13: restarted by the supervisor" in text
    assert "Suppressed nothing R001:x (pyproject.toml)" in text


def test_what_is_suppressed_does_not_count_as_found() -> None:
    cause = Suppression("external", "D001", "pyproject.toml")
    text = said(page(found(LOST_UPDATE, suppressed=[suppressed(cause)])))
    assert "1 finding" in text
    assert "R002 lost-update, 1 suppressed" in text
