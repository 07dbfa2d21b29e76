"""Which findings a project has decided to live with: ``# weft: ignore[D002] reason`` in the source, ``ignore`` in
``[tool.weft]``.

It sets findings aside and remembers which suppression did something; how either is said belongs to the reports.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec.structs import asdict

from .checkers.finding import Finding, Result, Suppressed, Suppression
from .configuration import unknown_rule
from .sources import first_place, split_place

_COMMENT = re.compile(r"#\s*weft:\s*ignore\b(?:\s*\[(?P<rules>[^\]]*)\])?(?P<reason>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Comment:
    """One rule of one comment."""

    rule: str
    at: str
    reason: str

    @property
    def suppression(self) -> Suppression:
        return Suppression("inSource", f"# weft: ignore[{self.rule}]", self.at, self.reason)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One text of ``[tool.weft] ignore``: a rule and, after a colon, a pattern of object names."""

    text: str
    file: str

    @property
    def suppression(self) -> Suppression:
        return Suppression("external", self.text, self.file)

    def covers(self, finding: Finding) -> bool:
        rule, _, pattern = self.text.partition(":")
        if rule != finding.rule:
            return False
        # A name may hold brackets of its own, accounts[0].lock, which a pattern would read as a choice of letters.
        return not pattern or any(name == pattern or fnmatchcase(name, pattern) for name in _objects(finding))


class Suppressions:
    """The suppressions of one command, over all of its results."""

    def __init__(self, ignore: Sequence[str] = (), file: str = "") -> None:
        self._entries = [_Entry(text, file) for text in ignore]
        self._comments: dict[str, list[_Comment]] = {}
        self._used: set[_Entry | _Comment] = set()
        self._notes: dict[str, None] = {}

    def apply(self, result: Result) -> list[int]:
        """Set aside what is suppressed, add notes on comments that say nothing; returns the positions that remain."""
        for path in _paths(result.files):
            if path not in self._comments:
                self._comments[path] = list(self._read(path))
        kept: list[int] = []
        suppressed: list[Suppressed] = []
        for position, finding in enumerate(result.findings):
            cause = self._cause(finding, result.files)
            if cause is None:
                kept.append(position)
            else:
                self._used.add(cause)
                suppressed.append(Suppressed(**asdict(finding), suppression=cause.suppression))
        result.findings = [result.findings[position] for position in kept]
        result.suppressed += suppressed
        result.notes += [note for note in self._notes if note not in result.notes]
        if suppressed and not kept:
            result.verdict = "clean" if result.exhaustive else "incomplete"
        return kept

    def unused(self, *, races: bool = True) -> list[str]:
        """What suppressed nothing, as the user wrote it. Without ``races`` their rules were not looked for."""
        every = [*(comment for comments in self._comments.values() for comment in comments), *self._entries]
        idle = [each.suppression for each in every if each not in self._used]
        return [
            f"{suppression.text} ({suppression.at})" if suppression.at else suppression.text
            for suppression in idle
            if races or not re.search(r"\bR\d{3}\b", suppression.text)
        ]

    def _cause(self, finding: Finding, files: Mapping[str, list[str]]) -> _Comment | _Entry | None:
        for place in places(finding):
            name, line = split_place(place)
            for path in files.get(name, []):
                for comment in self._comments[path]:
                    if comment.rule == finding.rule and split_place(comment.at)[1] == line:
                        return comment
        return next((entry for entry in self._entries if entry.covers(finding)), None)

    def _read(self, path: str) -> Iterator[_Comment]:
        for line, text in _comments(path):
            found = _COMMENT.search(text)
            if found is None:
                continue
            at = f"{path}:{line}"
            rules = [rule.strip() for rule in (found["rules"] or "").split(",") if rule.strip()]
            if not rules:
                self._notes[f"{at}: this comment names no rule; write # weft: ignore[D001] and the reason"] = None
            for rule in rules:
                complaint = unknown_rule(rule)
                if complaint:
                    self._notes[f"{at}: # weft: ignore[{rule}]: {complaint}"] = None
                else:
                    yield _Comment(rule, at, found["reason"].strip())


def places(finding: Finding) -> Iterator[str]:
    """Every line a finding names: waits, holds, steps, related places, and where an exception was raised."""
    for thread in finding.threads:
        if thread.waits is not None:
            yield thread.waits.at
        yield from (hold.at for hold in thread.holds)
    yield from (step.at for step in finding.steps)
    yield from (related.at for related in finding.related)
    if finding.traceback:
        yield first_place(finding.message)


def _objects(finding: Finding) -> Iterator[str]:
    for thread in finding.threads:
        if thread.waits is not None:
            yield thread.waits.object
        yield from (hold.object for hold in thread.holds)
    yield from (step.object for step in finding.steps)


def _paths(files: Mapping[str, list[str]]) -> Iterator[str]:
    for paths in files.values():
        yield from paths


def _comments(path: str) -> Iterator[tuple[int, str]]:
    """Line and text of the comments that may be ours; in a text that is no comment the words mean nothing."""
    try:
        data = Path(path).read_bytes()
    except OSError:  # it ran, so it was there; whoever removed it removed its comments
        return
    if b"weft:" not in data:
        return
    try:
        for token in tokenize.tokenize(io.BytesIO(data).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError):  # edited since it ran; what was read until here still counts
        return
