"""The habits of the repository as tests: who may import whom, what is shipped, what the pages must say."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("simcore", "checkers", "models", "real_runs", "weft")
"""From the ground up: each may use those before it."""
ROOMS = LAYERS[:-1]
LITTER = {"build", "dist", "__pycache__", "node_modules"}


def ours(folder: Path) -> bool:
    """Is this a folder of the repository: not litter, an environment, a cache, or one of the four links?"""
    name = folder.name
    hidden = name.startswith(".") and name != ".ci"
    made = name in LITTER or name.endswith(".egg-info") or (folder / "pyvenv.cfg").exists()
    return not (hidden or made or folder.is_symlink())


def files(*suffixes: str, below: Path = ROOT) -> Iterator[Path]:
    """The repository's own files, each once."""
    for folder, folders, names in os.walk(below):
        folders[:] = sorted(name for name in folders if ours(Path(folder, name)))
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(suffixes))


def sources(layer: str) -> list[Path]:
    found = list(files(".py", below=ROOT / layer))
    assert found, f"{layer}/ holds no Python file"
    return found


def module_name(path: Path) -> str:
    """The name a file is imported by: ``simcore/primitives/lock.py`` is ``weft.simcore.primitives.lock``."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[0] != "weft":
        parts.insert(0, "weft")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Line, absolute name and whether it was written relative, for every name a file imports anywhere."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = [*base, *((node.module or "").split(".") if node.module else [])]
            yield from ((node.lineno, ".".join([*start, alias.name]), node.level > 0) for alias in node.names)


def layer_of(name: str) -> str | None:
    """The layer an imported name lies in; None for what is not ours."""
    parts = name.split(".")
    if parts[0] != "weft":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "weft"


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_one_way(layer: str) -> None:
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(layer)
        for line, name, _ in imports(path)
        if layer_of(name) not in (None, *allowed)
    ]
    assert not wrong, f"{layer} may use only {', '.join(allowed)}:\n" + "\n".join(wrong)


def test_the_trace_is_the_ground() -> None:
    found = [name for _, name, _ in imports(ROOT / "simcore/trace.py") if layer_of(name)]
    assert not found, f"simcore/trace.py must import nothing of ours; it imports {found}"


def test_no_module_can_be_imported_under_two_names() -> None:
    """Rooms import each other relatively: ``simcore`` as a top-level name exists only in a checkout."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for layer in LAYERS
        for path in sources(layer)
        for line, name, relative in imports(path)
        if name.split(".")[0] in ROOMS or (layer in ROOMS and layer_of(name) and not relative)
    ]
    assert not wrong, "inside a room write `from ..simcore.trace import Op`:\n" + "\n".join(wrong)


def test_the_reader_of_imports_sees_what_it_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "checkers" / "deep" / "race.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import os\nfrom ...simcore.trace import Op\nfrom .. import finding\ndef f():\n    import weft.cli\n"
    )
    assert list(imports(path)) == [
        (1, "os", False),
        (2, "weft.simcore.trace.Op", True),
        (3, "weft.checkers.finding", True),
        (5, "weft.cli", False),
    ]
    assert [layer_of(name) for _, name, _ in imports(path)] == [None, "simcore", "checkers", "weft"]


def test_the_four_links_are_relative() -> None:
    links = {path.name: os.readlink(path) for path in (ROOT / "weft").iterdir() if path.is_symlink()}
    assert links == {room: f"../{room}" for room in ROOMS}


@pytest.mark.slow
def test_the_wheel_holds_every_package_and_nothing_else(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for path in files(""):
        target = tree / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    for room in ROOMS:
        (tree / "weft" / room).symlink_to(f"../{room}")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path / "dist"),
        str(tree),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    shipped = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in shipped} == {"weft", f"weft-{project()['version']}.dist-info"}
    modules = {
        "/".join((*(() if layer == "weft" else ("weft",)), *path.relative_to(ROOT).parts))
        for layer in LAYERS
        for path in sources(layer)
    }
    assert modules <= shipped, sorted(modules - shipped)
    data = {f"weft/{path.relative_to(ROOT / 'weft')}" for path in files("", below=ROOT / "weft/templates")}
    assert data | {"weft/py.typed"} <= shipped
    assert not [name for name in shipped if "/tests/" in name or name.endswith(".pyc")]


def test_every_folder_of_python_files_is_a_package() -> None:
    bare = {path.parent for layer in LAYERS for path in sources(layer)} - {
        path.parent for layer in LAYERS for path in sources(layer) if path.name == "__init__.py"
    }
    assert not bare, "without __init__.py a folder is left out of the wheel"


# Written in pieces, so that this file does not find itself.
LEFT_BEHIND = re.compile(
    "|".join((r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b", "NotImplemented" + "Error"))
)
# /home/user/ is the invented one of tests and pages.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:" + "|".join(("work", "root", "home/" + r"(?!user/)\w+", "Users")) + ")/")


def own_texts() -> Iterator[Path]:
    """Every text file of the project. At the top only those of known kinds: a tour or a record leaves its files there."""
    yield from (path for path in ROOT.iterdir() if path.suffix in (".md", ".toml", ".py", ".txt"))
    yield ROOT / ".ci/run"
    suffixes = (".py", ".md", ".txt", ".j2", ".html", ".css", ".js", ".json", ".jsonl", ".std", ".svg", ".yml")
    for folder in (*LAYERS, "tests", "docs", "examples", "benchmarks", ".ci"):
        yield from files(*suffixes, below=ROOT / folder)


def test_no_leftovers() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in own_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if LEFT_BEHIND.search(line) or MACHINE_PATH.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("line", ["# TO" + "DO: later", "x = '/ho" + "me/ann/x'", "open('/wo" + "rk/data')"])
def test_the_search_for_leftovers_finds_them(line: str) -> None:
    assert LEFT_BEHIND.search(line) or MACHINE_PATH.search(line)


def test_rooms_do_not_print() -> None:
    """Only the face talks to people; models/ are programs, and may print as any program does."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in ("simcore", "checkers", "real_runs")
        for path in sources(room)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "breakpoint")
    ]
    assert not found, found


@pytest.mark.parametrize("layer", LAYERS)
def test_every_module_says_what_it_is_for(layer: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources(layer)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


@pytest.mark.parametrize("module", ["weft", "weft.cli", "weft.simcore.world", "weft.simcore.primitives"])
def test_importing_is_light(module: str) -> None:
    heavy = {"jinja2", "networkx", "numpy", "rich", "simpy", "torch"}
    code = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [], f"import {module} loads what a short command does not need"


def test_every_public_name_is_there_and_documented() -> None:
    import weft

    for name in weft.__all__:
        value = getattr(weft, name)
        assert not callable(value) or value.__doc__, f"weft.{name} has no docstring"


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def fenced_lines(page: str) -> list[str]:
    """The lines inside fenced blocks, a leading prompt removed."""
    inside = False
    lines: list[str] = []
    for line in page.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif inside:
            lines.append(re.sub(r"^\s*\$ ", "", line))
    return lines


def test_readme_has_two_one_line_commands_from_nothing() -> None:
    """Whoever looks for the tour or for the tests takes the first fenced line that mentions it."""
    lines = fenced_lines((ROOT / "README.md").read_text(encoding="utf-8"))
    tour = next(line for line in lines if "weft tour" in line)
    tests = next(line for line in lines if re.search(r"pytest|(^|[ ;&/])test", line))
    assert tour != tests
    for line in (tour, tests):
        assert line.startswith("python3 -m venv"), f"{line!r} must make its environment first"
        assert "pip install" in line
    assert tour.endswith("weft tour")
    assert tests.endswith("-m pytest")
    assert "[test]" in tests


def test_ci_runs_the_command_of_the_readme() -> None:
    """``.ci/run`` takes the command from the README; here with the very program it uses."""
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    extraction = re.search(r"^tests=\$\((awk .*)\)$", script, re.MULTILINE)
    assert extraction
    done = subprocess.run(["bash", "-c", extraction[1]], cwd=ROOT, capture_output=True, text=True, timeout=240)
    lines = fenced_lines((ROOT / "README.md").read_text(encoding="utf-8"))
    assert done.stdout.strip() == next(line for line in lines if "pytest" in line)
    assert 'bash -c "$tests"' in script


def test_changelog_and_package_agree_on_the_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = project()["version"]
    assert re.search(rf"^## \[?{re.escape(version)}\]?", changes, re.MULTILINE), (
        f"CHANGELOG.md has no entry for {version}"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import weft; print(weft.__version__)"], capture_output=True, text=True, timeout=240
    )
    assert done.stdout.strip() == version, done.stderr


def test_every_example_is_listed() -> None:
    page = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    examples = {path.name for path in files(".py", below=ROOT / "examples")}
    assert examples == set(re.findall(r"\]\((\w+\.py)\)", page))


def test_links_between_pages_lead_somewhere() -> None:
    broken: list[str] = []
    for page in files(".md"):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} links to {target}")
    assert not broken, "\n".join(broken)


def test_the_picture_is_what_its_script_draws(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "docs/draw_overview.py"), str(tmp_path)], check=True, timeout=240)
    drawn = sorted(tmp_path.glob("*.svg"))
    assert [path.name for path in drawn] == ["overview-dark.svg", "overview-light.svg"]
    for path in drawn:
        assert path.read_text() == (ROOT / "docs/images" / path.name).read_text(), "run python docs/draw_overview.py"
