"""``docs/regenerate.py`` fills the blocks of a page, and ``--check`` names the block that no longer tells the truth."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def regenerate(repository: Path, tmp_path: Path) -> Regenerate:
    """The script in a repository of two files, since every page gets a copy of the whole."""
    script = tmp_path / "repository/docs/regenerate.py"
    script.parent.mkdir(parents=True)
    shutil.copy(repository / "docs/regenerate.py", script)
    shutil.copy(repository / "pyproject.toml", tmp_path / "repository")
    return Regenerate(script, tmp_path / "page.md")


class Regenerate:
    """The script and one page for it."""

    def __init__(self, script: Path, page: Path) -> None:
        self.script = script
        self.page = page

    def __call__(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.script), *options, str(self.page)]
        return subprocess.run(command, capture_output=True, text=True, timeout=240)

    def filled(self, text: str) -> str:
        self.page.write_text(text)
        done = self()
        assert done.returncode == 0, done.stderr
        return self.page.read_text()


def test_a_block_gets_what_its_command_prints(regenerate: Regenerate) -> None:
    page = regenerate.filled("before\n<!-- generated: echo one; echo two -->\nold\n<!-- end -->\nafter\n")
    listing = "```console\n$ echo one; echo two\none\ntwo\n```\n"
    assert page == f"before\n<!-- generated: echo one; echo two -->\n{listing}<!-- end -->\nafter\n"
    assert regenerate("--check").returncode == 0


def test_inserted_blocks_are_plain_markdown(regenerate: Regenerate) -> None:
    page = regenerate.filled("<!-- inserted: echo '| a |' -->\n<!-- end -->\n")
    assert page == "<!-- inserted: echo '| a |' -->\n| a |\n<!-- end -->\n"


def test_later_blocks_see_the_files_of_earlier_ones_and_of_the_repository(regenerate: Regenerate) -> None:
    page = regenerate.filled(
        "<!-- inserted: cp pyproject.toml made; pwd -->\n<!-- end -->\n"
        "<!-- inserted: head -n 1 made -->\n<!-- end -->\n"
    )
    assert "\n.\n" in page, "the folder of the copy must not appear"
    assert "[build-system]" in page


def test_the_exit_status_is_kept(regenerate: Regenerate) -> None:
    page = regenerate.filled("<!-- measured: echo $RANDOM; exit 1 -->\n<!-- end -->\n")
    assert page.endswith("<!-- end: exit 1 -->\n")
    assert regenerate("--check").returncode == 0


def test_wall_times_do_not_make_a_page_stale(regenerate: Regenerate) -> None:
    page = regenerate.filled("<!-- generated: echo 43 steps, 0.$RANDOM s, clean -->\n<!-- end -->\n")
    assert "43 steps, 0." in page
    assert regenerate("--check").returncode == 0
    assert regenerate.filled(page) == page


def test_check_names_the_stale_block_and_changes_nothing(regenerate: Regenerate) -> None:
    text = "\n<!-- generated: echo new -->\nold\n<!-- end -->\n"
    regenerate.page.write_text(text)
    done = regenerate("--check")
    assert done.returncode == 1
    assert done.stderr.startswith("page.md:2: `echo new` prints something else now\n")
    assert regenerate.page.read_text() == text


def test_check_sees_another_exit_status(regenerate: Regenerate) -> None:
    regenerate.page.write_text("<!-- measured: echo x; exit 2 -->\nx\n<!-- end: exit 1 -->\n")
    assert "ends with 2, the page says 1" in regenerate("--check").stderr


def test_a_measurement_is_repeated_only_when_asked(regenerate: Regenerate) -> None:
    page = regenerate.filled("<!-- measured: echo $RANDOM$RANDOM$RANDOM -->\n<!-- end -->\n")
    assert regenerate.filled(page) == page
    assert regenerate("--measure").returncode == 0
    assert regenerate.page.read_text() != page


def test_check_sees_a_measured_block_that_was_never_filled_in(regenerate: Regenerate) -> None:
    regenerate.page.write_text("<!-- measured: true -->\n<!-- end -->\n")
    assert "was never filled in" in regenerate("--check").stderr


@pytest.mark.parametrize(
    "command", ["no-such-command-here", "echo broken; exit 3", "python -c 1/0", "ls --no-such-option"]
)
def test_a_fault_never_becomes_documentation(regenerate: Regenerate, command: str) -> None:
    text = f"<!-- generated: {command} -->\nold\n<!-- end -->\n"
    regenerate.page.write_text(text)
    done = regenerate()
    assert done.returncode == 1
    assert command in done.stderr
    assert regenerate.page.read_text() == text
