"""E001, E002 and L001: what failed where, told with the user's frames only."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from weft.checkers import failure
from weft.checkers.finding import Finding
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, TraceBuilder

Findings = Callable[..., list[Finding]]

RAISES = """\
import threading


def work():
    raise LookupError("no such customer")


thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
"""


def test_an_exception_in_a_thread(findings_in: Findings) -> None:
    (finding,) = findings_in(RAISES)
    assert (finding.rule, finding.kind, finding.certainty) == ("E001", "exception", "confirmed")
    assert finding.message == "worker failed at prog.py:5: LookupError: no such customer"
    assert finding.traceback[-1] == "LookupError: no such customer"
    assert not any("threading.py" in line for line in finding.traceback)
    assert [thread.name for thread in finding.threads] == ["worker"]
    assert "the other threads went on" in finding.why


def test_an_exception_in_the_main_thread(findings_in: Findings) -> None:
    (finding,) = findings_in("def main():\n    {}['key']\n\n\nmain()\n")
    assert finding.rule == "E001"
    assert finding.message == "MainThread failed at prog.py:2: KeyError: 'key'"
    assert "main function" in finding.why


def test_an_exception_without_words(findings_in: Findings) -> None:
    (finding,) = findings_in("raise ValueError\n")
    assert finding.message == "MainThread failed at prog.py:1: ValueError"


def test_an_assertion_has_a_rule_of_its_own(findings_in: Findings) -> None:
    (finding,) = findings_in("total = 3\nassert total == 4, f'{total} is not 4'\n")
    assert (finding.rule, finding.kind) == ("E002", "assertion")
    assert finding.message == "MainThread failed at prog.py:2: AssertionError: 3 is not 4"


def test_a_failure_below_library_code_is_placed_in_the_program(findings_in: Findings) -> None:
    (finding,) = findings_in("import json\n\n\ndef read():\n    return json.loads('{')\n\n\nread()\n")
    assert finding.message.startswith("MainThread failed at prog.py:5: JSONDecodeError:")
    assert not any("decoder.py" in line for line in finding.traceback)


def test_the_chain_of_causes_is_kept(findings_in: Findings) -> None:
    source = "try:\n    int('x')\nexcept ValueError as error:\n    raise RuntimeError('bad order') from error\n"
    (finding,) = findings_in(source)
    assert finding.message == "MainThread failed at prog.py:4: RuntimeError: bad order"
    assert any("direct cause" in line for line in finding.traceback)


@pytest.mark.parametrize("statement", ["sys.exit()", "sys.exit(3)", "sys.exit('bad')", "raise SystemExit"])
@pytest.mark.parametrize("thread", [False, True])
def test_an_exit_is_no_failure(findings_in: Findings, statement: str, thread: bool) -> None:
    start = "thread = threading.Thread(target=leave)\nthread.start()\nthread.join()" if thread else "leave()"
    assert findings_in(f"import sys\nimport threading\n\n\ndef leave():\n    {statement}\n\n\n{start}\n") == []


def test_one_failure_seen_in_many_schedules_is_one_finding(findings_in: Findings) -> None:
    source = """\
import threading

lock = threading.Lock()


def work(number):
    with lock:
        if number == 2:
            raise ValueError(number)


threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    (finding,) = findings_in(source)
    assert finding.seen == 6, "3! orders of the sections"


def test_a_fingerprint_tells_type_and_function_but_not_line_or_words(findings_in: Findings) -> None:
    (first,) = findings_in(RAISES)
    (moved,) = findings_in("\n\n" + RAISES.replace("no such customer", "other words"))
    (other,) = findings_in(RAISES.replace("LookupError", "OSError"))
    assert first.fingerprint == moved.fingerprint != other.fingerprint


def test_two_threads_that_back_off_for_ever(findings_in: Findings) -> None:
    source = """\
import threading

one, two = threading.Lock(), threading.Lock()


def work(first, second):
    while True:
        with first:
            if second.acquire(blocking=False):
                break


threads = [
    threading.Thread(target=work, args=pair, name=name) for name, pair in {"a": (one, two), "b": (two, one)}.items()
]
for thread in threads:
    thread.start()
"""
    found = findings_in(source, max_steps=400, max_executions=60)
    livelocks = [finding for finding in found if finding.rule == "L001"]
    assert livelocks
    finding = livelocks[0]
    assert (finding.kind, finding.certainty) == ("livelock", "observed")
    assert "kept running without progress" in finding.message
    assert "a repeats prog.py:8-9; b repeats prog.py:8-9" in finding.message
    assert "400 steps" in finding.why


def test_a_livelock_from_a_trace_names_threads_and_places() -> None:
    builder = TraceBuilder(Header("hand.py", "explored"))
    builder.tables.threads += [ThreadInfo("main"), ThreadInfo("spinner", 0)]
    builder.tables.objects.append(ObjectInfo("Lock", "lock"))
    place = builder.tables.location("hand.py", 7, "spin")
    for _ in range(40):
        builder.add(1, Op.ACQUIRE_FAILED, 0, place)
    finding = failure.livelock(builder.build(), 40)
    assert finding.message == "spinner kept running without progress: spinner repeats hand.py:7"
    assert [thread.name for thread in finding.threads] == ["spinner"]


def test_a_livelock_says_which_lines_repeat_and_what_they_look_at() -> None:
    builder = TraceBuilder(Header("hand.py", "explored"))
    builder.tables.threads += [ThreadInfo("main"), ThreadInfo("one", 0), ThreadInfo("other", 0)]
    builder.tables.objects += [ObjectInfo("Lock", "left"), ObjectInfo("Lock", "right"), ObjectInfo("Event", "stop")]
    at = [builder.tables.location("hand.py", line, "spin") for line in (5, 6, 7, 8)]
    builder.add(2, Op.ATOMIC, 2, at[3])
    for _ in range(30):
        builder.add(1, Op.ACQUIRE, 0, at[0])
        builder.add(2, Op.ATOMIC, 2, at[3])
        builder.add(1, Op.ACQUIRE_FAILED, 1, at[1])
        builder.add(1, Op.RELEASE, 0, at[2])
    finding = failure.livelock(builder.build(), 120)
    assert finding.message.endswith("one repeats hand.py:5-7; other repeats hand.py:8")
    assert (
        "one polls (acquire_failed of right); other polls (atomic of stop), always with the same answer" in finding.why
    )
    assert len(finding.steps) == 8


def test_steps_that_never_repeat_are_no_loop() -> None:
    builder = TraceBuilder(Header("hand.py", "explored"))
    builder.tables.threads += [ThreadInfo("main"), ThreadInfo("walker", 0)]
    builder.tables.objects.append(ObjectInfo("Event", "stop"))
    for line in range(40):
        builder.add(1, Op.ATOMIC, 0, builder.tables.location("hand.py", line, "walk"), outcome=line)
    finding = failure.livelock(builder.build(), 40)
    assert "repeats" not in finding.message
    assert "polls" not in finding.why
