"""The interleaving of a finding as SARIF code flows, and places as SARIF locations.

It knows findings and the words of SARIF 2.1.0 (OASIS, sections 3.28 to 3.38); which results there are is not its concern.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .checkers.finding import Finding, Step
from .sources import path_of, split_place

Object = dict[str, Any]
BASE = "%SRCROOT%"
"""The name by which viewers and services know the root of the checkout; where that is, is theirs to say."""

_KINDS: Mapping[str, list[str]] = {
    "acquire": ["acquire", "lock"],
    "release": ["release", "lock"],
    "read": ["memory", "value"],
    "write": ["memory", "value"],
    "atomic": ["memory", "value"],
    "start": ["call", "function"],
    "submit": ["call", "function"],
    "begin": ["enter", "function"],
    "run": ["enter", "function"],
    "end": ["exit", "function"],
    "join": ["acquire", "resource"],
    "get": ["acquire", "resource"],
    "put": ["release", "resource"],
}
"""Operations in the words that SARIF suggests (3.38.8); others get none, which is allowed."""


_ACCESSES = ("read", "write", "atomic")


def physical(place: str, files: Mapping[str, list[str]]) -> Object | None:
    """``bank.py:12`` as a physical location; None when the text is no place."""
    name, line = split_place(place)
    if not line:
        return None
    return {"artifactLocation": artifact(path_of(name, files)), "region": {"startLine": line}}


def artifact(path: str) -> Object:
    """A file below the working directory relative to the root, any other by its whole URI."""
    if Path(path).is_absolute():
        return {"uri": Path(path).as_uri()}
    return {"uri": quote(Path(path).as_posix()), "uriBaseId": BASE}


def location(place: str, files: Mapping[str, list[str]], text: str = "", **more: Any) -> Object:
    """A location with what is said of it; its place is left out when there is none."""
    found: Object = {**more}
    where = physical(place, files)
    if where is not None:
        found["physicalLocation"] = where
    if text:
        found["message"] = {"text": text}
    return found


def code_flows(finding: Finding, files: Mapping[str, list[str]]) -> list[Object]:
    """The witness twice: as one flow with all steps in order, since many viewers show only the first thread flow they
    meet, and as it is meant, one thread flow for each program thread, put in order by ``executionOrder``."""
    if not finding.steps:
        return []
    rows = _rows(finding, files)
    threads = dict.fromkeys(step.thread for step in finding.steps)
    apart = [
        {"id": name, "message": {"text": name}, "locations": [row for thread, row in rows if thread == name]}
        for name in threads
    ]
    whole = {"id": "all threads", "message": {"text": "all threads, in the order of the run"}}
    return [
        {"message": {"text": "the run"}, "threadFlows": [{**whole, "locations": [row for _, row in rows]}]},
        {"message": {"text": "the run, by thread"}, "threadFlows": apart},
    ]


def _rows(finding: Finding, files: Mapping[str, list[str]]) -> list[tuple[str, Object]]:
    holds = {(thread.name, hold.object, hold.at) for thread in finding.threads for hold in thread.holds}
    accesses = {related.at for related in finding.related}
    held: dict[str, list[str]] = {}
    rows: list[tuple[str, Object]] = []
    for number, step in enumerate(finding.steps, 1):
        mine = held.setdefault(step.thread, [])
        if step.operation == "release" and step.object in mine:
            mine.remove(step.object)
        matters = (
            bool(step.outcome)
            or number == len(finding.steps)
            or (step.thread, step.object, step.at) in holds
            or (step.operation in _ACCESSES and step.at in accesses)
        )
        row: Object = {
            "location": location(
                step.at,
                files,
                f"{step.thread}: {said(step)}",
                logicalLocations=[{"name": step.thread, "kind": "thread"}],
            ),
            "executionOrder": step.step,
            "nestingLevel": len(mine),
            "importance": "essential" if matters else "important",
        }
        kinds = [*_KINDS.get(step.operation, []), *(["danger"] if step.outcome == "blocked" else [])]
        if kinds:
            row["kinds"] = kinds
        if mine:
            row["state"] = {"held": {"text": ", ".join(mine)}}
        if step.operation == "acquire" and not step.outcome:
            mine.append(step.object)
        rows.append((step.thread, row))
    return rows


def said(step: Step) -> str:
    """A step in words: ``acquire a.lock (blocked)``."""
    outcome = f"({step.outcome})" if step.outcome else ""
    return " ".join(part for part in (step.operation, step.object, outcome) if part)


_FRAME = re.compile(r"(?P<place>\S+:[1-9]\d*)(?: in (?P<function>.+))?")


def stack(text: str, frames: list[str], files: Mapping[str, list[str]]) -> Object:
    """A stack of user frames; SARIF has the innermost first (3.44.3), a finding has it last."""
    found: list[Object] = []
    for frame in reversed(frames):
        match = _FRAME.fullmatch(frame)
        place, function = (match["place"], match["function"]) if match else ("", None)
        names = {"logicalLocations": [{"fullyQualifiedName": function, "kind": "function"}]} if function else {}
        found.append({"location": location(place, files, frame, **names)})
    return {"message": {"text": text}, "frames": found}


def wait_for_graph(finding: Finding) -> Object | None:
    """Threads and what they hold and want as a graph (3.39); None when nobody waits for what another one holds."""
    holders = {hold.object: thread.name for thread in finding.threads for hold in thread.holds}
    edges = {
        thread.name: (thread.name, holders[thread.waits.object], thread.waits)
        for thread in finding.threads
        if thread.waits is not None and thread.waits.object in holders
    }
    if not edges:
        return None
    return {
        "description": {"text": "wait-for graph: who waits for what whom holds"},
        "nodes": [{"id": name, "label": {"text": name}} for name in dict.fromkeys(t.name for t in finding.threads)],
        "edges": [
            {
                "id": f"{source} waits",
                "sourceNodeId": source,
                "targetNodeId": target,
                "label": {"text": f"{wait.object} ({wait.at})" if wait.at else wait.object},
            }
            for source, target, wait in edges.values()
        ],
    }
