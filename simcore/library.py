"""Whose file it is: the user's, or the standard library's or ours, and so no place to show a user.

Knows file names only.
"""

from __future__ import annotations

import sys
import threading
from types import FrameType

_OWN = __file__.rsplit("/simcore/", 1)[0]
_STDLIB = threading.__file__.rsplit("/", 1)[0] + "/"
_OWN_ROOMS = tuple(
    f"{_OWN}/{room}/"
    for room in ("simcore", "checkers", "real_runs", "weft/simcore", "weft/checkers", "weft/real_runs")
)
_FACE: str = sys.modules[__name__.partition(".")[0]].__path__[0]
"""The folder of the package that we are installed in: its own files, but not the programs in its ``models``."""
_hidden: list[str] = []
known: dict[str, bool] = {}
"""What :func:`is_library` has answered, by file name."""


def is_library(filename: str) -> bool:
    """Is this file the standard library's or ours?"""
    found = known.get(filename)
    if found is None:
        found = known[filename] = (
            filename.startswith(_OWN_ROOMS)
            or (filename.startswith(_STDLIB) and "/site-packages/" not in filename)
            or filename.startswith(("<frozen ", *_hidden))
            or filename.rpartition("/")[0] == _FACE
        )
    return found


def hide(folder: str) -> None:
    """Lines below this folder are no place to show a user either."""
    if f"{folder}/" not in _hidden:
        _hidden.append(f"{folder}/")
        known.clear()


def user_place(frame: FrameType | None) -> str:
    """``" at file.py:12"``: the innermost line of the user's code, going outwards from ``frame``; empty if none."""
    while frame is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return "" if frame is None else f" at {frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno}"
