"""A check result as SARIF 2.1.0, the format in which code scanning services take findings.

It writes what a result says in the words of the standard (OASIS, "Static Analysis Results Interchange Format 2.1.0")
and adds nothing of its own; the interleavings are drawn by :mod:`weft.sarif_flows`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .checkers.finding import Certainty, Finding, Result, Suppressed
from .checkers.rules import RULES, Rule
from .explained import cured, example
from .sarif_flows import BASE, Object, code_flows, location, stack, wait_for_graph
from .sources import first_place
from .text import place_of, thread_sentence

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Mapping[Certainty, str] = {
    "confirmed": "error",
    "predicted": "warning",
    "observed": "warning",
    "latent": "warning",
}
_RANKS: Mapping[Certainty, float] = {"confirmed": 95.0, "observed": 80.0, "predicted": 60.0, "latent": 40.0}
"""Certainty as SARIF's rank, 0 to 100; only the order of the four means something."""
_EXITS = {0: "nothing found", 1: "findings", 130: "interrupted, the result is partial"}


def sarif(result: Result, *, exit_code: int, interrupted: bool = False) -> Object:
    """The whole log: one run, with a result for each finding (also suppressed ones) and each note."""
    rules = [rule for rule in RULES.values() if rule.since != "planned"]
    positions = {rule.id: number for number, rule in enumerate(rules)}
    results = [_result(finding, result, positions) for finding in (*result.findings, *result.suppressed)]
    results += [_note(note, result, positions) for note in result.notes]
    run: Object = {
        "tool": {
            "driver": {
                "name": "weft",
                "version": result.weft,
                "semanticVersion": result.weft,
                "shortDescription": {"text": "Concurrency correctness of threaded Python, by running its schedules."},
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not interrupted,
                "exitCode": exit_code,
                "exitCodeDescription": _EXITS[exit_code],
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": text}} for text in _limits(result)
                ],
            }
        ],
        "originalUriBaseIds": {BASE: {"description": {"text": "the folder in which weft was run"}}},
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "target": result.target,
            "parameters": result.parameters,
            "verdict": result.verdict,
            "exhaustive": result.exhaustive,
            "executions": result.executions,
            "steps": result.steps,
            "engine": result.engine,
            "seed": result.seed,
        },
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _limits(result: Result) -> Iterator[str]:
    yield from (f"not seen: {limit}" for limit in result.limits)
    yield from (f"suppressed nothing: {text}" for text in result.unused_suppressions)


def _distinct(rows: list[Object]) -> list[Object]:
    """The schema wants each stack once (3.27.19)."""
    return [row for position, row in enumerate(rows) if row not in rows[:position]]


def _rule(rule: Rule) -> Object:
    name = "".join(word.capitalize() for word in rule.kind.split("-"))
    plain = f"{rule.meaning}\n\nCure: {rule.cure}"
    code = f"The cure: {rule.cure}"
    if rule.program:
        plain += f"\n\n`weft explain {rule.id}` shows an example and its cure."
        code = f"```python\n{example(rule.id)}```\n\nThe cure: {rule.cure}\n\n```python\n{cured(rule.id)}```"
    return {
        "id": rule.id,
        "name": name,
        "shortDescription": {"text": f"{rule.kind}: {rule.meaning.partition('. ')[0].removesuffix('.')}."},
        "fullDescription": {"text": rule.meaning},
        "help": {"text": plain, "markdown": f"{rule.meaning}\n\n{code}\n"},
        "defaultConfiguration": {
            "level": "warning" if rule.id in ("D002", "R003", "L001", "L002", "P001") else "error"
        },
        "properties": {"tags": ["concurrency", "threads", "correctness"]},
    }


def _result(finding: Finding, result: Result, positions: Mapping[str, int]) -> Object:
    files = result.files
    related, sentences = _related(finding, files)
    found: Object = {
        "ruleId": finding.rule,
        **({"ruleIndex": positions[finding.rule]} if finding.rule in positions else {}),
        "level": _LEVELS[finding.certainty],
        "rank": _RANKS[finding.certainty],
        "message": {"text": "\n".join([finding.message, *sentences, *_advice(finding)])},
        "locations": [location(place_of(finding), files)] if place_of(finding) else [],
        "relatedLocations": related,
        "codeFlows": code_flows(finding, files),
        "stacks": _distinct([stack(each.text, each.stack, files) for each in finding.related if each.stack]),
        "partialFingerprints": {"findingSignature/v1": finding.fingerprint} if finding.fingerprint else {},
        "suppressions": _suppressions(finding, files),
        "occurrenceCount": max(finding.seen, 1),
        "properties": {"certainty": finding.certainty, "switches": finding.switches, "replay": finding.replay},
    }
    graph = wait_for_graph(finding)
    if graph is not None:
        found["graphs"] = [graph]
    # An empty list of suppressions says that the result counts; the standard wants it on every result or on none.
    return {key: value for key, value in found.items() if value not in ([], {}) or key == "suppressions"}


def _advice(finding: Finding) -> list[str]:
    return [
        *([f"Why: {finding.why}"] if finding.why else []),
        *([f"Fix: {finding.suggestion}"] if finding.suggestion else []),
    ]


def _related(finding: Finding, files: Mapping[str, list[str]]) -> tuple[list[Object], list[str]]:
    """The further places with their numbers, and the sentences that refer to them as links."""
    texts: dict[str, list[str]] = {}
    sentences: list[str] = []
    for thread in finding.threads:
        for hold in thread.holds:
            texts.setdefault(hold.at, []).append(f"{thread.name} took {hold.object} here")
        if thread.waits is not None:
            texts.setdefault(thread.waits.at, []).append(f"{thread.name} waits for {thread.waits.object} here")
        sentences.append(thread_sentence(thread))
    for each in finding.related:
        texts.setdefault(each.at, []).append(each.text)
        sentences.append(f"{each.text} ({each.at})" if each.at and each.at not in each.text else each.text)
    texts.pop("", None)
    numbers = {place: number for number, place in enumerate(texts, 1)}
    objects = [location(place, files, "; ".join(texts[place]), id=number) for place, number in numbers.items()]
    return objects, [_linked(sentence, numbers) for sentence in sentences if sentence]


def _linked(sentence: str, numbers: Mapping[str, int]) -> str:
    """The places in a sentence as links to related locations (3.11.6)."""

    def link(found: re.Match[str]) -> str:
        return f"([{found[1]}]({numbers[found[1]]}))" if found[1] in numbers else found[0]

    return re.sub(r"\((\S+:\d+)\)", link, sentence)


def _suppressions(finding: Finding, files: Mapping[str, list[str]]) -> list[Object]:
    if not isinstance(finding, Suppressed):
        return []
    cause = finding.suppression
    found: Object = {"kind": cause.kind, "properties": {"text": cause.text, "at": cause.at}}
    if cause.reason:
        found["justification"] = cause.reason
    if cause.kind == "inSource":
        found["location"] = location(cause.at, files)
    return [found]


def _note(note: str, result: Result, positions: Mapping[str, int]) -> Object:
    rule = re.match(r"[A-Z]\d{3}\b", note)
    place = first_place(note)
    found: Object = {"level": "note", "message": {"text": note}, "suppressions": []}
    if rule and rule[0] in positions:
        found |= {"ruleId": rule[0], "ruleIndex": positions[rule[0]]}
    if place:
        found["locations"] = [location(place, result.files)]
    return found
