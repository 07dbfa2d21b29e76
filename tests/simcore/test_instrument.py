"""Which modules of a target are rewritten: its own, those named by pattern, and never what weft runs on."""

from __future__ import annotations

import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from weft.simcore import hooks
from weft.simcore.target import Instrument, Target, TargetError, parse_target

Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    path, modules = sys.path[:], dict(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, source: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return path

    return write


@pytest.fixture
def accesses() -> Iterator[list[tuple[str, str]]]:
    """(module file name, attribute) of every attribute that rewritten code reads."""
    found: list[tuple[str, str]] = []

    def read(obj: Any, site: int) -> Any:
        where = hooks.SITES[site]
        found.append((Path(where.file).name, where.name))
        return obj

    hooks.install({"__weft_read__": read})
    yield found
    hooks.uninstall()


@pytest.fixture
def prepared() -> Iterator[Callable[..., Target]]:
    targets: list[Target] = []

    def prepare(text: str, *patterns: str, **options: Any) -> Target:
        target = parse_target(text)
        target.prepare(Instrument(patterns, **options))
        targets.append(target)
        return target

    yield prepare
    for target in targets:
        target.close()


Prepared = Callable[..., Target]
Accesses = list[tuple[str, str]]
PROGRAM = "import beside\n\n\nclass Box:\n    value = 1\n\n\ndef main():\n    print(Box().value, beside.box.content)\n"
BESIDE = "class Box:\n    content = 2\n\n\nbox = Box()\n\n\nasync def later(): pass\n"


@pytest.mark.parametrize("text", ["prog.py:main", "prog:main", "run.py", "-m run"])
def test_the_programs_own_modules_are_rewritten(
    write: Write, prepared: Prepared, accesses: Accesses, text: str
) -> None:
    write("prog.py", PROGRAM)
    write("beside.py", BESIDE)
    write("run.py", "import prog\nprog.main()\n")
    target = prepared(text)
    target.run({})
    target.run({})
    assert accesses == [("prog.py", "value"), ("prog.py", "box"), ("prog.py", "content")] * 2
    assert {"prog", "beside"} <= set(target.instrumented())
    assert [each.partition(" (")[0] for each in target.not_seen()] == ["async def later"]


def test_without_instrument_nothing_is_rewritten(write: Write, accesses: Accesses) -> None:
    write("prog.py", PROGRAM)
    write("beside.py", BESIDE)
    target = parse_target("prog.py:main")
    target.prepare()
    target.run({})
    assert target.instrumented() == []
    target.close()
    assert accesses == []


def test_own_modules_can_be_left_alone(write: Write, prepared: Prepared, accesses: Accesses) -> None:
    write("prog.py", PROGRAM)
    write("beside.py", BESIDE)
    target = prepared("prog.py:main", "beside", own=False)
    target.run({})
    assert target.instrumented() == ["beside"]
    assert accesses == []


def test_a_library_module_imported_before_is_executed_again_and_put_back(
    write: Write, prepared: Prepared, accesses: Accesses
) -> None:
    write("prog.py", "import tempfile\n\n\ndef main():\n    next(tempfile._get_candidate_names())\n")
    names, factory = dict(vars(tempfile)), tempfile._get_candidate_names
    target = prepared("prog.py:main", "tempfile")
    target.run({})
    assert sys.modules["tempfile"] is tempfile
    assert tempfile._get_candidate_names is not factory
    assert ("tempfile.py", "_rng") in accesses
    first = len(accesses)
    target.run({})
    assert len(accesses) == 2 * first, "every execution starts with a fresh module"
    target.close()
    assert vars(tempfile) == names
    assert sys.modules["tempfile"] is tempfile


def test_several_modules_in_one_pattern(write: Write, prepared: Prepared) -> None:
    write("prog.py", "import functools\n\n\ndef main():\n    functools.reduce(max, [1, 2])\n")
    before = weakref.WeakSet
    target = prepared("prog.py:main", "functools, weakref", "tempfile")
    target.run({})
    assert {"functools", "weakref", "tempfile"} <= set(target.instrumented())
    target.close()
    assert weakref.WeakSet is before


def test_an_installed_package_with_all_in_it(
    write: Write, prepared: Prepared, accesses: Accesses, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "site-packages"
    write("site-packages/shop/__init__.py", "from .deep.till import Till\n")
    write("site-packages/shop/deep/__init__.py", "")
    write("site-packages/shop/deep/till.py", "class Till:\n    money = 3\n\n    def count(self): return self.money\n")
    write("prog.py", "import shop\n\n\ndef main():\n    shop.Till().count()\n")
    sys.path.append(str(elsewhere))
    prepared("prog.py:main").run({})
    assert accesses == []
    target = prepared("prog.py:main", "shop")
    target.run({})
    assert accesses == [("till.py", "money")]
    assert target.instrumented() == ["prog", "shop", "shop.deep", "shop.deep.till"]


def test_a_package_imported_before_keeps_its_modules(write: Write, prepared: Prepared, tmp_path: Path) -> None:
    write("site-packages/shop/__init__.py", "from .till import Till\n")
    write("site-packages/shop/till.py", "class Till:\n    pass\n")
    write("prog.py", "import shop.till\n\n\ndef main():\n    assert shop.Till is shop.till.Till\n")
    sys.path.append(str(tmp_path / "site-packages"))
    import shop.till  # pyright: ignore[reportMissingImports]

    before = sys.modules["shop"], sys.modules["shop.till"], shop.Till
    target = prepared("prog.py:main", "shop")
    target.run({})
    assert (sys.modules["shop"], sys.modules["shop.till"]) == before[:2]
    assert shop.Till is not before[2]
    target.close()
    assert (sys.modules["shop"], sys.modules["shop.till"], shop.Till) == before


def test_wildcards(write: Write, prepared: Prepared) -> None:
    write("site-packages/shop/__init__.py", "from . import till\n")
    write("site-packages/shop/till.py", "")
    write("prog.py", "import shop\n\n\ndef main():\n    pass\n")
    sys.path.append(str(Path("site-packages").resolve()))
    target = prepared("prog.py:main", "shop.*")
    target.run({})
    assert target.instrumented() == ["prog", "shop.till"]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("functols", "did you mean 'functools'?"),
        ("json.decodr", "did you mean 'json.decoder'?"),
        ("jsn.decoder", "did you mean 'json.decoder'?"),
        ("nowhere_at_all", "install it"),
        ("json.zzz*", "nothing to instrument is called 'json.zzz*'"),
        ("nowhere_at_all.*", "nothing to instrument"),
        ("math", "it has no Python source"),
        ("threading", "weft's own run time stands on 'threading'"),
        ("queue", "stands on 'queue'"),
        ("concurrent.futures.thread", "stands on 'concurrent'"),
        ("weft.simcore", "stands on 'weft'"),
        ("functools,greenlet", "stands on 'greenlet'"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(write: Write, pattern: str, says: str) -> None:
    write("prog.py", "")
    target = parse_target("prog.py")
    finders = sys.meta_path[:]
    with pytest.raises(TargetError) as caught:
        target.prepare(Instrument((pattern,)))
    assert says in str(caught.value)
    assert sys.meta_path == finders


def test_syntax_errors_keep_their_messages(write: Write) -> None:
    write("prog.py", "import beside\n")
    write("beside.py", "x = 1\nreturn\n")
    messages: list[str] = []
    for instrument in (None, Instrument()):
        target = parse_target("prog.py")
        target.prepare(instrument)
        with pytest.raises(TargetError) as caught:
            target.run({})
        messages.append(str(caught.value))
        target.close()
        write("prog2.py", "def f(:\n")
        with pytest.raises(TargetError) as caught:
            parse_target("prog2.py").prepare(instrument)
        messages.append(str(caught.value))
    assert messages[:2] == messages[2:]
    assert "beside.py:2: 'return' outside function: return" in messages[0]


def test_a_module_without_source_is_named(write: Write, prepared: Prepared, tmp_path: Path) -> None:
    import py_compile

    py_compile.compile(str(write("compiled.py", "x = 1\n")), cfile=str(tmp_path / "compiled.pyc"))
    (tmp_path / "compiled.py").unlink()
    write("prog.py", "import compiled\n")
    target = prepared("prog.py")
    target.run({})
    assert any("module compiled has no Python source" in each for each in target.not_seen())


def test_rewritten_code_is_kept_in_a_folder(write: Write, prepared: Prepared, tmp_path: Path) -> None:
    write("prog.py", PROGRAM)
    write("beside.py", BESIDE)
    prepared("prog.py:main", folder=tmp_path / "kept").run({})
    assert len(list((tmp_path / "kept").glob("*.code"))) == 2
