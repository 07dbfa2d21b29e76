"""Failure files: what ``weft check`` saves for each finding and ``weft replay`` reads; how a schedule is run is not known."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec

from .options import Options

SCHEMA = "weft.failure/1"
FAILURES = Path(".weft") / "failures"
"""Where they are kept, from the working directory."""


class FailureFileError(Exception):
    """A failure file cannot be read or does not fit; the message says why (exit code 2)."""


class _Failure(msgspec.Struct):
    """What a failure file must hold."""

    target: str
    parameters: dict[str, Any]
    options: Options
    schedule: list[Annotated[int, msgspec.Meta(ge=0)]]
    labels: list[str]
    outcome: str
    argv: list[str] = []
    visible: list[str] = []
    signature: list[Any] = []


_OPTIONAL = ("argv", "visible", "signature")


def write_failure(fingerprint: str, content: dict[str, Any]) -> Path:
    """Write the failure file of a finding; returns its path relative to the working directory.

    Raises:
        OSError: it cannot be written.
    """
    path = FAILURES / f"{fingerprint}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema": SCHEMA, **content}, indent=1) + "\n", encoding="utf-8")
    return path


def read_failure(path: Path) -> dict[str, Any]:
    """Read a failure file.

    Raises:
        FailureFileError: missing, not JSON, of another schema, or incomplete.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FailureFileError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FailureFileError(f"{path} is not a failure file: it is not JSON, or cut short ({error})") from error
    if not isinstance(content, dict) or cast("dict[str, Any]", content).get("schema") != SCHEMA:
        raise FailureFileError(f'{path} is not a failure file: its "schema" must be {SCHEMA!r}')
    missing = [key for key in _Failure.__struct_fields__ if key not in (*_OPTIONAL, *content)]
    if missing:
        raise FailureFileError(f"{path} is not a whole failure file: it has no {', '.join(missing)}")
    try:
        whole = msgspec.convert(content, _Failure)
        unknown = cast("dict[str, Any]", content["options"]).keys() - {option.name for option in fields(Options)}
    except msgspec.ValidationError as error:
        raise FailureFileError(f"{path} is not a whole failure file: {error}") from error
    if unknown:
        raise FailureFileError(f"{path} has options this version does not know: {', '.join(sorted(unknown))}")
    given = {key: getattr(whole, key) for key in _OPTIONAL}
    return {**cast("dict[str, Any]", content), "options": asdict(whole.options), **given}
