"""``[tool.weft]``: every key and its type, one clear line for what is wrong, and the command line wins."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from weft.configuration import KEYS, ConfigurationError, find, load
from weft.options import Options

from .conftest import Weft

GOOD: dict[str, list[str]] = {
    "ignore": ["[]", '["D001", "R001:counter.*"]', '["G001"]'],
    "instrument": ["[]", '["redis", "a.*"]'],
    "strategy": ['"dpor"', '"once"'],
    "max_executions": ["1", "5000"],
    "max_seconds": ["1", "0.5"],
    "max_steps": ["100"],
    "timeout": ["3", "3.5"],
    "keep_going": ["true", "false"],
    "seed": ["0", "7"],
    "races": ["true", "false"],
    "strict_races": ["true"],
    "precise": ["false"],  # true needs Python 3.12: tests/simcore/test_opcodes.py
    "gpu": ['"none"', '"virtual"'],
    "gpus": ["1", "64"],
}
BAD: dict[str, list[str]] = {
    "ignore": ['"D001"', "[1]", "true", '["D0O1"]', '[":x"]'],
    "instrument": ['"redis"', "[[]]"],
    "strategy": ['"fast"', "1", "[]"],
    "max_executions": ["0", "-1", "1.5", "true", '"many"'],
    "max_seconds": ["0", "-1.0", "inf", "nan", "true", '"long"'],
    "max_steps": ["0", "[]"],
    "timeout": ["0", '"1"'],
    "keep_going": ["1", '"yes"'],
    "seed": ["-1", "true", "1.0"],
    "races": ["0"],
    "strict_races": ['"off"'],
    "precise": ["1"],
    "gpu": ['"h200"', "1", "[]"],
    "gpus": ["0", "65", "true", "1.0"],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pyproject.toml"


def refused(project: Path, text: str) -> str:
    project.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_every_key_is_tried_and_is_an_option() -> None:
    assert set(GOOD) == set(BAD) == set(KEYS)
    assert set(KEYS) - {"ignore"} <= {option.name for option in fields(Options)}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in GOOD.items() for value in values])
def test_what_a_key_may_hold(project: Path, key: str, value: str) -> None:
    project.write_text(f"[tool.weft]\n{key} = {value}\n", encoding="utf-8")
    configuration = load()
    assert configuration.file == "pyproject.toml"
    assert set(configuration.values) == {key}
    if key != "ignore":
        Options(**configuration.values)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BAD.items() for value in values])
def test_what_a_key_may_not_hold(project: Path, key: str, value: str) -> None:
    message = refused(project, f"[tool.weft]\n{key} = {value}\n")
    assert message.startswith(f"pyproject.toml: [tool.weft] {key} ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[tool.weft]\nmax_second = 1\n",
            "pyproject.toml: [tool.weft] has no key max_second; did you mean max_seconds?",
        ),
        (
            "[tool.weft]\nkeep-going = true\n",
            "pyproject.toml: [tool.weft] has no key keep-going; did you mean keep_going?",
        ),
        ("[tool.weft]\nzebra = 1\n", "pyproject.toml: [tool.weft] has no key zebra; it may hold ignore, instrument, "),
        ("[tool.weft]\ntimeout = 'x'\n", "[tool.weft] timeout must be a number of seconds above 0; it is 'x'"),
        ("[tool.weft]\nignore = ['D0O1:x']\n", "ignore has 'D0O1:x': no rule 'D0O1'; did you mean D001?"),
        ("[tool]\nweft = 3\n", "pyproject.toml: tool.weft must be a table: [tool.weft]"),
        ("[tool.weft\n", "pyproject.toml is not TOML: "),
    ],
)
def test_the_line_says_what_is_wrong(project: Path, text: str, says: str) -> None:
    assert says in refused(project, text)


def test_bytes_that_are_not_text(project: Path) -> None:
    project.write_bytes(b"[tool.weft]\nignore = ['\xff']\n")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        load()


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'\n", "[tool.ruff]\nline-length = 80\n", "tool = 3\n"])
def test_a_project_that_does_not_mention_weft_configures_nothing(project: Path, text: str) -> None:
    project.write_text(text, encoding="utf-8")
    assert (load().values, load().ignore, load().file) == ({}, [], "")


def test_the_nearest_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.weft]\nseed = 1\n")
    monkeypatch.chdir(inner)
    assert find() == tmp_path / "pyproject.toml"
    assert load().values == {"seed": 1}
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\n")
    assert load().values == {}, "a project does not inherit from the folder it happens to lie in"


def test_no_file_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.configuration.find", lambda: None)
    assert load().values == {}


# Through the command.


def test_the_command_takes_the_configuration_and_its_own_options_win(weft: Weft, ab_ba: str) -> None:
    weft.write("pyproject.toml", '[tool.weft]\nstrategy = "random"\nmax_executions = 7\nseed = 3\n')
    assert weft("check", f"{ab_ba}:main", "--set", "crossed=False", "--json", "result.json").code == 0
    assert [weft.result()[key] for key in ("engine", "executions", "seed")] == ["random", 7, 3]
    options = ["--strategy", "dpor", "--seed", "0", "--set", "crossed=False"]
    assert weft("check", f"{ab_ba}:main", *options, "--json", "result.json").code == 0
    assert [weft.result()[key] for key in ("engine", "seed")] == ["dpor", 0]


def test_another_file_by_name(weft: Weft, ab_ba: str) -> None:
    weft.write("pyproject.toml", "[tool.weft]\nseed = 3\n")
    weft.write("nightly.toml", '[tool.weft]\nignore = ["D001"]\n')
    done = weft("check", ab_ba, "--config", "nightly.toml", "--json", "result.json")
    assert (done.code, weft.result()["seed"]) == (0, 0)
    assert weft.result()["suppressed"][0]["suppression"]["at"] == "nightly.toml"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[tool.weft]\nmax_second = 1\n",
            "weft: c.toml: [tool.weft] has no key max_second; did you mean max_seconds?\n",
        ),
        ("[project]\n", "weft: c.toml has no table [tool.weft]\n"),
        (None, "weft: cannot read c.toml: No such file or directory\n"),
    ],
)
def test_a_bad_configuration_is_wrong_usage(weft: Weft, ab_ba: str, text: str | None, says: str) -> None:
    if text is not None:
        weft.write("c.toml", text)
    done = weft("check", ab_ba, "--config", "c.toml")
    assert (done.code, done.out, done.err) == (2, "", says)


@pytest.mark.parametrize(
    ("arguments", "configured", "expected"),
    [
        ([], {}, (True, False, ())),
        (["--no-races"], {}, (False, False, ())),
        (["--strict-races"], {}, (True, True, ())),
        (["--gil", "off"], {}, (True, True, ())),
        (["--gil", "on"], {"strict_races": True}, (True, False, ())),
        ([], {"strict_races": True}, (True, True, ())),
        ([], {"races": False}, (False, False, ())),
        (["--races"], {"races": False}, (True, False, ())),
        (["--gil", "off"], {"strict_races": False}, (True, True, ())),
        (["--no-races"], {"strict_races": True}, (False, True, ())),
        (["--instrument", "a,b.*", "--instrument", "c"], {"instrument": ["d"]}, (True, False, ("a", "b.*", "c"))),
        ([], {"instrument": ["d"]}, (True, False, ("d",))),
    ],
    ids=str,
)
def test_what_is_watched(
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    configured: dict[str, Any],
    expected: tuple[bool, bool, tuple[str, ...]],
) -> None:
    assert chosen(monkeypatch, arguments, configured) == expected


def chosen(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], configured: dict[str, Any]
) -> tuple[bool, bool, tuple[str, ...]]:
    """What a check would watch, taken at the moment at which the child process would be started."""
    from weft import cli_check
    from weft.configuration import Configuration

    taken: list[Options] = []

    class Enough(Exception):
        pass

    def stop_here(*given: Any) -> Any:
        taken.append(given[3])
        raise Enough

    monkeypatch.setattr(cli_check, "run_check", stop_here)
    monkeypatch.setattr(cli_check, "read_configuration", lambda file: Configuration("pyproject.toml", configured))
    with pytest.raises(Enough):
        cli_check.check(["program.py", *arguments], standalone_mode=False)
    return taken[0].races, taken[0].strict_races, taken[0].instrument


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--gil", "on", "--strict-races"], "--strict-races and --gil on contradict each other"),
        (["--no-races", "--strict-races"], "there is nothing to be strict about"),
        (["--no-races", "--gil", "off"], "there is nothing to be strict about"),
        (["--instrument", "a,,b"], "there is an empty name between the commas"),
        (["--sarif", "nowhere/log.sarif"], "cannot write nowhere/log.sarif: there is no folder"),
    ],
)
def test_options_that_cannot_be_meant(weft: Weft, ab_ba: str, arguments: list[str], says: str) -> None:
    done = weft("check", ab_ba, *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.message
