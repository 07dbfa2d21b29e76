"""Machine profiles by name, and what is to be said of one that is used: from another machine, too old, not measured.

A profile is never refused for what it is; whoever uses it prints what is doubtful.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ..simcore.profile import IDEAL, Profile, ProfileError
from ..simcore.profile import load as load_profile
from .machine import describe

OWN = "machine.json"
"""Where ``weft calibrate`` writes by default, in the current folder, and where ``weft validate`` looks first."""
_TOLD_APART = (("cpu", "processor"), ("architecture", "architecture"), ("cores", "number of cores"))
_TOLD_APART_PYTHON = (("implementation", "interpreter"), ("gil", "GIL"))


def _here() -> Traversable:
    return files(__name__.rpartition(".")[0])


def shipped() -> list[str]:
    """The names of the profiles that come with weft."""
    folder = _here() / "profiles"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


def find_profile(text: str) -> Profile:
    """The profile a user names: a file, the name of a shipped one, ``default`` or ``ideal``.

    Raises:
        ProfileError: there is none of that name, or the file is not a profile.
    """
    if text in ("default", "ideal"):
        return Profile() if text == "default" else IDEAL
    if text in shipped():
        entry = _here() / "profiles" / f"{text}.json"
        return load_profile(Path(str(entry)))
    if not Path(text).exists():
        known = ", ".join(["default", "ideal", *shipped()])
        raise ProfileError(
            f"no machine profile {text!r}: neither a file nor one of {known}; `weft calibrate -o FILE` writes one"
        )
    return load_profile(text)


def doubts(profile: Profile, machine: dict[str, Any] | None = None, today: datetime | None = None) -> list[str]:
    """What a reader of numbers made with ``profile`` on this machine must know, one sentence each.

    ``machine`` (as :func:`machine.describe` gives it) and ``today`` are this machine and now unless given.
    """
    machine = describe() if machine is None else machine
    if not profile.machine:
        return []  # it was never measured: the prediction itself says so of the default, and others were written by hand
    found = [
        f"the {what} was {profile.machine[key]}, here it is {machine[key]}"
        for key, what in _TOLD_APART + _TOLD_APART_PYTHON
        if key in profile.machine and profile.machine[key] != machine.get(key)
    ]
    theirs, ours = (str(values.get("python", "")).split(".")[:2] for values in (profile.machine, machine))
    if theirs != ours and theirs != [""]:
        found.append(f"Python was {'.'.join(theirs)}, here it is {'.'.join(ours)}")
    said: list[str] = []
    if found:
        said.append(
            f"the profile {profile.name!r} is from another machine ({'; '.join(found)}); it is used all the same, "
            "`weft calibrate` measures this one"
        )
    days = _age_days(profile, today or datetime.now(UTC))
    if days is not None and days > profile.valid_days:
        said.append(
            f"the profile {profile.name!r} is {days} days old and was to be used for {profile.valid_days}; "
            "run `weft calibrate` again"
        )
    return said


def _age_days(profile: Profile, today: datetime) -> int | None:
    """None when it has no date that can be read."""
    try:
        date = datetime.fromisoformat(str(profile.machine["date"]))
    except (KeyError, ValueError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return (today - date).days
