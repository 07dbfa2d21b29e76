"""The plugin is loaded by its entry point, changes nothing unasked, and says so when asked for what it cannot do."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

PASSING = "def test_one(): pass"


@pytest.fixture(autouse=True)
def installed() -> None:
    names = {point.name: point.value for point in entry_points(group="pytest11")}
    assert names.get("weft") == "weft.pytest_plugin", "weft is not installed here: pip install -e '.[test]'"


def test_option_and_marker_are_documented(pytester: pytest.Pytester) -> None:
    pytester.runpytest("--help").stdout.fnmatch_lines(["weft:", "*--weft*explore the schedules*"])
    pytester.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.weft(strategy, executions):*"])


def test_marker_is_known_under_strict_markers(pytester: pytest.Pytester) -> None:
    pytester.makepyfile('import pytest\n\n@pytest.mark.weft(strategy="pct", executions=500)\ndef test_one(): pass')
    pytester.runpytest("--strict-markers", "-W", "error").assert_outcomes(passed=1)


def test_asked_for_exploration_it_says_that_there_is_none(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    result = pytester.runpytest("--weft")
    result.assert_outcomes(passed=1)
    assert sum("not part of this version" in line for line in result.outlines) == 1


def test_quiet_runs_are_told_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    result = pytester.runpytest("--weft", "-q")
    assert sum("not part of this version" in line for line in result.outlines) == 1


def test_unasked_it_prints_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    assert not [line for line in result.outlines if "not part of this version" in line]


def test_importing_it_loads_no_dependency() -> None:
    heavy = "{'greenlet', 'simpy', 'numpy', 'networkx', 'msgspec', 'click', 'rich', 'jinja2', 'torch', 'threading'}"
    code = f"import sys, weft.pytest_plugin; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.strip() == "[]"
