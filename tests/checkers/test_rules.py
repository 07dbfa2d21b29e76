"""The catalogue of rules: ids are for good, and every one that is reported says what it means and what to do."""

from __future__ import annotations

import re

import pytest

from weft.checkers.rules import RULES, Rule

CONTRACT = {
    "D001": "deadlock",
    "D002": "lock-order",
    "D003": "communication-deadlock",
    "D004": "lost-wakeup",
    "D005": "pool-starvation",
    "D006": "self-deadlock",
    "R001": "data-race",
    "R002": "lost-update",
    "R003": "atomicity",
    "E001": "exception",
    "E002": "assertion",
    "L001": "livelock",
    "L002": "starvation",
    "P001": "priority-inversion",
    "H001": "not-linearizable",
    "G001": "gpu-race",
    "G002": "gpu-use-after-free",
    "G003": "gpu-deadlock",
    "G004": "collective-order",
    "G005": "unordered-event",
}
"""Scripts and configurations name these; one that is taken away or renamed breaks them."""


def test_ids_and_kinds_are_a_contract() -> None:
    assert {rule.id: rule.kind for rule in RULES.values()} == CONTRACT
    assert all(name == rule.id and re.fullmatch(r"[A-Z]\d{3}", name) for name, rule in RULES.items())


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_what_a_rule_says(rule: Rule) -> None:
    assert rule.meaning.endswith(".")
    assert rule.meaning[0].isupper()
    if rule.since == "planned":
        assert not rule.cure, "a cure is promised for what is reported"
    else:
        assert rule.cure.endswith(".")
