"""Programs with unlocked accesses: every outcome is found, counts are the known ones, consequences are told from notes.

The oracle of the property test interprets the same little programs by itself, over all interleavings of their reads
and writes; it shares no code with the explorer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.checkers.exploration.explore import Budget, Exploration, explore, record_problems
from weft.checkers.finding import Finding
from weft.simcore.rewriting import rewrite
from weft.simcore.trace import Header

Outcomes = set[tuple[Any, ...]]


def run(
    source: str, place: Path, *, strategy: str = "dpor", strict: bool = False, outcomes: Outcomes | None = None
) -> tuple[Exploration, list[Finding]]:
    """Explore ``main()`` of a rewritten module; its return values go into ``outcomes``."""
    file = place / "prog.py"
    file.write_text(source)
    code = rewrite(source, str(file)).code

    def program() -> None:
        variables: dict[str, Any] = {"__name__": "prog", "__file__": str(file)}
        exec(code, variables)
        result = variables["main"]()
        if outcomes is not None:
            outcomes.add(result)

    budget = Budget(keep_going=True, max_executions=None if strategy == "dpor" else 100)
    exploration = explore(program, strategy, budget, races=True)
    rows = record_problems(program, exploration, Header("prog", "explored"), strict=strict)
    return exploration, [finding for finding, _, _ in rows]


COUNTER = """
import threading
class Counter:
    def __init__(self):
        self.value = 0
def main():
    counter = Counter()
    def work():
        for _ in range({times}):
            {statement}
    threads = [threading.Thread(target=work) for _ in range({threads})]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (counter.value,)
"""


@pytest.mark.parametrize("statement", ["counter.value = counter.value + 1", "counter.value += 1"])
@pytest.mark.parametrize(("threads", "times", "traces"), [(2, 1, 4), (2, 2, 34), (4, 1, 576)])
def test_unlocked_increments_have_the_known_number_of_traces(
    tmp_path: Path, statement: str, threads: int, times: int, traces: int
) -> None:
    outcomes: Outcomes = set()
    source = COUNTER.format(statement=statement, threads=threads, times=times)
    exploration, findings = run(source, tmp_path, outcomes=outcomes)
    assert (exploration.executions, exploration.redundant, exploration.exhaustive) == (traces, 0, True)
    assert {finding.rule for finding in findings} == {"R002"}
    assert (threads * times,) in outcomes


@pytest.mark.slow
def test_three_threads_twice(tmp_path: Path) -> None:
    exploration, _ = run(COUNTER.format(statement="counter.value += 1", threads=3, times=2), tmp_path)
    assert (exploration.executions, exploration.exhaustive) == (7134, True)


def shared(body: str, *, before: str = "", after: str = "return ()") -> str:
    """A program whose two threads run ``body`` with ``s`` (attributes x, y, items, table), ``lock`` and their ``me``."""
    indented = body.strip("\n").replace("\n", "\n    ")
    return (
        "import threading\nclass Shared:\n    def __init__(self):\n        self.x = self.y = 0\n"
        "        self.items = []\n        self.table = {}\n"
        f"def work(s, lock, me):\n    {indented}\n"
        f"def main():\n    s = Shared()\n    lock = threading.Lock()\n    {before}\n"
        "    threads = [threading.Thread(target=work, args=(s, lock, me)) for me in (1, 2)]\n"
        "    for thread in threads:\n        thread.start()\n    for thread in threads:\n        thread.join()\n"
        f"    {after}\n"
    )


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        pytest.param("s.x += 1", {"R002"}, id="lost update"),
        pytest.param("with lock:\n    s.x += 1", set(), id="locked update"),
        pytest.param("seen = s.x\nwith lock:\n    s.x = seen + 1", {"R002"}, id="read outside the lock"),
        pytest.param("with lock:\n    seen = s.x\nwith lock:\n    s.x = seen + 1", {"R003"}, id="two sections"),
        pytest.param("with lock:\n    seen = s.x\nwith lock:\n    s.x += seen", set(), id="read again"),
        pytest.param("with lock:\n    seen = s.x\nwith lock:\n    s.x = 0", set(), id="a reset rests on nothing"),
        pytest.param(
            "if 'a' not in s.table:\n    s.items.append(me)\n    s.table['a'] = me", {"R002"}, id="check then act"
        ),
        pytest.param("with lock:\n    if 'a' not in s.table:\n        s.table['a'] = me", set(), id="locked check"),
        pytest.param("s.table[me] = me", set(), id="different keys"),
        pytest.param("s.items.append(me)", set(), id="atomic append"),
        pytest.param("s.x = me", {"R001"}, id="last writer wins"),
        pytest.param("s.x = 7", set(), id="the same value"),
        pytest.param("if s.x == 0:\n    s.x = 1", set(), id="idempotent"),
        pytest.param("if not s.items:\n    s.items.append(me)", {"R002"}, id="check then append"),
        pytest.param(
            "if me == 1:\n    s.x = 1\nelse:\n    assert s.x == 0", {"E002", "R001"}, id="unordered read fails"
        ),
    ],
)
def test_the_rule_for_what_two_threads_do(tmp_path: Path, body: str, rules: set[str]) -> None:
    exploration, findings = run(shared(body), tmp_path)
    assert {finding.rule for finding in findings} == rules
    assert exploration.exhaustive


def test_a_race_without_consequence_is_a_note_and_strictly_a_finding(tmp_path: Path) -> None:
    source = shared("s.x = 7")
    exploration, findings = run(source, tmp_path)
    assert findings == []
    assert exploration.consequences is not None
    assert exploration.consequences.notes(exploration.reported, True) == [
        "Shared.x: Thread-1 (work) writes at prog.py:8 and Thread-2 (work) writes at prog.py:8, unordered; every explored "
        "order ends the same"
    ]
    exploration, (finding,) = run(source, tmp_path, strict=True)
    assert (finding.rule, finding.certainty) == ("R001", "predicted")
    assert "Shared.x is raced for" in finding.message


def test_how_a_lost_update_is_told(tmp_path: Path) -> None:
    _, (finding,) = run(shared("s.x += 1"), tmp_path)
    assert (finding.rule, finding.kind, finding.certainty) == ("R002", "lost-update", "confirmed")
    assert finding.message == (
        "Thread-1 (work) overwrites what Thread-2 (work) wrote to Shared.x: it reads at prog.py:8, Thread-2 (work) writes "
        "at prog.py:8, and Thread-1 (work) writes at prog.py:8 what it computed from the old value"
    )
    assert [(place.text, place.at) for place in finding.related] == [
        ("Thread-1 (work) reads Shared.x (0)", "prog.py:8"),
        ("Thread-2 (work) writes it (1)", "prog.py:8"),
        ("Thread-1 (work) writes it (1)", "prog.py:8"),
    ]
    assert finding.related[0].stack == ["prog.py:8 in work"]
    assert [(step.thread, step.operation) for step in finding.steps] == [
        ("Thread-1 (work)", "read"),
        ("Thread-2 (work)", "read"),
        ("Thread-2 (work)", "write"),
        ("Thread-1 (work)", "write"),
    ]
    assert "no lock is common" in finding.why


def test_iterating_over_a_dictionary_that_grows(tmp_path: Path) -> None:
    body = "if me == 1:\n    s.table['a'] = 1\nelse:\n    for key in s.table:\n        pass"
    _, findings = run(shared(body, before="s.table['b'] = 1"), tmp_path)
    assert {finding.rule for finding in findings} == {"E001", "R001"}
    failure = next(finding for finding in findings if finding.rule == "E001")
    assert "dictionary changed size during iteration" in failure.message


def test_a_flag_waited_for_in_a_loop_ends(tmp_path: Path) -> None:
    body = "if me == 1:\n    while not s.x:\n        pass\nelse:\n    s.x = 1"
    exploration, findings = run(shared(body), tmp_path)
    assert findings == []
    assert not exploration.exhaustive
    assert any("polls" in limit for limit in exploration.limits)


@pytest.mark.parametrize("strategy", ["random", "pct", "pos"])
def test_sampling_finds_a_lost_update_too(tmp_path: Path, strategy: str) -> None:
    _, findings = run(shared("s.x += 1"), tmp_path, strategy=strategy)
    assert {finding.rule for finding in findings} == {"R002"}


VARIABLES = """
import threading
{top}
def main():
    {define}
    def work():
        {declare}
        {variable} += 1
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ()
"""


@pytest.mark.parametrize(
    ("variable", "top", "define", "declare", "name"),
    [
        ("count", "count = 0", "pass", "global count", "count"),
        ("count", "", "count = 0", "nonlocal count", "count"),
        ("Box.count", "class Box:\n    count = 0", "pass", "pass", "Box.count"),
        ("table['n']", "", "table = {'n': 0}", "pass", "table['n']"),
        ("cells[0]", "", "cells = [0]", "pass", "cells[0]"),
        ("box.count", "class Box:\n    __slots__ = ('count',)", "box = Box(); box.count = 0", "pass", "Box.count"),
        ("box.count", "class Box:\n    count = 0", "box = Box()", "pass", "Box.count"),
    ],
)
def test_every_sort_of_variable(tmp_path: Path, variable: str, top: str, define: str, declare: str, name: str) -> None:
    source = VARIABLES.format(variable=variable, top=top, define=define, declare=declare)
    exploration, (finding,) = run(source, tmp_path)
    assert (finding.rule, exploration.executions) == ("R002", 4)
    assert f"wrote to {name}:" in finding.message


# Against an oracle of its own.

Statement = tuple[Any, ...]
NAMES = st.sampled_from(["x", "y"])
SIMPLE = st.one_of(
    st.tuples(st.just("add"), NAMES),
    st.tuples(st.just("copy"), NAMES, NAMES),
    st.tuples(st.just("set"), NAMES, st.integers(1, 2)),
    st.tuples(st.just("append"), st.integers(1, 2)),
    st.tuples(st.just("store"), st.sampled_from("ab"), NAMES),
    st.tuples(st.just("when"), NAMES, NAMES),
)
LOCKED: st.SearchStrategy[Statement] = st.tuples(st.just("locked"), st.lists(SIMPLE, min_size=1, max_size=2).map(tuple))
THREAD = st.lists(st.one_of(SIMPLE, LOCKED), min_size=1, max_size=2).map(tuple)


def in_python(statement: Statement) -> list[str]:
    match statement:
        case ("add", name):
            return [f"s.{name} += 1"]
        case ("copy", one, other):
            return [f"s.{other} = s.{one}"]
        case ("set", name, value):
            return [f"s.{name} = {value}"]
        case ("append", value):
            return [f"s.items.append({value})"]
        case ("store", key, name):
            return [f"s.table[{key!r}] = s.{name}"]
        case ("when", one, other):
            return [f"if s.{one}:", f"    s.{other} += 1"]
        case ("locked", body):
            return ["with lock:", *(f"    {line}" for inner in body for line in in_python(inner))]
        case _:
            raise AssertionError(statement)


def program_of(threads: tuple[tuple[Statement, ...], ...]) -> str:
    lines = ["import threading", "class Shared:", "    def __init__(self):", "        self.x = self.y = 0"]
    lines += ["        self.items = []", "        self.table = {}"]
    for number, body in enumerate(threads):
        lines.append(f"def work{number}(s, lock):")
        lines += [f"    {line}" for statement in body for line in in_python(statement)]
    lines += ["def main():", "    s, lock = Shared(), threading.Lock()"]
    lines.append(f"    works = [{', '.join(f'work{number}' for number in range(len(threads)))}]")
    lines.append("    threads = [threading.Thread(target=work, args=(s, lock)) for work in works]")
    lines += ["    for thread in threads:", "        thread.start()"]
    lines += ["    for thread in threads:", "        thread.join()"]
    lines.append("    return (s.x, s.y, tuple(s.items), tuple(sorted(s.table.items())))")
    return "\n".join(lines) + "\n"


Micro = Callable[[dict[str, Any], dict[str, Any]], int]
"""One indivisible access: changes the state and the thread's registers, returns how many micro steps to skip."""


def micro_of(statement: Statement) -> list[tuple[str, Micro]]:
    def read(name: str) -> tuple[str, Micro]:
        def go(state: dict[str, Any], mine: dict[str, Any]) -> int:
            mine["value"] = state[name]
            return 0

        return "", go

    def write(name: str, compute: Callable[[Any], Any]) -> tuple[str, Micro]:
        def go(state: dict[str, Any], mine: dict[str, Any]) -> int:
            state[name] = compute(mine.get("value"))
            return 0

        return "", go

    match statement:
        case ("add", name):
            return [read(name), write(name, lambda value: value + 1)]
        case ("copy", one, other):
            return [read(one), write(other, lambda value: value)]
        case ("set", name, value):
            return [write(name, lambda _: value)]
        case ("append", value):

            def append(state: dict[str, Any], mine: dict[str, Any]) -> int:
                state["items"] = (*state["items"], value)
                return 0

            return [("", append)]
        case ("store", key, name):

            def store(state: dict[str, Any], mine: dict[str, Any]) -> int:
                table = dict(state["table"])
                table[key] = mine["value"]
                state["table"] = tuple(sorted(table.items()))
                return 0

            return [read(name), ("", store)]
        case ("when", one, other):

            def test(state: dict[str, Any], mine: dict[str, Any]) -> int:
                return 0 if state[one] else 2

            return [("", test), *micro_of(("add", other))]
        case ("locked", body):

            def take(state: dict[str, Any], mine: dict[str, Any]) -> int:
                state["lock"] = 1
                return 0

            def free(state: dict[str, Any], mine: dict[str, Any]) -> int:
                state["lock"] = 0
                return 0

            return [("lock", take), *(step for inner in body for step in micro_of(inner)), ("", free)]
        case _:
            raise AssertionError(statement)


def all_outcomes(threads: tuple[tuple[Statement, ...], ...]) -> Outcomes:
    codes = [[step for statement in body for step in micro_of(statement)] for body in threads]
    found: Outcomes = set()
    seen: set[Any] = set()
    todo = [({"x": 0, "y": 0, "items": (), "table": (), "lock": 0}, tuple((0, None) for _ in codes))]
    while todo:
        state, positions = todo.pop()
        key = (tuple(state.items()), positions)
        if key in seen:
            continue
        seen.add(key)
        if all(position == len(code) for (position, _), code in zip(positions, codes, strict=True)):
            found.add((state["x"], state["y"], state["items"], state["table"]))
        for number, (position, value) in enumerate(positions):
            if position == len(codes[number]):
                continue
            needs, step = codes[number][position]
            if needs == "lock" and state["lock"]:
                continue
            after, mine = dict(state), {"value": value}
            skip = step(after, mine)
            moved = (position + 1 + skip, mine["value"])
            todo.append((after, (*positions[:number], moved, *positions[number + 1 :])))
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(THREAD, min_size=2, max_size=3).map(tuple))
def test_every_outcome_of_a_small_program_is_found_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, threads: tuple[tuple[Statement, ...], ...]
) -> None:
    outcomes: Outcomes = set()
    exploration, _ = run(program_of(threads), tmp_path_factory.mktemp("program"), outcomes=outcomes)
    assert exploration.exhaustive
    assert exploration.redundant == 0
    assert outcomes == all_outcomes(threads)
