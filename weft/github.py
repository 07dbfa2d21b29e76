"""A check result as workflow commands, which GitHub shows beside the code.

The level of a line is the certainty of its finding; nothing else is decided here. The form and its escaping are those
of GitHub's documentation, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from .checkers.finding import Certainty, Finding, Result
from .sources import first_place, path_of, split_place
from .text import place_of, verdict_lines

_LEVELS: dict[Certainty, str] = {
    "confirmed": "error",
    "predicted": "warning",
    "observed": "warning",
    "latent": "notice",
}


def render_github(result: Result) -> str:
    """One command for each finding and note, and the verdict as plain lines."""
    lines = [
        _command(_LEVELS[each.certainty], place_of(each), _title(each), _text(each), result) for each in result.findings
    ]
    lines += [_command("notice", first_place(note), "weft note", note, result) for note in result.notes]
    lines.append(verdict_lines(result))
    return "\n".join(lines)


def _title(finding: Finding) -> str:
    return f"{finding.rule} {finding.kind}"


def _text(finding: Finding) -> str:
    return "\n".join([finding.message, *([f"fix: {finding.suggestion}"] if finding.suggestion else [])])


def _command(level: str, place: str, title: str, text: str, result: Result) -> str:
    name, line = split_place(place)
    properties = {"title": title}
    if line:
        properties = {"file": path_of(name, result.files), "line": str(line), **properties}
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{level} {given}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
