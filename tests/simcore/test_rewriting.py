"""Which accesses rewritten code reports, in which order, and what the site of each says."""

from __future__ import annotations

import contextlib
import textwrap
from pathlib import Path
from typing import Any

import pytest

from weft.simcore import hooks
from weft.simcore.hooks import Site
from weft.simcore.rewriting import rewrite

from .rewriting_kit import Row, accesses, installed, recording, rewritten

SETUP = """
class Box:
    def __init__(self, **values): self.__dict__.update(values)
def call(value): return value
box = Box(a=1, b=2, inner=Box(a=3), items=[1, 2, 3], table={'k': 1, 'l': 2}, flag=False)
items = [1, 2, 3]
table = {'k': 1, 'l': 2}
"""

R, W, D = "attribute", "attribute write", "attribute delete"
ITEMS, TABLE = (R, "items", "box"), (R, "table", "box")

CASES: dict[str, list[Row]] = {
    # Attributes.
    "box.a": [(R, "a", "box")],
    "box.inner.a": [(R, "inner", "box"), (R, "a", "box.inner")],
    "box.a = 2": [(W, "a", "box")],
    "box.inner.a = box.b": [(R, "b", "box"), (R, "inner", "box"), (W, "a", "box.inner")],
    "del box.a": [(D, "a", "box")],
    "box.a += 1": [(R, "a", "box"), (W, "a", "box")],
    "box.inner.a += box.b": [(R, "inner", "box"), (R, "a", "box.inner"), (R, "b", "box"), (W, "a", "box.inner")],
    "call(box).a += 1": [(R, "a", "call(box)"), (W, "a", "call(box)")],
    "box.a = box.a + 1": [(R, "a", "box"), (W, "a", "box")],
    "box.a: int = 3": [(W, "a", "box")],
    "box.a = box.b = 3": [(W, "a", "box"), (W, "b", "box")],
    "box.a, box.b = box.b, box.a": [(R, "b", "box"), (R, "a", "box"), (W, "a", "box"), (W, "b", "box")],
    "for box.a in (1, 2): pass": [(W, "a", "box")] * 2,
    "[0 for box.a in (1, 2)]": [(W, "a", "box")] * 2,
    "with open('/dev/null') as box.file: pass": [(W, "file", "box")],
    "box.__class__": [],
    "import sys; sys.path": [],
    "import sys; sys.maxsize": [],
    "box.__dict__": [("dynamic", "__dict__", "box")],
    "vars(box)": [("dynamic", "__dict__", "box")],
    # Items.
    "items[0]": [("item", "0", "items")],
    "items[-1]": [("item", "-1", "items")],
    "k = 'k'; table[k]": [("item", "'k'", "table")],
    "table[call('k')]": [("item", "'k'", "table")],
    "box.table['k']": [TABLE, ("item", "'k'", "box.table")],
    "box.table[call('k')]": [TABLE, ("item", "'k'", "box.table")],
    "box.items[box.a]": [ITEMS, (R, "a", "box"), ("item", "1", "box.items")],
    "items[0] = 5": [("item write", "0", "items")],
    "box.table[call('n')] = box.a": [(R, "a", "box"), TABLE, ("item write", "'n'", "box.table")],
    "del table['k']": [("item delete", "'k'", "table")],
    "table['k'] += 1": [("item", "'k'", "table"), ("item write", "'k'", "table")],
    "box.table[call('k')] += 1": [TABLE, ("item", "'k'", "box.table"), ("item write", "'k'", "box.table")],
    "items[1:2]": [("whole", "items")],
    "items[1:2] = []": [("whole write", "items")],
    "del items[1:]": [("whole delete", "items")],
    "items[1:2] += [9]": [("whole write", "items")],
    "'k' in table": [("item", "in", "table")],
    "call('k') in box.table": [TABLE, ("item", "in", "box.table")],
    "1 not in items": [("item", "in", "items")],
    "1 in (1, 2)": [],
    "1 in [1, 2]": [],
    "[table[key] for key in ('k',)]": [("item", "'k'", "table")],
    "[table[call(key)] for key in ('k',)]": [("item", "'k'", "table")],
    "[box.table[call(key)] for key in ('k',)]": [TABLE, ("item", "'k'", "box.table")],
    "[n for n in box.table[call('k')] or ()] if 0 else 0": [],
    "(lambda: box.table[call('k')])()": [TABLE, ("item", "'k'", "box.table")],
    # Methods.
    "items.append(4)": [("method", "append", "4", "items")],
    "box.items.append(4)": [ITEMS, ("method", "append", "4", "box.items")],
    "box.items.append(call(4))": [ITEMS, ("method", "append", "4", "box.items")],
    "box.items.append(box.a)": [ITEMS, (R, "a", "box"), ("method", "append", "1", "box.items")],
    "table.get('k', 0)": [("method", "get", "'k'", "table")],
    "table.get(call('k'), call(0))": [("method", "get", "'k'", "table")],
    "box.table.setdefault(call('z'), box.a)": [TABLE, (R, "a", "box"), ("method", "setdefault", "'z'", "box.table")],
    "box.table.setdefault(box.a, call(call(1)))": [
        TABLE,
        (R, "a", "box"),
        ("method", "setdefault", "1", "box.table"),
    ],
    "table.update(z=call(1))": [("method", "update", "NOKEY", "table")],
    "table.update(**call({'z': 1}))": [("method", "update", "NOKEY", "table")],
    "items.pop()": [("method", "pop", "NOKEY", "items")],
    "items.sort(key=call)": [("method", "sort", "NOKEY", "items")],
    "items.extend([4])": [("method", "extend", "[4]", "items")],
    "[items.append(call(n)) for n in (1, 2)]": [
        ("method", "append", "1", "items"),
        ("method", "append", "2", "items"),
    ],
    "'a b'.split()": [],
    "''.join(())": [],
    "box.callback = call; box.callback(1)": [(W, "callback", "box"), (R, "callback", "box")],
    "box.inner.__str__()": [(R, "inner", "box")],
    # Whole containers.
    "len(items)": [("whole", "items")],
    "len(box.items)": [ITEMS, ("whole", "box.items")],
    "len('abc')": [],
    "sorted(items, key=call)": [("whole", "items")],
    "max(1, 2)": [],
    "max(items)": [("whole", "items")],
    "list(items)": [("whole", "items")],
    "f'{items}'": [("whole", "items")],
    "call(*items[:1])": [("whole", "items")],
    "a, b, c = items": [("whole", "items")],
    "a, *b = box.items": [ITEMS, ("whole", "box.items")],
    "[*items]": [("whole", "items")],
    "{**table}": [("whole", "table")],
    "items == table": [("whole", "items"), ("whole", "table")],
    "if not items: pass": [("whole", "items")],
    "while box.flag: pass": [(R, "flag", "box"), ("whole", "box.flag")],
    "items and table": [("whole", "items")],
    "1 if items else 2": [("whole", "items")],
    "assert items": [("whole", "items")],
    "count = 0\nif count: pass": [],
    "total = 0\nfor n in range(3): total += n\nif total: pass": [],
    "same = items; same += [4]": [("inplace", "", "NOKEY", "same")],
    "box.items += [4]": [ITEMS, ("inplace", "", "NOKEY", "box.items"), (W, "items", "box")],
    # Iteration: one access a step, the last one included.
    "for n in items: pass": [("iteration", "items")] * 4,
    "for n in box.items: break": [ITEMS, ("iteration", "box.items")],
    "for i, n in enumerate(items): pass": [("iteration", "items")] * 4,
    "[n for n in items]": [("iteration", "items")] * 4,
    "[n for m in (1,) for n in items]": [("iteration", "items")] * 4,
    "for n in range(3): pass": [],
    "for n in (1, 2): pass": [],
    "for n in [1, 2]: pass": [],
    "for k in table.copy(): pass": [("method", "copy", "NOKEY", "table"), *[("iteration", "table.copy()")] * 3],
    "def generate():\n    yield from items\nfor n in generate(): pass": [("iteration", "items")] * 4,
    # By name.
    "getattr(box, 'a')": [("dynamic", "a", "box")],
    "hasattr(box, 'z')": [("dynamic", "z", "box")],
    "getattr(box, call('a'))": [("dynamic", "", "'a'", "box")],
    "getattr(box.inner, call('z'), call(0))": [(R, "inner", "box"), ("dynamic", "", "'z'", "box.inner")],
    "setattr(box, 'a', box.b)": [(R, "b", "box"), ("dynamic", "a", "'a'", "box")],
    "setattr(box.inner, call('a'), box.b)": [(R, "inner", "box"), (R, "b", "box"), ("dynamic", "", "'a'", "box.inner")],
    "setattr(box, 'a', 1)": [("dynamic write", "a", "box")],
    "delattr(box, 'a')": [("dynamic delete", "a", "box")],
    "getattr = lambda *_: 0; getattr(box, 'a')": [],
    # What is not shared memory.
    "a = 1; b = a + 1; c = [a, b]; c": [],
    "x = call; x(1)": [],
    "def inner(a, b=2): return a + b\ninner(1)": [],
}


@pytest.mark.parametrize("source", CASES)
def test_the_accesses_of_a_snippet(source: str) -> None:
    assert accesses(source, SETUP) == CASES[source]


GLOBALS: dict[str, tuple[str, list[Row]]] = {
    "stored in a function": (
        "count = 0\ndef change():\n    global count\n    count += 1\nchange()\nprint(count)",
        [("global write", "count"), ("global", "count"), ("global write", "count"), ("global", "count")],
    ),
    "stored twice": (
        "flag = False\ndef look(): return flag\nflag = True\nlook()",
        [("global write", "flag"), ("global write", "flag"), ("global", "flag")],
    ),
    "stored once": ("flag = True\ndef look(): return flag\nlook()", []),
    "not used in functions": ("n = 0\nn = n + 1", []),
    "in a loop": (
        "def look(): return n\nfor n in (1, 2): pass\nlook()",
        [*[("global write", "n")] * 2, ("global", "n")],
    ),
    "defined twice": ("def f(): pass\ndef f(): return f\nf()", []),
    "deleted": (
        "def drop():\n    global n\n    del n\nn = 1\ndrop()",
        [("global write", "n"), ("global delete", "n")],
    ),
    "a local of the same name": (
        "n = 1\nn = 2\ndef other(n): return n\ndef look(): return n\nother(3)",
        [("global write", "n")] * 2,
    ),
    "in a tuple": (
        "def swap():\n    global a, b\n    a, b = b, a\na = 1\nb = 2\nswap()",
        [
            ("global write", "a"),
            ("global write", "b"),
            ("global", "b"),
            ("global", "a"),
            ("global write", "a"),
            ("global write", "b"),
        ],
    ),
    "walrus": (
        "def change():\n    global n\n    return (n := 1)\nchange()",
        [("global write", "n")],
    ),
    "closure": (
        "def outer():\n    n = 0\n    def inner():\n        nonlocal n\n        n += 1\n    inner()\n    return n\nouter()",
        [("cell write", "n"), ("cell", "n"), ("cell write", "n"), ("cell", "n")],
    ),
    "closure only read": ("def outer():\n    n = 0\n    def inner(): return n\n    return inner()\nouter()", []),
    "closure of a parameter": (
        "def outer(n):\n    def inner():\n        nonlocal n\n        n = 2\n    inner()\n    return n\nouter(1)",
        [("cell write", "n"), ("cell", "n")],
    ),
}


@pytest.mark.parametrize("name", GLOBALS)
def test_variables_that_threads_could_share(name: str) -> None:
    source, expected = GLOBALS[name]
    log: list[Row] = []
    with installed(recording(log)):
        exec(rewritten(source.replace("print", "(lambda _: 0)"), "<globals>").code, {})
    # The text of a variable is its name once more.
    assert [row[:2] for row in log if row[0] != "new write"] == expected


def sites_of(source: str) -> list[Site]:
    return list(rewrite(textwrap.dedent(source), f"<sites {hash(source)}>").sites)


def found(sites: list[Site], kind: str, does: str) -> Site:
    (site,) = [each for each in sites if (each.kind, each.does) == (kind, does)]
    return site


@pytest.mark.parametrize(
    "source",
    [
        "def f(box): box.n += 1",
        "def f(box): box.n = box.n + 1",
        "def f(box): box.n = max(3, box.n)",
        "box.n += 1",
        "class A:\n    box.n += 1",
        "def f(box): box.inner().n += 1",
    ],
)
def test_a_write_names_the_read_that_it_depends_on(source: str) -> None:
    sites = sites_of(source)
    assert found(sites, "attribute", "write").pair == found(sites, "attribute", "read").number


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def f(d, k): d[k] += 1", "item"),
        ("def f(d, k): d[k()] += 1", "item"),
        ("def f(d, k): d[k] = d[k] + 1", "item"),
        ("n = 0\ndef f():\n    global n\n    n += 1", "global"),
        ("n = 0\ndef f():\n    global n\n    n = n + 1", "global"),
        ("def g(n):\n    def f():\n        nonlocal n\n        n += 1", "cell"),
    ],
)
def test_other_writes_name_their_read_too(source: str, kind: str) -> None:
    sites = sites_of(source)
    written = [each for each in sites if each.kind == kind and each.does == "write"][-1]
    read = found(sites, kind, "read")
    assert written.pair == read.number


def test_a_read_through_get_is_the_pair_of_an_item() -> None:
    sites = sites_of("def f(d, k): d[k] = d.get(k, 0) + 1")
    assert found(sites, "item", "write").pair == found(sites, "method", "read").number


@pytest.mark.parametrize(
    "source", ["def f(box): box.n = box.m + 1", "def f(box): box.n = lambda: box.n", "def f(box): box.n = other.n"]
)
def test_other_reads_are_no_pair(source: str) -> None:
    assert found(sites_of(source), "attribute", "write").pair == 0


@pytest.mark.parametrize(
    ("value", "blind"), [("1", True), ("-1", True), ("None", True), ("(1, 'a')", True), ("x", False), ("[]", False)]
)
def test_a_write_of_a_constant_is_blind(value: str, blind: bool) -> None:
    assert found(sites_of(f"def f(box, x): box.n = {value}"), "attribute", "write").blind is blind


def test_a_site_says_where_it_is() -> None:
    source = """\
    class Shop:
        def sell(self):
            def inner():
                return [self.__till.money for _ in range(2)]
            return inner
    """
    sites = [each for each in sites_of(source) if each.kind == "attribute"]
    assert [(each.name, each.text, each.line, each.column, each.function) for each in sites] == [
        ("_Shop__till", "self", 4, 20, "Shop.sell.<locals>.inner"),
        ("money", "self.__till", 4, 20, "Shop.sell.<locals>.inner"),
    ]


def test_numbers_of_sites_are_the_same_every_time_and_differ_between_modules() -> None:
    from weft.simcore.rewriting import _rewrite  # pyright: ignore[reportPrivateUsage]
    from weft.simcore.rewriting.cache import key, number_base

    source = "x.a = y.b"
    first, other = (key(source.encode(), name) for name in ("one.py", "two.py"))
    once, again = (_rewrite(source, "one.py", number_base(first)).sites for _ in range(2))
    assert once == again
    assert {each.number for each in once}.isdisjoint(
        each.number for each in _rewrite(source, "two.py", number_base(other)).sites
    )
    assert all(0 < each.number < 2**63 for each in once)


def test_async_code_is_left_alone_and_said() -> None:
    made = rewrite(
        "class A:\n    async def go(self):\n        self.n += 1\n\n        def inner(): self.n\n\n"
        "def f(xs): return (x.a async for x in xs)\n",
        "later.py",
    )
    assert made.not_seen == ("async def A.go (later.py:2)", "async comprehension in f (later.py:7)")
    assert made.sites == ()


def test_the_same_source_is_rewritten_once() -> None:
    assert rewrite("x.a", "once.py") is rewrite("x.a", "once.py")
    assert rewrite("x.a", "once.py").code is not rewrite("x.a", "twice.py").code


def test_what_is_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import weft.simcore.rewriting as room

    def forgetful(source: str, filename: str) -> Any:
        monkeypatch.setattr(room, "_known", {})
        return rewrite(source, filename, tmp_path)

    source = "async def f(): pass\nx.a = 1"
    first = forgetful(source, "kept.py")
    (file,) = tmp_path.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(room, "_rewrite", None)
        second = forgetful(source, "kept.py")
    assert (second.sites, second.not_seen) == (first.sites, first.not_seen)
    assert second.code == first.code
    good = file.read_bytes()
    for broken in (b"", b"x" * 10, good[:-1], good[:40] + b"\xff" + good[41:]):
        file.write_bytes(broken)
        assert forgetful(source, "kept.py").sites == first.sites
        assert file.read_bytes() == good, "replaced"
    assert forgetful(source + "\n", "kept.py").sites != first.sites
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert rewrite("x.a  # elsewhere", "kept.py", tmp_path / "file" / "folder").sites


@pytest.mark.parametrize("source", ["x = (", "return", "def f():\n    nonlocal x", "f(a=1, a=2)", "x\0"])
def test_syntax_errors_are_those_of_the_compiler(source: str) -> None:
    errors: list[tuple[Any, ...]] = []
    for make in (lambda: compile(source, "wrong.py", "exec"), lambda: rewrite(source, "wrong.py")):
        with pytest.raises((SyntaxError, ValueError)) as caught:
            make()
        errors.append((type(caught.value), *caught.value.args))
    assert errors[0] == errors[1]


def test_an_expression_nested_beyond_reason_runs_unrewritten() -> None:
    deep = ""
    for depth in (1000, 300, 100):
        deep = "x" + ".a" * depth
        with contextlib.suppress(RecursionError):
            compile(deep, "deep.py", "exec")
            break
    made = rewrite(deep, "deep.py")
    assert made.sites or "nested too deeply" in made.not_seen[0]
    assert rewrite("+".join("x" * 500), "wide.py").not_seen == ()


def test_every_site_is_in_the_table() -> None:
    made = rewrite("x.a = y[0]", "table.py")
    assert [hooks.SITES[each.number] for each in made.sites] == list(made.sites)
