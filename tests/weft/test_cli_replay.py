"""``weft replay``: the same end again, or the reason why not."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest

from .conftest import AB_BA, LIMIT_S, Weft


@pytest.fixture
def failure(weft: Weft, ab_ba: str) -> str:
    assert weft("check", ab_ba, "--quiet", "--json", "result.json").code == 1
    return weft.result()["findings"][0]["replay"]


def test_replay_reproduces(weft: Weft, failure: str) -> None:
    done = weft("replay", failure, "--json", "again.json")
    assert done.code == 1
    assert done.out.startswith("D001 deadlock (confirmed) at ab_ba.py:8")
    assert re.fullmatch(r"reproduced: \d+ steps as recorded", done.out.splitlines()[-1])
    found, again = weft.result()["findings"], weft.result("again.json")["findings"]
    assert [finding["fingerprint"] for finding in again] == [finding["fingerprint"] for finding in found]
    assert again[0]["steps"] == found[0]["steps"]


def test_replay_of_an_edited_program_names_the_first_step_that_differs(weft: Weft, failure: str) -> None:
    weft.write("ab_ba.py", AB_BA.replace("with b:\n            with a:", "with a:\n            with b:"))
    done = weft("replay", failure)
    assert (done.code, done.out) == (2, "")
    assert re.search(r"step \d+", done.err)
    assert "two" in done.err


def test_replay_of_a_program_that_is_gone(weft: Weft, failure: str) -> None:
    (weft.folder / "ab_ba.py").unlink()
    done = weft("replay", failure)
    assert (done.code, done.err) == (2, f"weft: no such file: {weft.folder}/ab_ba.py\n")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[: len(text) // 2], "it is not JSON, or cut short"),
        (lambda _: "[]", "its \"schema\" must be 'weft.failure/1'"),
        (lambda text: re.sub(r'"schedule": \[.*?\]', '"schedule": [0, 99]', text, flags=re.DOTALL), "step"),
        (
            lambda text: re.sub(r'"parameters": {}', '"parameters": {"crosed": 1}', text),
            "unexpected keyword argument 'crosed'",
        ),
    ],
)
def test_replay_of_a_file_that_is_no_whole_failure(
    weft: Weft, failure: str, change: Callable[[str], str], says: str
) -> None:
    (weft.folder / "changed.json").write_text(change((weft.folder / failure).read_text()))
    done = weft("replay", "changed.json")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("weft: ")
    assert says in done.err


def test_replay_of_a_missing_file(weft: Weft) -> None:
    done = weft("replay", "none.json")
    assert (done.code, done.err) == (2, "weft: cannot read none.json: No such file or directory\n")


def test_replay_with_pdb_stops_where_the_thread_failed(weft: Weft) -> None:
    weft.write("fails.py", "def main():\n    culprit = 'butter'\n    assert culprit == 'jam'\n")
    assert weft("check", "fails.py:main", "--quiet", "--json", "result.json").code == 1
    process = weft.start("replay", weft.result()["findings"][0]["replay"], "--pdb", stdin=subprocess.PIPE)
    out, err = process.communicate("p culprit\nc\n", timeout=LIMIT_S)
    assert process.returncode == 1
    assert "'butter'" in out
    assert "Traceback" not in err
