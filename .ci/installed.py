"""Try an installed weft from a folder with a ``models`` package of its own: ``installed.py ENVIRONMENT``.

The four rooms are top-level folders of the repository but must arrive only inside ``weft``: a user's project may
have packages of the same names, and they must stay theirs.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOMS = ("simcore", "checkers", "models", "real_runs")

OWN_PACKAGE = 'OWNER = "the user"\n'

PROGRAM = """\
import threading

import models

assert models.OWNER == "the user", models.__file__
first, second = threading.Lock(), threading.Lock()


def take(one, other):
    with one, other:
        pass


def ordered():
    run((first, second), (first, second))


def crossed():
    run((first, second), (second, first))


def run(*orders):
    threads = [threading.Thread(target=take, args=order) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    ordered()
"""


def expect(status: int, folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    print(f"{' '.join(command[-3:])}: exit {done.returncode}")
    if done.returncode != status:
        sys.exit(f"expected exit {status}; it printed\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> None:
    binaries = Path(sys.argv[1], "bin").absolute()
    python, weft = str(binaries / "python"), str(binaries / "weft")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = folder / "models"
        own.mkdir()
        (own / "__init__.py").write_text(OWN_PACKAGE)
        (folder / "app.py").write_text(PROGRAM)
        expect(0, folder, weft, "--help")
        expect(0, folder, python, "-m", "weft", "--help")
        expect(0, folder, weft, "check", "app.py")
        if "clean" not in expect(0, folder, weft, "check", "app.py:ordered"):
            sys.exit("weft check app.py:ordered was not exhaustive")
        if "D001" not in expect(1, folder, weft, "check", "app.py:crossed"):
            sys.exit("weft check app.py:crossed did not report D001")
        expect(0, folder, python, "-c", "import models, weft.models; assert models.OWNER == 'the user'")
        if (own / "__init__.py").read_text() != OWN_PACKAGE:
            sys.exit("weft changed the user's own models package")
        for room in ROOMS:
            expect(1, folder.parent, python, "-I", "-c", f"import {room}")


if __name__ == "__main__":
    main()
