"""Run the commands that the pages quote and put their output back into the pages.

usage: python docs/regenerate.py [--check | --measure] [PAGE ...]       (default: README.md and every page in docs/)

A block stands between ``<!-- KIND: COMMAND -->`` and ``<!-- end -->``. The kinds:

generated  a console listing; the output is the same on every machine, so ``--check`` compares every word but for
           the time it took, and filling in keeps a listing that differs only there
measured   a console listing whose numbers belong to the machine that ran it; ``--check`` compares the exit status, and
           a filled one is run again only with ``--measure``, to be given when the machine has nothing else to do
inserted   Markdown that the command prints

Each page gets a copy of the repository and runs its blocks there in order, so a later block may use the files of an
earlier one. The exit status is kept in the closing mark: ``<!-- end: exit 1 -->``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"^<!-- (?P<kind>generated|measured|inserted): (?P<command>.+?) -->\n"
    r"(?P<body>.*?)^<!-- end(?:: exit (?P<status>\d+))? -->$",
    re.MULTILINE | re.DOTALL,
)
WALL_TIME = re.compile(r"(?<=(?:steps|vents), )\d+\.\d+ s\b|(?<=\"seconds\": )\d+\.\d+")
"""Times on the wall clock, as opposed to the virtual times that a page may quote: those are equal everywhere."""
NEVER_DOCUMENTED = {3: "a fault in weft", 126: "not executable", 127: "command not found"}
TIMEOUT_S = 300


class StaleError(Exception):
    """A page does not say what its commands print, or one of them cannot be run."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed, made independent of the folder, and how it ended."""

    text: str
    status: int


def pages(names: list[str]) -> Iterator[Path]:
    """The pages to treat, each of which has at least one block."""
    found = [Path(name).resolve() for name in names] or [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return (page for page in found if BLOCK.search(page.read_text(encoding="utf-8")))


def unwanted(folder: str, names: list[str]) -> list[str]:
    """What the copy does without: caches, environments, what builds left."""
    made = {"build", "dist", "__pycache__"}
    return [name for name in names if name[0] == "." or name in made or Path(folder, name, "pyvenv.cfg").exists()]


def run(command: str, folder: Path) -> Outcome:
    """Run one command as a reader would: 80 columns, no colour, this environment's ``weft`` first on the path.

    Raises:
        StaleError: it could not be run, ran for too long or met a fault in weft.
    """
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "FORCE_COLOR", "COLORTERM"}}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "NO_COLOR": "1",
        "COLUMNS": "80",
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }
    try:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise StaleError(f"`{command}` did not end within {TIMEOUT_S} s") from error
    if done.returncode in NEVER_DOCUMENTED or done.returncode < 0:
        reason = NEVER_DOCUMENTED.get(done.returncode, "killed")
        raise StaleError(f"`{command}` ended with {done.returncode} ({reason}):\n{done.stdout}{done.stderr}")
    if "Traceback (most recent call last)" in done.stderr or (done.returncode and not done.stdout.strip()):
        raise StaleError(f"`{command}` printed only an error (a page that wants it says `2>&1`):\n{done.stderr}")
    return Outcome(steady(done.stdout, folder), done.returncode)


def steady(text: str, folder: Path) -> str:
    """The text without the copy's folder and trailing spaces."""
    text = text.replace(f"{folder}/", "").replace(str(folder), ".")
    return "".join(f"{line.rstrip()}\n" for line in text.strip("\n").split("\n"))


def words(text: str) -> list[str]:
    """What is compared: all words, wall-clock times made equal. A longer time may break a line elsewhere."""
    return WALL_TIME.sub("TIME", text).split()


def render(kind: str, command: str, outcome: Outcome) -> str:
    """The block as it stands in the page."""
    body = outcome.text if kind == "inserted" else f"```console\n$ {command}\n{outcome.text}```\n"
    status = f": exit {outcome.status}" if outcome.status else ""
    return f"<!-- {kind}: {command} -->\n{body}<!-- end{status} -->"


def treat(page: Path, *, check: bool, measure: bool) -> list[str]:
    """Fill the blocks of one page, or with ``check`` only compare; one message for each block that is stale."""
    before = page.read_text(encoding="utf-8")
    stale: list[str] = []

    def fill(block: re.Match[str]) -> str:
        kind, command = block["kind"], block["command"]
        if kind == "measured" and block["body"] and not (check or measure):
            return block[0]
        line = before.count("\n", 0, block.start()) + 1
        try:
            outcome = run(command, folder)
        except StaleError as error:
            stale.append(f"{page.name}:{line}: {error}")
            return block[0]
        after = render(kind, command, outcome)
        same = words(after) == words(block[0])
        recorded = int(block["status"] or 0)
        if check and recorded != outcome.status:
            stale.append(f"{page.name}:{line}: `{command}` ends with {outcome.status}, the page says {recorded}")
        elif check and kind == "measured" and not block["body"]:
            stale.append(f"{page.name}:{line}: `{command}` was never filled in")
        elif check and kind != "measured" and not same:
            stale.append(f"{page.name}:{line}: `{command}` prints something else now")
        return block[0] if same else after

    with tempfile.TemporaryDirectory(prefix="weft-docs-") as name:
        folder = Path(name).resolve() / "weft"
        shutil.copytree(ROOT, folder, symlinks=True, ignore=unwanted)
        after = BLOCK.sub(fill, before)
    if not check and after != before:
        page.write_text(after, encoding="utf-8")
    return stale


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="change nothing; exit 1 and name the blocks that are stale")
    mode.add_argument("--measure", action="store_true", help="also run the filled blocks with measurements again")
    parser.add_argument("pages", nargs="*", metavar="PAGE")
    arguments = parser.parse_args()
    stale: list[str] = []
    for page in pages(arguments.pages):
        stale += treat(page, check=arguments.check, measure=arguments.measure)
    for message in stale:
        print(message, file=sys.stderr)
    if stale and arguments.check:
        print("run `python docs/regenerate.py` and read the difference", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
