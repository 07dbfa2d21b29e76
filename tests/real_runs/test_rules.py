"""The rules: each phrase for its rule, nothing for what is not known, one digest for one set of rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from weft.real_runs.rules import RULES, Circumstances, Rules, digest, disturbances

QUIET: dict[str, Any] = {"seconds": 1.0, "cores": 2, "processors": 2, "busy_threads": 2}


def test_nothing_known_is_no_verdict() -> None:
    assert disturbances(Circumstances(**QUIET)) is None


@pytest.mark.parametrize(
    ("known", "at_most", "more"),
    [
        ("run_delay_seconds", 0.04, 0.041),
        ("stolen_seconds", 0.01, 0.02),
        ("others_seconds", 0.1, 0.11),
        ("runnable_others", 2, 3),
    ],
)
def test_each_rule_has_its_bound(known: str, at_most: float, more: float) -> None:
    assert disturbances(Circumstances(**QUIET, **{known: at_most})) == []
    reasons = disturbances(Circumstances(**QUIET, **{known: more}))
    assert reasons is not None
    assert len(reasons) == 1


def test_waiting_for_a_processor_tells_only_while_there_is_one_for_each() -> None:
    crowded = Circumstances(**{**QUIET, "busy_threads": 3}, run_delay_seconds=0.9)
    assert disturbances(crowded) is None
    assert disturbances(replace(crowded, stolen_seconds=0.0)) == []


def test_of_a_short_run_nothing_can_be_said_below_the_kernels_steps() -> None:
    short = Circumstances(**{**QUIET, "seconds": 0.01}, others_seconds=0.03)
    assert disturbances(short) == []
    assert disturbances(replace(short, others_seconds=0.031)) != []


def test_the_digest_is_that_of_the_values() -> None:
    assert RULES.sha256() == Rules().sha256() == digest(RULES.published())
    assert replace(RULES, clean_min=9).sha256() != RULES.sha256()
    assert digest({"b": 1, "a": [2]}) == digest({"a": [2], "b": 1})


def test_the_rules_are_those_that_were_fixed_in_advance() -> None:
    assert (RULES.blocks, RULES.clean_min, RULES.run_seconds_min) == (20, 10, 0.1)
    assert (RULES.run_delay_share_max, RULES.steal_share_max, RULES.load_max) == (0.02, 0.005, 1.0)
    assert (RULES.margin, RULES.moved_max, RULES.level) == (0.05, 0.2, 0.95)
