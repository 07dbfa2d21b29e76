"""``--precise``: accesses of code that was not rewritten, seen by instruction events of Python 3.12 and later.

The oracle is the rewriter: what it announces for a source must be announced for the same source executed by ``exec``.
"""

from __future__ import annotations

import json
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.checkers.exploration.explore import record
from weft.checkers.finding import Result
from weft.checking import check, replay
from weft.failure_file import read_failure
from weft.options import Options
from weft.simcore import opcodes
from weft.simcore.rewriting import rewrite
from weft.simcore.target import parse_target
from weft.simcore.trace import Header, Op

since = pytest.mark.skipif(
    sys.version_info < opcodes.SINCE, reason="sys.monitoring came with Python 3.12; before, --precise is refused"
)

THREADS = """
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    {end}


main()
"""
EXECUTED = """
import threading

class Counter:
    def __init__(self):
        self.value = 0

CODE = '''
def add(counter, lock):
    {guard}:
        counter.value += 1
'''

def main():
    names = {{"nothing": __import__("contextlib").nullcontext()}}
    exec(CODE, names)
    counter, lock = Counter(), threading.Lock()
    def run():
        names["add"](counter, lock)
"""
ASYNC = """
import contextlib
import threading

total = 0
lock = threading.Lock()
nothing = contextlib.nullcontext()

async def value():
    return 1

async def add():
    global total
    {guard}:
        old = total
        total = old + await value()

def run():
    try:
        add().send(None)
    except StopIteration:
        pass

def main():
"""
CLOSURE = """
import contextlib
import threading

nothing = contextlib.nullcontext()

def main():
    lock = threading.Lock()
    counts = {{"n": 0}}
    add = eval("lambda lock, nothing: (lambda: counts.__setitem__('n', counts['n'] + 1))", {{"counts": counts}})
    def run():
        {guard}:
            add(lock, nothing)()
"""
NONLOCAL = """
import contextlib
import threading

nothing = contextlib.nullcontext()

def main():
    lock = threading.Lock()
    count = 0
    async def add():
        nonlocal count
        {guard}:
            count += 1
    def run():
        try:
            add().send(None)
        except StopIteration:
            pass
"""
NAMES = """
import contextlib
import threading

nothing = contextlib.nullcontext()
CODE = '''
total = 0
def add():
    global total
    {guard}:
        total = total + 1
'''

def main():
    lock = threading.Lock()
    names = {{"lock": lock, "nothing": nothing}}
    exec(CODE, names)
    def run():
        names["add"]()
"""
PROGRAMS = {
    "exec": (EXECUTED, "print(counter.value)"),
    "async": (ASYNC, "print(total)"),
    "eval": (CLOSURE, "print(counts)"),
    "nonlocal": (NONLOCAL, "print(count)"),
    "names": (NAMES, "print(names['total'])"),
}


def program(folder: Path, name: str, *, locked: bool) -> Path:
    text, end = PROGRAMS[name]
    path = folder / f"{name}_{'locked' if locked else 'bare'}.py"
    path.write_text((text + THREADS).format(guard="with lock" if locked else "with nothing", end=end))
    return path


def checked(path: Path, **given_options: Any) -> Result:
    options = Options(save=False, **given_options)
    target = parse_target(str(path))
    target.prepare(options.watching())
    try:
        return check(target, {}, options).result
    finally:
        target.close()


def rules(result: Result) -> set[str]:
    return {finding.rule for finding in result.findings}


@since
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_lost_update_is_found(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = checked(program(tmp_path, name, locked=False), precise=True)
    assert "R002" in rules(result), result
    assert result.exhaustive
    assert not any("not watched" in limit for limit in result.limits), result.limits


@since
@pytest.mark.parametrize("name", PROGRAMS)
def test_with_a_lock_it_is_clean(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = checked(program(tmp_path, name, locked=True), precise=True)
    assert (result.verdict, result.findings, result.notes) == ("clean", [], [])


@pytest.mark.parametrize("name", PROGRAMS)
def test_without_it_nothing_is_seen(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name != "names":  # its variables are items of a dictionary, which rewritten code reads in the end
        assert rules(checked(program(tmp_path, name, locked=False))) == set()


REWRITTEN = """
import threading

class Box:
    def __init__(self):
        self.value, self.items = 0, []

def main():
    box = Box()
    def run():
        box.value += 1
        box.items.append(box.value)
"""


@since
def test_nothing_changes_for_rewritten_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rewritten.py"
    path.write_text(REWRITTEN + THREADS.format(end="print(box.items)"))
    before, after = checked(path), checked(path, precise=True)
    assert "R002" in rules(before)
    for result in (before, after):
        result.seconds = 0
    assert before == after


@since
def test_the_same_again_and_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = program(tmp_path, "exec", locked=False)
    first, second = checked(path, precise=True), checked(path, precise=True)
    first.seconds = second.seconds = 0
    assert first == second
    options = Options(precise=True)
    target = parse_target(str(path))
    target.prepare(options.watching())
    try:
        found = check(target, {}, options).result.findings
        lost = next(finding for finding in found if finding.rule == "R002")
        assert json.loads(Path(lost.replay).read_text())["options"]["precise"] is True
        again = replay(target, read_failure(Path(lost.replay))).result
    finally:
        target.close()
    assert [finding.fingerprint for finding in again.findings] == [lost.fingerprint]


# The rewriter as the oracle.

CLASSES = """
class Node:
    shared = 1
    __slots__ = ("slot", "__dict__")
    def __init__(self, child):
        self.a, self.slot, self.child = 1, 2, child
        self.items, self.names = [1, 2], {"k": 1, "l": [1]}
    def get(self):
        return self
"""
STATEMENTS = (
    "n.a += 1",
    "n.a = n.a + n.slot",
    "x = n.a",
    "n.items.append(4)",
    "n.items[0] += n.a",
    "n.names['k'] = n.names['k'] + 1",
    "n.names['l'].append(2)",
    "n.child.b = n.items",
    "n.get().a += 1",
    "n.get().child.items[-1] = 3",
    "n.b = 1; del n.b",
    "n.names['q'] = 1; del n.names['q']",
    "for i in n.items: n.a = i",
    "n.b = [x for x in n.items]",
    "n.a = len(n.items)",
    "n.a = sum(v for v in n.items if v)",
    "n.items[0:1] = [7]; y = n.items[0:2]",
    "Node.shared = 3; n.a = n.shared",
    "setattr(n, 'a', getattr(n, 'a'))",
    "n.items += [3]",
    "n.a, n.slot = n.slot, n.a",
    "n.a = 1 if n.items else n.slot",
    "n.items[0] = n.child.a if n.slot else 2",
    "n.get().slot = n.child.get().get().a",
    "n.names.setdefault('z', []).append(1)",
    "n.a = n.names.get('k', 0)",
    "n.items.sort(key=lambda v: 0)",
    "for i, v in enumerate(n.items): n.slot = v",
    "n.a = f'{n.slot} {n.items!r}'",
    "n.child.names['l'][0] = n.a",
    "n.a = 3 in n.items",
    "n.b = {**n.names}",
    "print(*n.items, end='')",
)


def announced(code: types.CodeType, file: str) -> list[tuple[Any, ...]]:
    """The accesses in ``work`` as a trace has them."""
    module = types.ModuleType("opcodes_program")
    module.__file__ = file

    def run() -> None:
        sys.modules[module.__name__] = module
        try:
            exec(code, module.__dict__)
            module.work(module.Node(module.Node(None)))
        finally:
            del sys.modules[module.__name__]

    trace = record(run, (), Header("program", "explored", "", {}, 0), visible=frozenset()).trace
    found: list[tuple[Any, ...]] = []
    tables = trace.tables
    for event in trace:
        place = tables.locations[event.location] if event.location >= 0 else None
        if place is not None and place.function == "work" and event.operation in (Op.READ, Op.WRITE, Op.ATOMIC):
            # A container made by rewritten code is known by the place where it was made, another one by its type.
            name = re.sub(r" \(.*?\)", "", tables.objects[event.object].name)
            extra: dict[str, Any] = event.extra or {}
            found.append((event.operation, place.line, name, extra.get("pair")))
    return found


@since
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(body=st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=6))
def test_it_sees_what_the_rewriter_sees(body: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    source = CLASSES + "def work(n):\n" + "".join(f"    {line}\n" for line in body)
    by_rewriting = announced(rewrite(source, "/program/rewritten.py").code, "/program/rewritten.py")
    file = "/program/plain.py"
    with opcodes.watching(lambda: _modules(file)) as watched:
        by_instructions = announced(compile(source, file, "exec"), file)
    assert by_instructions == by_rewriting
    assert by_instructions
    assert watched.unfollowed == {}


def _modules(file: str) -> list[tuple[str, dict[str, Any]]]:
    module = sys.modules.get("opcodes_program")
    return [] if module is None else [("opcodes_program", vars(module))]


KEEPS = """
CODE = '''
import weakref

class Box:
    pass

def add(seen):
    box = Box()
    box.inner = Box()
    box.inner.value = [1]
    gone = weakref.ref(box.inner)
    box.inner.value.append(2)
    try:
        box.inner.value[5].x
    except IndexError:
        pass
    box.inner = None
    seen.append(gone() is None)
    other = weakref.ref(box)
    del box
    seen.append(other() is None)
'''

def main():
    names = {}
    exec(CODE, names)
    seen = []
    names["add"](seen)
    assert seen == [True, True], seen

main()
"""


@since
def test_objects_live_no_longer_than_they_would(tmp_path: Path) -> None:
    path = tmp_path / "keeps.py"
    path.write_text(KEEPS)
    result = checked(path, precise=True)
    assert result.findings == []


LOST = """
CODE = '''
class Box:
    pass

def add(stack):
    stack.pop().value = 1
'''

def main():
    names = {}
    exec(CODE, names)
    box = names["Box"]
    names["add"]([box()])

main()
"""


@since
def test_what_cannot_be_followed_is_said(tmp_path: Path) -> None:
    path = tmp_path / "lost.py"
    path.write_text(LOST)
    (limit,) = checked(path, precise=True).limits
    assert ".value of an object" in limit
    assert "in add (<string>:6)" in limit


@since
def test_other_tools_have_all_the_places() -> None:
    monitoring: Any = getattr(sys, "monitoring")  # noqa: B009 - 3.11 has none
    free = [tool for tool in range(6) if monitoring.get_tool(tool) is None]
    for tool in free:
        monitoring.use_tool_id(tool, "another")
    try:
        with pytest.raises(RuntimeError, match="all are in use"), opcodes.watching(list):
            pass
    finally:
        for tool in free:
            monitoring.free_tool_id(tool)


def test_an_older_interpreter_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opcodes, "SINCE", (9, 0))
    with pytest.raises(ValueError, match=r"needs Python 3\.12 or later, this is 3\."):
        Options(precise=True)
    with pytest.raises(RuntimeError, match=r"needs Python 3\.12"), opcodes.watching(list):
        pass


def test_it_contradicts_no_races(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opcodes, "SINCE", (3, 0))
    with pytest.raises(ValueError, match="--no-races"):
        Options(precise=True, races=False)


@pytest.mark.skipif(sys.version_info >= opcodes.SINCE, reason="this interpreter can do it")
def test_the_command_line_says_what_to_do(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from weft.cli_check import check as command

    path = program(tmp_path, "exec", locked=True)
    answer = CliRunner().invoke(command, ["--precise", str(path)])
    assert answer.exit_code == 2
    assert "needs Python 3.12 or later" in answer.output
    assert len(answer.output.strip().splitlines()) == 1
