"""The program's own files: from what ran to paths seen from the working directory, and from places back to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.simcore.trace import Header, TraceBuilder
from weft.sources import first_place, from_here, merged, path_of, program_files, split_place


class Program:
    """What a target says of itself."""

    def __init__(self, text: str, **modules: Path) -> None:
        self.text = text
        self._modules = modules

    def names(self) -> list[tuple[str, dict[str, Any]]]:
        return [(name, {"__file__": str(path)}) for name, path in self._modules.items()] + [("built_in", {})]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("prog.py", "a/part.py", "b/part.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    return tmp_path


@pytest.mark.parametrize("text", ["prog.py", "prog.py:main"])
def test_the_script_is_a_file_of_the_program(folder: Path, text: str) -> None:
    assert program_files(Program(text), []) == {"prog.py": ["prog.py"]}


def test_files_of_one_name_are_all_kept(folder: Path) -> None:
    program = Program("pack.mod:main", one=folder / "a/part.py", two=folder / "b/part.py", gone=folder / "c.py")
    assert program_files(program, []) == {"part.py": ["a/part.py", "b/part.py"]}


def test_files_that_only_the_trace_knows(folder: Path) -> None:
    builder = TraceBuilder(Header("prog.py", "explored"))
    builder.tables.location(str(folder / "a/part.py"), 3)
    builder.tables.location("<string>", 1)
    assert program_files(Program("pack.mod"), [builder.build()]) == {"part.py": ["a/part.py"]}


def test_a_file_elsewhere_keeps_its_whole_path(folder: Path) -> None:
    assert from_here("/usr/lib/x.py") == "/usr/lib/x.py"
    assert from_here(str(folder / "a" / ".." / "prog.py")) == "prog.py"


def test_tables_of_a_sweep_become_one() -> None:
    assert merged([{"p.py": ["p.py"]}, {"p.py": ["p.py", "a/p.py"], "q.py": ["q.py"]}]) == {
        "p.py": ["p.py", "a/p.py"],
        "q.py": ["q.py"],
    }


@given(st.from_regex(r"[^:\s\"'`()\[\]]+\.py", fullmatch=True), st.integers(1, 10**6))
def test_a_place_is_taken_apart_and_found_in_a_sentence(name: str, line: int) -> None:
    assert split_place(f"{name}:{line}") == (name, line)
    assert first_place(f"read at {name}:{line}, written elsewhere (q.py:3)") == f"{name}:{line}"
    assert path_of(name, {name: ["src/x.py"]}) == "src/x.py"
    assert path_of(name, {}) == name


@pytest.mark.parametrize("text", ["", "no place", "p.py:", "p.py", "12:30 o'clock"])
def test_what_is_no_place(text: str) -> None:
    assert first_place(text) == ""
    assert split_place(text)[1] == 0
