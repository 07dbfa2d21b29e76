"""What the pages say beside the listings: the programs they discuss, the options they name, the headings they link to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from weft import cli, cli_check, cli_scaling, cli_traces, cli_validate
from weft.checking import check
from weft.options import Options
from weft.simcore.target import parse_target

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FOREIGN = {"--install-rivals", "--python312", "--rows", "--philosophers", "--rounds", "--limit", "--check", "--measure"}
"""Options of scripts in benchmarks/ and docs/, and of other programs."""
OTHER_PROGRAMS = re.compile(r"\b(git|pip|ruff|python|sed|docs/\w+\.py|benchmarks/\w+\.py)\b")


def prose(page: Path) -> str:
    """The page without its listings."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("program", "rules", "executions", "notes"),
    [
        ("docs/parcels.py", {"R002"}, 4, 0),
        ("docs/how-to/shop.py:sell", {"R002"}, 4, 0),
        ("docs/how-to/shop.py:recount", {"R003"}, 6, 0),
        ("docs/how-to/shop.py:sign", {"R001"}, 2, 0),
        ("docs/how-to/shop.py:close", set[str](), 2, 1),
        ("docs/explanation/increments.py:increments", {"R002"}, 4, 0),
    ],
)
def test_the_programs_of_the_pages(program: str, rules: set[str], executions: int, notes: int) -> None:
    options = Options(save=False)
    target = parse_target(str(ROOT / program))
    target.prepare(options.watching())
    try:
        result = check(target, {}, options).result
    finally:
        target.close()
    assert {finding.rule for finding in result.findings} == rules
    assert (result.executions, len(result.notes), result.exhaustive) == (executions, notes, True)


def options_of(command: click.Command) -> Iterator[str]:
    yield from (name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts))


def test_options_named_in_the_prose_exist() -> None:
    group = click.Group()
    for module in (cli_check, cli_scaling, cli_traces, cli_validate):
        module.register(group)
    commands = [*group.commands.values(), *cli.cli.commands.values()]
    known = {name for command in commands for name in options_of(command)} | {"--help", "--version", "--weft"} | FOREIGN
    unknown: list[str] = []
    for page in PAGES:
        for code in re.findall(r"`([^`]+)`", prose(page)):
            if not OTHER_PROGRAMS.search(code):
                unknown += [
                    f"{page.name}: {name}" for name in re.findall(r"(?<![\w-])--[a-z][\w-]*", code) if name not in known
                ]
    assert not unknown


def anchors(page: Path) -> set[str]:
    """The names GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_to_headings() -> None:
    broken: list[str] = []
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", prose(page)):
            other = page if not target else page.parent / target
            if "://" not in target and other.suffix == ".md" and anchor not in anchors(other):
                broken.append(f"{page.relative_to(ROOT)} links to {target}#{anchor}")
    assert not broken
