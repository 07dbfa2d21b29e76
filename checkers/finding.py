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
    """Another place a finding speaks of: the other access of a race, where a lock was made.

    ``text`` is a sentence without the place, ``stack`` the frames of user code that led there, innermost last, each
    as ``bank.py:12 in transfer``.
    """

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


class Suppression(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a finding does not count: a comment in the source, or an entry of the configuration (SARIF's two kinds)."""

    kind: Literal["inSource", "external"]
    text: str
    """As the user wrote it, without the reason: ``# weft: ignore[D002]`` or ``D002:*Pool*``."""
    at: str
    """The comment's line, or the configuration file."""
    reason: str = ""


class Suppressed(Finding, kw_only=True):
    """A finding that was made and then set aside; it has no effect on the verdict."""

    suppression: Suppression


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
    """What deserves one line and no more: unordered accesses without a consequence, comments we could not read."""
    findings: list[Finding] = []
    suppressed: list[Suppressed] = []
    unused_suppressions: list[str] = []
    gpus: int = 0
    """How many devices were simulated."""
    files: dict[str, list[str]] = {}
    """Where the program's own files lie that places call by name: ``{"bank.py": ["src/bank.py"]}``."""

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
