"""Run the scripts of ``tests/found`` against the packages they name, and put what weft says into ``docs/found.md``.

usage: python docs/run_found.py [--check] [--environments FOLDER] [--python 3.12=PATH ...] [SCRIPT ...]

Each script says in its first lines what it needs and what is expected. Its requirements are installed with exactly these
versions into an environment of their own, next to this weft; ``weft check`` runs there, and its answer is compared with
what was expected and shown. With all scripts (no SCRIPT is named) the blocks of the page are filled in, or with
``--check`` only compared. The keys of the first lines:

package   what to install, for a script that drives a package
with      what to install to see a known bug (``python==3.11``: an interpreter instead), and ``without``: to see it gone
expect    clean, bounded (nothing found, perhaps not everything explored), refused, or the rules that are found
options   further options of ``weft check``
mechanism, source   of a known bug: what goes wrong, and where it is told
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "tests" / "found"
PAGE = ROOT / "docs" / "found.md"
OPTIONS = ("--max-executions", "2000", "--max-seconds", "120", "--seed", "0")
"""A budget in executions, so that the answer is the same on every machine; the time is only a safety net."""
KEYS = {"package", "with", "without", "expect", "options", "mechanism", "source"}
HEAD, TAIL = 40, 14
"""Of a long listing: what was found, where, and how to repeat it; the steps in between are for whoever runs it."""
BLOCK = re.compile(r"(?<=<!-- found: )(?P<name>\w+)(?P<open> -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL)


class ScriptError(Exception):
    """A script's first lines are not as they must be, or its environment cannot be made."""


@dataclass(frozen=True, slots=True)
class Script:
    """One driving script and what its first lines say."""

    path: Path
    said: dict[str, str]
    about: str
    """Its docstring."""

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def place(self) -> str:
        """As seen from the root of the repository."""
        return str(self.path.relative_to(ROOT)) if self.path.is_relative_to(ROOT) else self.path.name

    @property
    def options(self) -> list[str]:
        return self.said.get("options", "").split()

    def command(self) -> str:
        """As a reader would type it in the repository."""
        return " ".join(["weft", "check", self.place, *self.options, *OPTIONS[:2]])


@dataclass(frozen=True, slots=True)
class Answer:
    """What weft said of a script in one environment."""

    verdict: str
    """clean, incomplete, findings or refused"""
    rules: tuple[str, ...]
    executions: int
    message: str
    """Of the first finding, or why it was refused."""
    text: str
    """The listing on the console."""

    def as_expected(self, expect: str) -> bool:
        if expect in ("clean", "refused"):
            return self.verdict == expect
        if expect == "bounded":
            return self.verdict in ("clean", "incomplete")
        return set(expect.split()) <= set(self.rules)

    def summary(self) -> str:
        """In a few words; for findings only the rules, since how many executions came before them says little."""
        if self.rules or self.verdict == "refused":
            return ", ".join(self.rules) or self.verdict
        executions = f"{self.executions:,} execution{'s' * (self.executions != 1)}"
        return f"clean, {executions}" if self.verdict == "clean" else f"nothing found in {executions}"


def read(path: Path) -> Script:
    """Read a script's first lines.

    Raises:
        ScriptError: a key is unknown or missing, or there is no docstring.
    """
    text = path.read_text(encoding="utf-8")
    said: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            break
        key, colon, value = line[2:].partition(": ")
        if not colon or key not in KEYS or key in said:
            raise ScriptError(
                f"{path.name}: {line!r} is not '# KEY: VALUE' with a new KEY of {', '.join(sorted(KEYS))}"
            )
        said[key] = value.strip()
    needed = {"expect", "package"} if "package" in said else {"expect", "with", "without", "mechanism", "source"}
    missing = needed - said.keys()
    about = ast.get_docstring(ast.parse(text))
    if missing or not about:
        raise ScriptError(f"{path.name}: its first lines lack {', '.join(sorted(missing)) or 'a docstring'}")
    return Script(path, said, " ".join(about.split()))


def scripts(folder: str) -> list[Script]:
    """All scripts in ``packages`` or ``bugs``, by name."""
    return [read(path) for path in sorted((SCRIPTS / folder).glob("*.py"))]


class Environments:
    """Environments by what they hold, made when first asked for."""

    def __init__(self, folder: Path, interpreters: dict[str, str]) -> None:
        self.folder = folder
        self.interpreters = interpreters

    def python(self, requirements: Iterable[str]) -> Path:
        """The interpreter of an environment with weft and exactly these packages.

        Raises:
            ScriptError: the interpreter is not here, or an installation failed.
        """
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        packages: list[str] = []
        for requirement in requirements:
            name, _, wanted = requirement.partition("==")
            if name == "python":
                version = wanted
            else:
                packages.append(requirement)
        base = self._base(version)
        if not packages:
            return base
        place = self.folder / re.sub(r"[^\w.]+", "-", f"{version}-{'-'.join(packages)}")
        python = place / "bin" / "python"
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            _run([str(base), "-m", "venv", "--without-pip", str(place)])
            _run([str(base), "-m", "pip", "--python", str(python), "install", "--quiet", *packages])
            # weft and what it needs come from the base; the package's own requirements, installed here, come first.
            (own,) = place.glob("lib/python*/site-packages")
            (shared,) = base.parent.parent.glob("lib/python*/site-packages")
            (own / "zz_base.pth").write_text(f"import site; site.addsitedir({str(shared)!r})\n", encoding="utf-8")
            (place / "complete").touch()
        return python

    def _base(self, version: str) -> Path:
        place = self.folder / f"base-{version}"
        python = place / "bin" / "python"
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            interpreter = self.interpreters.get(version) or shutil.which(f"python{version}")
            if interpreter is None:
                raise ScriptError(f"Python {version} is not here; give --python {version}=PATH")
            _run([interpreter, "-m", "venv", str(place)])
            _run([str(python), "-m", "pip", "install", "--quiet", "--upgrade", "pip"])
            _run([str(python), "-m", "pip", "install", "--quiet", "--editable", str(ROOT)])
            (place / "complete").touch()
        return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise ScriptError(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stderr.strip()}")


def check(script: Script, python: Path) -> Answer:
    """Run ``weft check`` on a script with the given interpreter.

    Raises:
        ScriptError: weft gave no answer at all.
    """
    with tempfile.TemporaryDirectory(prefix="weft-found-") as scratch:
        result = Path(scratch, "result.json")
        place = Path(scratch, script.place)  # what weft writes beside the program lands there, not in the repository
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(script.path)
        done = subprocess.run(
            [str(python), "-m", "weft", "check", script.place, *script.options, *OPTIONS, "--json", str(result)],
            cwd=scratch,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "80", "TERM": "dumb", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode == 4:
            return Answer("refused", (), 0, done.stderr.strip().removeprefix("weft: "), done.stderr)
        if not result.exists():
            raise ScriptError(f"{script.name}: weft ended with {done.returncode}:\n{done.stderr}")
        said: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    findings = said["findings"]
    return Answer(
        said["verdict"],
        tuple(sorted({finding["rule"] for finding in findings})),
        said["executions"],
        findings[0]["message"] if findings else "",
        steady(done.stdout, python),
    )


def steady(listing: str, python: Path) -> str:
    """A listing without what differs from run to run: the time it took, the folder of the environment."""
    listing = re.sub(r"(?<=steps, )\d+\.\d+ s, ", "", listing)
    listing = listing.replace(f"{ROOT}/", "").replace(str(python.parent.parent), "…")
    return "\n".join(line.rstrip() for line in listing.rstrip().splitlines())


def versions(requirements: str) -> str:
    """``redis==3.3.11`` as a table shows it; what else has to be installed does not matter there."""
    return requirements.split()[0].replace("==", " ")


def first_finding(text: str) -> str:
    """The listing up to and with the first finding's replay command, which a reader can use after the check."""
    found = re.search(r"^  replay: .*\n?(?:    .*\n)*", text, re.MULTILINE)
    lines = (text[: found.end()].rstrip() if found else text).splitlines()
    left_out = len(lines) - HEAD - TAIL
    if left_out > TAIL:
        lines[HEAD:-TAIL] = [f"      … ({left_out} lines)"]
    return "\n".join(lines)


def package_sections(answers: dict[str, Answer]) -> str:
    """One section for each package: what was driven, the verdict, and what was found or refused."""
    sections: list[str] = []
    for script in scripts("packages"):
        answer = answers[script.name]
        lines = [f"### {versions(script.said['package'])}", "", script.about, "", f"`{script.command()}`", ""]
        lines.append(f"weft says: {answer.summary()}.")
        if answer.verdict == "refused":
            lines += ["", f"> {answer.message}"]
        elif answer.rules:
            lines += ["", "```console", first_finding(answer.text), "```"]
        sections.append("\n".join(lines))
    return "\n\n".join(sections) + "\n"


def package_table(answers: dict[str, Answer]) -> str:
    """The packages with their verdicts, one line each."""
    rows = ["| package | verdict | executions |", "|---|---|---|"]
    for script in scripts("packages"):
        answer = answers[script.name]
        verdict = ", ".join(answer.rules) or {"incomplete": "nothing found, not exhaustive"}.get(
            answer.verdict, answer.verdict
        )
        executions = f"{answer.executions:,}" if answer.verdict != "refused" else "none"
        rows.append(f"| {versions(script.said['package'])} | {verdict} | {executions} |")
    return "\n".join(rows) + "\n"


def bug_table(answers: dict[str, tuple[Answer, Answer]]) -> str:
    """The known bugs: mechanism, the version that has it, the version that does not, what weft says of both."""
    rows = ["| mechanism | has it | weft says | does not have it | weft says |", "|---|---|---|---|---|"]
    for script in scripts("bugs"):
        seen, gone = answers[script.name]
        cells = [
            f"[{script.said['mechanism']}](#{script.name.replace('_', '-')})",
            versions(script.said["with"]),
            seen.summary(),
            versions(script.said["without"]),
            gone.summary(),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def bug_sections(answers: dict[str, tuple[Answer, Answer]]) -> str:
    """One section for each known bug with what weft prints of the version that has it."""
    sections: list[str] = []
    for script in scripts("bugs"):
        seen, _ = answers[script.name]
        lines = [f"### {script.name.replace('_', ' ')}", "", f"{script.about} (Told in {script.said['source']}.)", ""]
        lines += [f"`pip install {script.said['with']}`, then `{script.command()}`:", ""]
        if script.said["with"].startswith("python=="):
            lines[-2] = f"With Python {script.said['with'].partition('==')[2]}, `{script.command()}`:"
        sections.append("\n".join([*lines, "```console", first_finding(seen.text), "```"]))
    return "\n\n".join(sections) + "\n"


def fill(page: str, blocks: dict[str, str]) -> str:
    """The page with each block's text replaced."""
    return BLOCK.sub(lambda block: f"{block['name']}{block['open']}{blocks[block['name']]}", page)


def examine(script: Script, environments: Environments) -> tuple[list[Answer], list[str]]:
    """The answers for a script (a known bug has two) and one line for each that is not as expected."""
    expect = script.said["expect"]
    wrong: list[str] = []
    answers: list[Answer] = []
    for key in ("package", "with", "without"):
        if key not in script.said:
            continue
        requirements = script.said[key].split()
        answer = check(script, environments.python(requirements))
        answers.append(answer)
        right = answer.as_expected(expect) if key != "without" else answer.verdict in ("clean", "incomplete")
        mark = "as expected" if right else f"EXPECTED {expect if key != 'without' else 'no finding'}"
        print(f"{script.name:36} {versions(script.said[key]):28} {answer.summary():44} {mark}", flush=True)
        if not right:
            wrong.append(f"{script.name} with {script.said[key]}: {answer.summary()} {answer.message}")
    return answers, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page says something else")
    parser.add_argument(
        "--environments",
        type=Path,
        default=Path.home() / ".cache" / "weft" / "found",
        metavar="FOLDER",
        help="where environments are kept",
    )
    parser.add_argument("--python", action="append", default=[], metavar="3.12=PATH", help="an interpreter to use")
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help="run these only, and leave the page alone")
    arguments = parser.parse_args()
    environments = Environments(
        arguments.environments.resolve(), dict(choice.split("=", 1) for choice in arguments.python)
    )
    known = {script.name: script for folder in ("packages", "bugs") for script in scripts(folder)}
    chosen = [Path(name).stem for name in arguments.scripts] or list(known)
    wrong: list[str] = []
    packages: dict[str, Answer] = {}
    bugs: dict[str, tuple[Answer, Answer]] = {}
    for name in chosen:
        if name not in known:
            parser.error(f"no script {name!r} in {SCRIPTS.relative_to(ROOT)}; there are {', '.join(known)}")
        answers, unexpected = examine(known[name], environments)
        wrong += unexpected
        if len(answers) == 2:
            bugs[name] = (answers[0], answers[1])
        else:
            packages[name] = answers[0]
    for line in wrong:
        print(line, file=sys.stderr)
    if arguments.scripts or wrong:
        return int(bool(wrong))
    before = PAGE.read_text(encoding="utf-8")
    after = fill(
        before,
        {
            "packages": package_table(packages),
            "package_sections": package_sections(packages),
            "bugs": bug_table(bugs),
            "bug_sections": bug_sections(bugs),
        },
    )
    if arguments.check:
        if after != before:
            print("docs/found.md says something else; run `python docs/run_found.py`", file=sys.stderr)
        return int(after != before)
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ScriptError as error:
        sys.exit(f"run_found: {error}")
