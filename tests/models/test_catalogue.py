"""The list of workloads is complete, and every example says what it runs and what weft will find."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weft.models import WORKLOADS, Workload

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.py") if not path.stem.startswith("gpu_"))
"""Those with streams are looked at in tests/test_gpu_examples.py."""
OWN = {"first_deadlock": "D001", "order_service": None}
"""Examples that are whole programs of their own: the rule weft must find, or None for a clean one."""
NO_WORKLOADS = {"__init__", "computing", "laws", "marks", "parameters"}
"""Modules that workloads use, and formulas."""
VERDICTS = {workload.wrong: workload.rule for workload in WORKLOADS if workload.wrong} | {
    workload.right: None for workload in WORKLOADS
}
"""Target -> the rule weft must find, or None for a clean one."""


def function(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def program(example: Path) -> str:
    """The target an example calls."""
    imports = [node for node in ast.walk(ast.parse(example.read_text())) if isinstance(node, ast.ImportFrom)]
    assert len(imports) == 1, f"{example.name} must import its one program and nothing else"
    return f"{imports[0].module}:{imports[0].names[0].name}"


def test_every_model_is_listed_once() -> None:
    names = [workload.name for workload in WORKLOADS]
    assert len(names) == len(set(names))
    listed = {target.partition(":")[0].rpartition(".")[2] for target in VERDICTS if target}
    assert listed == {path.stem for path in (ROOT / "models").glob("*.py")} - NO_WORKLOADS


@pytest.mark.parametrize("target", VERDICTS)
def test_a_target_takes_keyword_parameters_with_defaults_and_has_a_docstring(target: str) -> None:
    call = function(target)
    assert inspect.getdoc(call)
    for parameter in inspect.signature(call).parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is not parameter.empty


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_a_workload_is_consistent(workload: Workload) -> None:
    assert (workload.wrong is None) == (workload.rule is None)
    known = inspect.signature(function(workload.right)).parameters
    assert {*workload.small, *workload.large} <= {*known}
    if workload.wrong is not None:
        assert inspect.signature(function(workload.wrong)).parameters.keys() == known.keys()


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_a_models_docstring_names_the_rule(workload: Workload) -> None:
    docstring = importlib.import_module(workload.right.partition(":")[0]).__doc__ or ""
    assert "weft must find" in docstring or workload.rule is None
    assert (workload.rule or "") in docstring


def test_every_program_has_an_example() -> None:
    called = {program(example) for example in EXAMPLES if example.stem not in OWN}
    assert called == set(VERDICTS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_says_what_weft_will_find(example: Path) -> None:
    promised = dict(
        re.findall(r"^`weft check (\S+).*`: (.*)\.$", ast.get_docstring(ast.parse(example.read_text())) or "", re.M)
    )
    expected = OWN[example.stem] if example.stem in OWN else VERDICTS[program(example)]
    if example.stem == "first_deadlock":
        promised[f"examples/{example.name}"] = "D001, exit code 1"
    assert len(promised) == 1
    (checked, verdict) = promised.popitem()
    assert checked.removesuffix(":main") == f"examples/{example.name}"
    assert verdict == (f"{expected}, exit code 1" if expected else "clean, exhaustive, exit code 0")


def test_the_readme_lists_every_example_with_its_rule() -> None:
    page = (ROOT / "examples/README.md").read_text().partition("\n## Streams of a GPU")[0]
    rows = dict(re.findall(r"^\| \[(\w+)\.py\]\(\1\.py\) \| (\S+) \|", page, re.M))
    assert rows.keys() == {example.stem for example in EXAMPLES}
    for example in EXAMPLES:
        expected = OWN[example.stem] if example.stem in OWN else VERDICTS[program(example)]
        assert rows[example.stem] == (expected or "clean")


def test_the_service_of_ones_own_knows_nothing_of_weft() -> None:
    tree = ast.parse((ROOT / "examples/order_service.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"hashlib", "json", "queue", "threading", "time"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
