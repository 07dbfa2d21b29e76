"""Targets: every way to write one, every way to get it wrong, and the same fresh state in every execution."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from weft.simcore.target import Target, TargetError, check_parameters, parse_target

Write = Callable[[str, str], Path]
Ran = Callable[..., list[Any]]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test runs in a folder of its own, and what it imports is forgotten."""
    monkeypatch.chdir(tmp_path)
    path, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
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
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A list that programs append to with ``import sys; sys.seen.append(...)``."""
    found: list[Any] = []
    monkeypatch.setattr(sys, "seen", found, raising=False)
    return found


def run(text: str, times: int = 1, argv: tuple[str, ...] = (), **parameters: Any) -> None:
    target = parse_target(text, argv)
    target.prepare()
    try:
        for _ in range(times):
            target.run(parameters)
    finally:
        target.close()


def refused(text: str, **parameters: Any) -> str:
    with pytest.raises(TargetError) as caught:
        run(text, **parameters)
    return str(caught.value)


# What a target can be.


def test_a_script_runs_as_main(write: Write, seen: list[Any]) -> None:
    path = write("prog.py", "import sys\nsys.seen.append((__name__, __file__, sys.argv))\n")
    run("prog.py", argv=("--fast", "x"))
    assert seen == [("__main__", str(path), [str(path), "--fast", "x"])]


def test_what_a_script_changes_of_ours_is_put_back(write: Write, seen: list[Any]) -> None:
    write("prog.py", "import sys\nsys.seen.append(sys.modules['__main__'].__file__)\nsys.argv = ['other']\n")
    main, argv = sys.modules["__main__"], sys.argv
    run("prog.py")
    assert seen
    assert sys.modules["__main__"] is main
    assert sys.argv is argv


def test_a_function_in_a_file(write: Write, seen: list[Any]) -> None:
    write("prog.py", "import sys\n\n\ndef main(size=1, *, speed=2):\n    sys.seen.append((__name__, size, speed))\n")
    run("prog.py:main")
    run("prog.py:main", size=5, speed=6)
    assert seen == [("prog", 1, 2), ("prog", 5, 6)]


def test_a_method_without_parameters(write: Write, seen: list[Any]) -> None:
    write(
        "prog.py", "import sys\n\n\nclass Shop:\n    @staticmethod\n    def open():\n        sys.seen.append('open')\n"
    )
    run("prog.py:Shop.open")
    assert seen == ["open"]


def test_a_file_elsewhere(write: Write, seen: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("sub/prog.py", "import sys\nimport beside\nsys.seen.append(beside.here)\n")
    write("sub/beside.py", "here = True\n")
    run("sub/prog.py")
    monkeypatch.chdir("/")
    run(str(tmp_path / "sub" / "prog.py"))
    assert seen == [True, True]


def test_a_function_of_a_module(write: Write, seen: list[Any]) -> None:
    write("shop/__init__.py", "")
    write("shop/till.py", "import sys\n\n\ndef main():\n    sys.seen.append((__name__, __package__))\n")
    run("shop.till:main")
    assert seen == [("shop.till", "shop")]


def test_a_package_as_python_dash_m_runs_it(write: Write, seen: list[Any]) -> None:
    write("shop/__init__.py", "")
    write("shop/goods.py", "count = 3\n")
    write(
        "shop/__main__.py",
        "import sys\nfrom . import goods\nsys.seen.append((__name__, __package__, goods.count, sys.argv[1:]))\n",
    )
    run("-m shop", argv=("a",))
    assert seen == [("__main__", "shop", 3, ["a"])]


def test_a_module_as_python_dash_m_runs_it(write: Write, seen: list[Any]) -> None:
    write("shop/__init__.py", "")
    write("shop/till.py", "import sys\nsys.seen.append((__name__, __package__))\n")
    run("-m shop.till")
    assert seen == [("__main__", "shop")]


# What is no target.

BAD: dict[str, tuple[dict[str, str], str, tuple[str, ...]]] = {
    "missing file": ({}, "gone.py", ("no such file: ", "gone.py")),
    "missing file with function": ({}, "gone.py:main", ("no such file: ", "gone.py")),
    "folder": ({"lib.py/x.py": ""}, "lib.py", ("cannot read", "lib.py", "directory")),
    "syntax error": (
        {"prog.py": "x = 1\ndef f(:\n"},
        "prog.py",
        ("syntax error in ", "prog.py:2: ", "def f(:"),
    ),
    "syntax error in a module": ({"prog.py": "x = (\n"}, "prog:main", ("syntax error in ", "prog.py:1")),
    "null byte": ({"prog.py": "x = 1\0\n"}, "prog.py", ("prog.py",)),
    "near name": (
        {"prog.py": "def produce(): pass\n"},
        "prog.py:produse",
        ("no function 'produse' in ", "did you mean 'produce'?"),
    ),
    "names there are": (
        {"prog.py": "from os.path import join\ndef b(): pass\ndef a(): pass\n"},
        "prog.py:xyzzy",
        ("no function 'xyzzy'", "it has: a, b"),
    ),
    "no functions": ({"prog.py": ""}, "prog.py:main", ("no function 'main'", "it has: no functions")),
    "not callable": ({"prog.py": "main = 3\n"}, "prog.py:main", ("'main' in ", "is a int, not a function")),
    "required": (
        {"prog.py": "def main(size, *, speed, last=1): pass\n"},
        "prog.py:main",
        ("main() needs size, speed", "--set size=VALUE --set speed=VALUE"),
    ),
    "module missing": ({}, "nowhere:main", ("no module named 'nowhere'", "run from the folder it is in")),
    "submodule missing": (
        {"shop/__init__.py": ""},
        "shop.till:main",
        ("no module named 'shop.till'", "run from the folder it is in"),
    ),
    "parent missing": ({}, "nowhere.till:main", ("no module named 'nowhere.till'",)),
    "no __main__": (
        {"shop/__init__.py": ""},
        "-m shop",
        ("the package 'shop' has no __main__.py", "name a function: shop:function"),
    ),
    "nothing after the colon": ({"prog.py": ""}, "prog.py:", ("'prog.py:' names no function after the colon",)),
    "just a word": ({}, "prog", ("'prog' is not a target", "write path.py, path.py:function")),
    "not a module name": ({}, "a-b:main", ("'a-b' must be a module",)),
    "not a function name": ({}, "shop:ma in", ("'ma in' a function",)),
    "empty": ({}, "", ("'' is not a target",)),
    "a module of C": ({}, "_thread:allocate_lock", ("the module '_thread' has no Python source to run",)),
}


@pytest.mark.parametrize(("files", "text", "says"), BAD.values(), ids=BAD)
def test_a_bad_target_is_refused_with_a_reason(
    write: Write, files: dict[str, str], text: str, says: tuple[str, ...]
) -> None:
    for name, source in files.items():
        write(name, source)
    message = refused(text)
    assert all(part in message for part in says), message


def test_a_parameter_it_does_not_take(write: Write) -> None:
    write("prog.py", "def main(size=1): pass\n")
    assert "it takes size" in refused("prog.py:main", sise=2)
    assert "'sise'" in refused("prog.py:main", sise=2)


def test_a_script_takes_no_parameters(write: Write) -> None:
    write("prog.py", "")
    assert "no parameters" in refused("prog.py", size=2)


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "prog.py").write_bytes(b"x = '\xff'\n")
    assert "prog.py" in refused("prog.py")


def test_any_keyword_is_fine_for_a_function_that_takes_any() -> None:
    check_parameters("main", lambda **rest: rest, {"size": 1})
    with pytest.raises(TargetError, match=r"main\(\) needs size"):
        check_parameters("main", lambda size, **rest: (size, rest), {"speed": 1})


# The same state in every execution.

COUNTS = "import sys\n\ncount = []\n\n\ndef main():\n    count.append(1)\n    sys.seen.append(len(count))\n"


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"prog.py": COUNTS + "\n\nmain()\n"}, "prog.py"),
        ({"prog.py": COUNTS}, "prog.py:main"),
        ({"prog.py": COUNTS}, "prog:main"),
        ({"prog.py": "from beside import main\n", "beside.py": COUNTS}, "prog.py:main"),
        (
            {"prog.py": "import pack.deep\npack.deep.main()\n", "pack/__init__.py": "", "pack/deep.py": COUNTS},
            "prog.py",
        ),
        ({"shop/__init__.py": COUNTS}, "shop:main"),
        (
            {"shop/__init__.py": "", "shop/state.py": COUNTS, "shop/till.py": "from .state import main\n"},
            "shop.till:main",
        ),
        ({"shop/__init__.py": COUNTS, "shop/__main__.py": "from . import main\nmain()\n"}, "-m shop"),
        (
            {
                "shop/__init__.py": "",
                "shop/state.py": COUNTS,
                "shop/front/__init__.py": "",
                "shop/front/till.py": "from ..state import main\n",
            },
            "shop.front.till:main",
        ),
        ({"shop/__init__.py": COUNTS, "shop/till.py": "from . import main\n"}, "shop.till:main"),
        ({"prog.py": "def main():\n    import beside\n    beside.main()\n", "beside.py": COUNTS}, "prog.py:main"),
    ],
    ids=[
        "script",
        "function",
        "module",
        "sibling",
        "package beside",
        "package itself",
        "sibling in a package",
        "-m",
        "parent package",
        "__init__ of the package",
        "imported inside",
    ],
)
def test_modules_of_the_program_are_fresh_in_every_execution(
    write: Write, seen: list[Any], files: dict[str, str], text: str
) -> None:
    for name, source in files.items():
        write(name, source)
    run(text, times=3)
    assert seen == [1, 1, 1]


def test_modules_that_are_not_the_programs_stay_as_they_are(write: Write, seen: list[Any]) -> None:
    write("prog.py", "import sys, json, weft.models.dining as d\nsys.seen.append((id(json), id(d)))\n")
    run("prog.py", times=2)
    assert seen[0] == seen[1]


def test_weft_itself_is_not_executed_again_for_one_of_its_models(seen: list[Any]) -> None:
    import weft.simcore.world as before

    run("weft.models.dining:ordered", times=2, philosophers=2)
    import weft.simcore.world as after

    assert before is after


def test_the_source_is_read_once(write: Write, seen: list[Any]) -> None:
    """A program that changes on disk while it is explored stays the program that was read."""
    path = write("prog.py", "import sys\nimport beside\nsys.seen.append(beside.value)\n")
    beside = write("beside.py", "value = 1\n")
    target = parse_target("prog.py")
    target.prepare()
    try:
        target.run({})
        path.write_text("raise SystemError\n")
        beside.write_text("value = 2\n")
        target.run({})
    finally:
        target.close()
    assert seen == [1, 1]


def test_after_close_nothing_of_it_is_left(write: Write) -> None:
    write("prog.py", "import beside\n")
    write("beside.py", "")
    finders, modules = sys.meta_path[:], set(sys.modules)
    run("prog.py")
    assert sys.meta_path == finders
    assert set(sys.modules) == modules


def test_tracebacks_name_the_programs_files_and_lines(write: Write) -> None:
    write("prog.py", "import beside\n\n\ndef main():\n    beside.fail()\n")
    write("beside.py", "def fail():\n    raise KeyError('x')\n")
    with pytest.raises(KeyError) as caught:
        run("prog.py:main")
    frames = [(Path(row.filename).name, row.lineno, row.line) for row in traceback.extract_tb(caught.tb)]
    assert frames[-2:] == [("prog.py", 5, "beside.fail()"), ("beside.py", 2, "raise KeyError('x')")]


def test_names_are_the_variables_of_the_programs_modules(write: Write, seen: list[Any]) -> None:
    write("prog.py", "import beside\n\n\ndef main():\n    pass\n")
    write("beside.py", "lock = 'a lock'\n")
    target: Target = parse_target("prog.py:main")
    target.prepare()
    try:
        target.run({})
        found = dict(target.names())
    finally:
        target.close()
    assert found["beside"]["lock"] == "a lock"
    assert "main" in found["prog"]


def test_a_syntax_error_in_an_imported_module_is_the_targets_error(write: Write) -> None:
    write("prog.py", "import beside\n")
    write("beside.py", "def f(:\n")
    message = refused("prog.py")
    assert "syntax error in " in message
    assert "beside.py:1" in message


def test_two_modules_that_import_each_other(write: Write, seen: list[Any]) -> None:
    write("prog.py", "import one\nimport sys\nsys.seen.append(one.two.one is one)\n")
    write("one.py", "import two\n")
    write("two.py", "import one\n")
    run("prog.py", times=2)
    assert seen == [True, True]
