"""What every checker returns: one finding, and the result that collects them. The JSON of both is a contract."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

Certainty = Literal["confirmed", "predicted", "observed", "latent"]
Verdict = Literal["findings", "clean", "incomplete"]


class Hold(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object a thread holds, and where it took it."""

    object: str
    at: str


class Wait(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a thread is blocked on. ``detail`` describes the object's state: ``full 2/2``, ``held by teller-1``."""

    object: str
    operation: str
    at: str
    detail: str = ""


class ThreadState(msgspec.Struct, frozen=True, kw_only=True):
    """A thread at the moment of the finding. ``state`` is one of the five life-cycle states."""

    name: str
    state: str
    holds: list[Hold] = []
    waits: Wait | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the interleaving table. ``step`` counts from 1 in the whole execution."""

    step: int
    thread: str
    operation: str
    object: str
    at: str
    outcome: str = ""


class Related(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another place a finding speaks of: the other access of a race, where a lock was made. ``stack`` is innermost last."""

    text: str
    at: str
    stack: list[str] = []


class Finding(msgspec.Struct, kw_only=True):
    """One problem. ``fingerprint`` is stable across runs, seeds and unrelated edits (no line numbers, no ids)."""

    rule: str
    kind: str
    certainty: Certainty
    message: str
    threads: list[ThreadState] = []
    steps: list[Step] = []
    switches: int = 0
    why: str = ""
    suggestion: str = ""
    traceback: list[str] = []
    related: list[Related] = []
    fingerprint: str = ""
    replay: str = ""
    seen: int = 1


class Result(msgspec.Struct, kw_only=True):
    """The outcome of ``weft check``. ``clean`` is only ever said with ``exhaustive``; ``limits`` says what
    was not seen."""

    schema: str = "weft.result/1"
    weft: str
    command: str
    target: str
    seed: int
    parameters: dict[str, Any] = {}
    verdict: Verdict
    exhaustive: bool
    executions: int
    steps: int
    seconds: float
    engine: str
    limits: list[str] = []
    notes: list[str] = []
    findings: list[Finding] = []

    def raise_for_findings(self) -> None:
        """Raise :class:`FindingsError` when anything was found; for use in a test."""
        if self.findings:
            raise FindingsError(self.findings)


class FindingsError(AssertionError):
    """Raised by :meth:`Result.raise_for_findings`; carries the findings."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(f"{finding.rule} {finding.kind}: {finding.message}" for finding in findings))


def fingerprint(rule: str, *parts: str) -> str:
    """A short stable id of a finding: rule and the functions and object names involved, never lines or addresses."""
    return hashlib.blake2b("|".join((rule, *parts)).encode(), digest_size=6).hexdigest()
