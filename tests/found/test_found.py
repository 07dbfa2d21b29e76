"""The scripts that drive packages from the index: their first lines can be read, ``docs/found.md`` shows all of them, and
those whose package is installed here in the named version do what they are expected to do.

Nothing is installed; ``docs/run_found.py`` makes environments and runs the others.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from weft.checking import check
from weft.options import Options
from weft.simcore.target import parse_target

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run_found() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_found", ROOT / "docs" / "run_found.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["run_found"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def test_every_script_says_what_it_needs_and_expects(run_found: ModuleType) -> None:
    packages, bugs = run_found.scripts("packages"), run_found.scripts("bugs")
    assert len(packages) >= 10
    assert len(bugs) >= 5
    for script in packages:
        assert script.said["expect"] in ("clean", "bounded", "refused") or script.said["expect"][0] in "DELPR"
    for script in bugs:
        assert script.said["with"] != script.said["without"]
        assert script.said["source"].startswith("https://")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('# expect: clean\n"""About."""\n', "lack mechanism, source, with, without"),
        ('# package: a==1\n"""About."""\n', "lack expect"),
        ("# package: a==1\n# expect: clean\n", "lack a docstring"),
        ('# package: a==1\n# expect: clean\n# colour: red\n"""About."""\n', "colour"),
        ('# package: a==1\n# expect: clean\n# expect: D001\n"""About."""\n', "with a new KEY"),
    ],
)
def test_first_lines_that_say_too_little_or_too_much(
    run_found: ModuleType, tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "script.py").write_text(text)
    with pytest.raises(run_found.ScriptError, match=says):
        run_found.read(tmp_path / "script.py")


def test_the_page_shows_every_script(run_found: ModuleType) -> None:
    page = (ROOT / "docs" / "found.md").read_text(encoding="utf-8")
    for folder in ("packages", "bugs"):
        for script in run_found.scripts(folder):
            assert script.about.split(". ")[0] in page, f"run python docs/run_found.py: {script.name} is not shown"
            assert script.command() in page


def test_the_blocks_of_the_page_are_filled_and_only_they(run_found: ModuleType) -> None:
    page = "before\n<!-- found: bugs -->\nold\n<!-- end -->\nbetween\n<!-- found: packages -->\n<!-- end -->\nafter\n"
    filled = run_found.fill(page, {"bugs": "new\n", "packages": "newer\n"})
    assert filled == page.replace("old\n", "new\n").replace("packages -->\n", "packages -->\nnewer\n")


def installed(requirements: str) -> bool:
    """Is all of this here, in these versions?"""
    for requirement in requirements.split():
        name, _, version = requirement.partition("==")
        if name == "python":
            here = f"{sys.version_info.major}.{sys.version_info.minor}"
        else:
            try:
                here = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                return False
        if here != version:
            return False
    return True


@pytest.mark.slow
def test_scripts_whose_package_is_here_do_what_is_expected(run_found: ModuleType, tmp_path: Path) -> None:
    """At least the one that needs only an interpreter: 3.11 has a bug that 3.12 has not."""
    ran = 0
    for folder in ("packages", "bugs"):
        for script in run_found.scripts(folder):
            for key in ("package", "with", "without"):
                if installed(script.said.get(key, "nothing==0")):
                    answer = run_found.check(script, Path(sys.executable))
                    expected = "clean" if key == "without" else script.said["expect"]
                    assert answer.as_expected(expected), f"{script.name}: {answer.summary()} {answer.text}"
                    ran += 1
    assert ran or sys.version_info >= (3, 13)


@pytest.mark.slow
@pytest.mark.parametrize("verdict", ["clean", "findings"])
def test_an_answer_is_what_weft_says(run_found: ModuleType, tmp_path: Path, verdict: str) -> None:
    """The runner's answer against the Python interface on the same program."""
    program = "import threading\nlock = threading.Lock()\nlock.acquire()\n"
    script = tmp_path / "script.py"
    script.write_text(
        '# package: weft==0\n# expect: clean\n"""About."""\n' + program + ("lock.acquire()\n" * (verdict != "clean"))
    )
    answer = run_found.check(run_found.read(script), Path(sys.executable))
    target = parse_target(str(script))
    target.prepare()
    try:
        result = check(target, {}, Options(save=False)).result
    finally:
        target.close()
    assert answer.verdict == result.verdict == verdict
    assert list(answer.rules) == [finding.rule for finding in result.findings]
    assert answer.executions == result.executions


@pytest.mark.slow
def test_a_failure_is_repeated_in_a_fresh_process_although_imports_take_locks(tmp_path: Path) -> None:
    """asyncio asks for its logger when it is imported, which takes the lock of logging: only the first time."""
    (tmp_path / "script.py").write_text(
        "import asyncio, threading\n"
        "one, two = threading.Lock(), threading.Lock()\n"
        "def back():\n    with two, one: pass\n"
        "thread = threading.Thread(target=back)\nthread.start()\n"
        "with one, two: pass\n"
        "thread.join()\n"
    )
    weft = [sys.executable, "-m", "weft"]
    checked = subprocess.run([*weft, "check", "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    (failure,) = (tmp_path / ".weft" / "failures").glob("*.json")
    repeated = subprocess.run(
        [*weft, "replay", str(failure)], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert "reproduced" in repeated.stdout, repeated.stdout + repeated.stderr
