"""What ``weft`` says of targets and options it cannot use: exit code 2, one message that names the thing and what to do."""

from __future__ import annotations

import pytest

from .conftest import Weft, slowly

READERS = ["check", *slowly("predict", "record", "validate")]
"""Every command that reads a target."""


@pytest.mark.parametrize("command", READERS)
class TestUnreadableTarget:
    def test_missing_file(self, weft: Weft, command: str) -> None:
        done = weft(command, "nowhere.py")
        assert (done.code, done.out) == (2, "")
        assert done.err == f"weft: no such file: {weft.folder}/nowhere.py\n"

    def test_syntax_error(self, weft: Weft, command: str) -> None:
        done = weft(command, weft.write("bad.py", "x = 1\ndef f(:\n"))
        assert (done.code, done.out) == (2, "")
        assert done.err == f"weft: syntax error in {weft.folder}/bad.py:2: invalid syntax: def f(:\n"

    def test_function_not_found(self, weft: Weft, ab_ba: str, command: str) -> None:
        done = weft(command, "ab_ba.py:mian")
        assert (done.code, done.out) == (2, "")
        assert done.err == f"weft: no function 'mian' in {weft.folder}/ab_ba.py; did you mean 'main'?\n"

    def test_required_parameters(self, weft: Weft, command: str) -> None:
        done = weft(command, weft.write("f.py", "def f(depth, size, *, quick=True): pass\n") + ":f")
        assert (done.code, done.err) == (2, "weft: f() needs depth, size; give --set depth=VALUE --set size=VALUE\n")

    def test_unknown_parameter(self, weft: Weft, command: str) -> None:
        done = weft(command, weft.write("f.py", "def f(depth=1, *, quick=True): pass\n") + ":f", "--set", "dept=2")
        assert done.code == 2
        assert "f() cannot be called so" in done.err
        assert "'dept'" in done.err
        assert "it takes depth, quick" in done.err

    def test_no_target(self, weft: Weft, command: str) -> None:
        done = weft(command)
        assert (done.code, done.out) == (2, "")
        assert "weft: no target; write path.py, path.py:function, package.module:function or -m package" in done.err

    def test_unknown_module(self, weft: Weft, command: str) -> None:
        done = weft(command, "nowhere.at_all:main")
        assert done.code == 2
        assert "no module named 'nowhere" in done.err

    def test_what_is_no_target_at_all(self, weft: Weft, command: str) -> None:
        done = weft(command, "program")
        assert done.code == 2
        assert "'program' is not a target; write path.py" in done.err


@pytest.mark.parametrize("command", READERS)
def test_syntax_error_in_an_imported_module_of_the_program(weft: Weft, command: str) -> None:
    weft.write("part.py", "def f(:\n")
    done = weft(command, weft.write("whole.py", "import part\n"))
    assert done.code == 2
    assert done.err == f"weft: syntax error in {weft.folder}/part.py:1: invalid syntax: def f(:\n"


def test_a_folder_is_not_a_program(weft: Weft) -> None:
    (weft.folder / "folder.py").mkdir()
    done = weft("check", "folder.py")
    assert (done.code, done.err) == (2, f"weft: cannot read {weft.folder}/folder.py: Is a directory\n")


def test_bytes_that_are_not_python(weft: Weft) -> None:
    (weft.folder / "picture.py").write_bytes(b"\x89PNG\x00\xff")
    done = weft("check", "picture.py")
    assert done.code == 2
    assert done.err.startswith(f"weft: syntax error in {weft.folder}/picture.py: ")


def test_a_name_that_is_no_function(weft: Weft) -> None:
    done = weft("check", weft.write("f.py", "main = 3\n") + ":main")
    assert (done.code, done.err) == (2, f"weft: 'main' in {weft.folder}/f.py is a int, not a function\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "ab_ba.py", "--bogus"], "No such option"),
        (["chek", "ab_ba.py"], "No such command 'chek'"),
        (["check", "ab_ba.py:main", "--set", "crossed"], "--set 'crossed' must be NAME=VALUE"),
        (["check", "ab_ba.py:main", "--set", "=1"], "--set '=1' must be NAME=VALUE"),
        (["check", "ab_ba.py:main", "--set", "crossed="], "--set 'crossed=' must be NAME=VALUE"),
        (["check", "ab_ba.py:main", "--set", "n=1", "--set", "n=2"], "--set n is given twice"),
        (["check", "ab_ba.py", "--strategy", "best"], "'best' is not one of 'dpor', 'random', 'pct', 'pos', 'once'"),
        (["check", "ab_ba.py", "--max-executions", "0"], "0 is not in the range x>=1"),
        (["check", "ab_ba.py", "--max-seconds", "0"], "0.0 is not in the range x>0"),
        (["check", "ab_ba.py", "--timeout", "soon"], "'soon' is not a valid float"),
        (["check", "ab_ba.py", "--seed", "-1"], "-1 is not in the range x>=0"),
        (["predict", "ab_ba.py:main", "--cores", "0"], "0 is too small; it must be 1 or more"),
        (["predict", "ab_ba.py:main", "--cores", "1,,2"], "'' is not a whole number; write e.g. 1,2,4"),
        (["predict", "ab_ba.py:main", "--cores", "two"], "'two' is not a whole number; write e.g. 1,2,4"),
        (["predict", "ab_ba.py:main", "--gil", "maybe"], "'maybe' is not one of 'on', 'off', 'both'"),
        (["predict", "ab_ba.py:main", "--machine", "cray"], "no machine profile 'cray'"),
        (["validate", "ab_ba.py:main", "--machine", "cray"], "no machine profile 'cray'"),
        (["record", "ab_ba.py:main", "--set", "crossed=True,False"], "record runs the program once"),
    ],
)
def test_wrong_usage(weft: Weft, ab_ba: str, arguments: list[str], says: str) -> None:
    done = weft(*arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.message


def test_a_machine_profile_that_is_none(weft: Weft, ab_ba: str) -> None:
    (weft.folder / "machine.json").write_text("{")
    done = weft("predict", "ab_ba.py:main", "--machine", "machine.json")
    assert done.code == 2
    assert "machine.json" in done.err


@pytest.mark.parametrize("command", ["check", "predict", "validate"])
def test_a_missing_folder_is_noticed_before_the_work(weft: Weft, command: str) -> None:
    weft.write("f.py", "def main(): open('ran', 'w')\n")
    done = weft(command, "f.py:main", "--json", "none/result.json")
    assert done.code == 2
    assert done.err == f"weft: cannot write none/result.json: there is no folder {weft.folder}/none\n"
    assert not (weft.folder / "ran").exists()


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("check", "--html"),
        ("predict", "--html"),
        ("predict", "--perfetto"),
        ("record", "--html"),
        ("record", "--perfetto"),
        ("record", "--output"),
    ],
)
def test_a_missing_folder_for_a_picture_is_noticed_before_the_work(weft: Weft, command: str, option: str) -> None:
    weft.write("f.py", "def main(): open('ran', 'w')\n")
    done = weft(command, "f.py:main", option, "none/picture")
    assert done.code == 2
    assert done.err == f"weft: cannot write none/picture: there is no folder {weft.folder}/none\n"
    assert not (weft.folder / "ran").exists()
