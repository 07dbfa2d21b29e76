"""SARIF: every log is valid by the schema, and says of a finding what the text says, in the words of the standard.

``sarif_2_1_0.json`` is the part of the format that weft writes. ``WEFT_SARIF_SCHEMA=FILE`` names the complete schema
of OASIS, which is not ours to ship; then every log is held against it, too.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from weft.checkers.finding import Finding, Hold, Related, Result, Step, Suppression, ThreadState, Wait
from weft.checkers.rules import RULES
from weft.sarif import sarif

from .conftest import LOST_UPDATE, Weft, finding, result, results, suppressed, waiting

FILES = [Path(__file__).with_name("sarif_2_1_0.json"), *map(Path, filter(None, [os.environ.get("WEFT_SARIF_SCHEMA")]))]
SCHEMAS = [json.loads(file.read_text(encoding="utf-8")) for file in FILES]
VALIDATORS = [jsonschema.validators.validator_for(schema)(schema) for schema in SCHEMAS]


def valid(log: dict[str, Any]) -> dict[str, Any]:
    """The one run of a log that keeps to the schema, and to what the standard says beyond it."""
    for validator in VALIDATORS:
        assert [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(log)] == []
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    for one in run["results"]:
        if "ruleIndex" in one:
            assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        ids = [place["id"] for place in one.get("relatedLocations", [])]
        assert len(ids) == len(set(ids))
        assert {int(link) for link in re.findall(r"\]\((\d+)\)", one["message"]["text"])} <= set(ids)
        for flow in one.get("codeFlows", []):
            orders = [row["executionOrder"] for thread in flow["threadFlows"] for row in thread["locations"]]
            assert len(orders) == len(set(orders))
    assert all("suppressions" in one for one in run["results"])
    return run


def only(found: Finding, **more: Any) -> dict[str, Any]:
    run = valid(sarif(result(verdict="findings", findings=[found], **more), exit_code=1))
    (one,) = run["results"]
    return one


@settings(max_examples=50, deadline=None)
@given(results)
def test_every_log_is_valid(found: Result) -> None:
    run = valid(sarif(found, exit_code=1))
    assert len(run["results"]) == len(found.findings) + len(found.suppressed) + len(found.notes)


@pytest.mark.parametrize(
    "damage",
    [
        lambda run: run["results"][0].update(Level="error"),
        lambda run: run["results"][0].update(level="fatal"),
        lambda run: run["results"][0].pop("message"),
        lambda run: run["results"][0]["codeFlows"][0].update(threadFlows=[]),
        lambda run: run["results"][0]["locations"][0]["physicalLocation"]["region"].update(startLine=0),
        lambda run: run["tool"]["driver"].pop("name"),
        lambda run: run["invocations"][0].update(exitCode="1"),
    ],
)
@pytest.mark.parametrize("validator", VALIDATORS)
def test_the_schema_refuses_what_is_wrong(validator: Any, damage: Any) -> None:
    log = sarif(result(findings=[LOST_UPDATE]), exit_code=1)
    assert validator.is_valid(log)
    damage(log["runs"][0])
    assert not validator.is_valid(log)


@pytest.mark.parametrize(
    ("certainty", "level"), [("confirmed", "error"), ("predicted", "warning"), ("observed", "warning")]
)
def test_the_level_is_the_certainty(certainty: Any, level: str) -> None:
    assert only(finding(certainty=certainty))["level"] == level


def test_a_finding_has_its_place_its_fingerprint_and_its_replay() -> None:
    one = only(LOST_UPDATE, files={"counter.py": ["src/my counter.py"]})
    assert one["ruleId"] == "R002"
    assert one["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "src/my%20counter.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 9},
            }
        }
    ]
    assert one["partialFingerprints"] == {"findingSignature/v1": "0a1b2c"}
    assert one["properties"]["replay"] == ".weft/failures/0a1b2c.json"
    assert one["suppressions"] == []


def test_a_file_outside_the_working_directory_is_named_in_full() -> None:
    one = only(LOST_UPDATE, files={"counter.py": ["/usr/lib/counter.py"]})
    assert one["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///usr/lib/counter.py"}


def test_the_interleaving_is_one_flow_and_then_one_flow_a_thread() -> None:
    whole, apart = only(LOST_UPDATE)["codeFlows"]
    (merged,) = whole["threadFlows"]
    assert [row["executionOrder"] for row in merged["locations"]] == [7, 9, 10]
    assert {flow["id"]: [row["executionOrder"] for row in flow["locations"]] for flow in apart["threadFlows"]} == {
        "one": [7, 10],
        "two": [9],
    }
    last = merged["locations"][-1]
    assert last["location"]["message"]["text"] == "one: write counter.value (1)"
    assert last["kinds"] == ["memory", "value"]
    assert {row["importance"] for row in merged["locations"]} == {"essential"}, "all are accesses of the race"


def test_what_led_to_an_access_is_less_than_the_access() -> None:
    rows = [("acquire", "p.py:1"), ("read", "p.py:2"), ("release", "p.py:3"), ("write", "p.py:4")]
    steps = [
        Step(step=number, thread="t", operation=operation, object="x", at=at)
        for number, (operation, at) in enumerate(rows, 1)
    ]
    one = only(finding(steps=steps, related=[Related("t reads x", "p.py:2"), Related("t writes x", "p.py:4")]))
    (merged,) = one["codeFlows"][0]["threadFlows"]
    assert [row["importance"] for row in merged["locations"]] == ["important", "essential", "important", "essential"]


def test_the_nesting_level_counts_the_locks_held() -> None:
    rows = [("acquire", "a", ""), ("acquire", "b", ""), ("release", "b", ""), ("acquire", "c", "blocked")]
    steps = [
        Step(step=number, thread="t", operation=operation, object=lock, at="p.py:1", outcome=outcome)
        for number, (operation, lock, outcome) in enumerate(rows, 1)
    ]
    (merged,) = only(finding(steps=steps))["codeFlows"][0]["threadFlows"]
    assert [row["nestingLevel"] for row in merged["locations"]] == [0, 1, 1, 1]
    assert [row.get("state", {}).get("held", {}).get("text") for row in merged["locations"]] == [None, "a", "a", "a"]
    assert merged["locations"][-1]["kinds"] == ["acquire", "lock", "danger"]


def test_related_places_are_linked_and_their_stacks_kept() -> None:
    one = only(finding(threads=[waiting("bank.py:13")], related=[Related("a.lock made", "bank.py:3")]))
    texts = {place["id"]: place["message"]["text"] for place in one["relatedLocations"]}
    assert texts == {
        1: "teller-1 took a.lock here",
        2: "teller-1 waits for b.lock here",
        3: "a.lock made",
    }
    assert "teller-1 holds a.lock ([bank.py:12](1)), wants b.lock ([bank.py:13](2))" in one["message"]["text"]
    assert "a.lock made ([bank.py:3](3))" in one["message"]["text"]
    first, second = only(LOST_UPDATE)["stacks"]
    assert [frame["location"]["message"]["text"] for frame in first["frames"]] == [
        "counter.py:9 in add",
        "counter.py:20 in main",
    ]
    assert len(second["frames"]) == 1


def test_a_cycle_is_a_graph() -> None:
    threads = [
        ThreadState(name="one", state="blocked", holds=[Hold("a", "p.py:1")], waits=Wait("b", "acquire", "p.py:2")),
        ThreadState(name="two", state="blocked", holds=[Hold("b", "p.py:3")], waits=Wait("a", "acquire", "p.py:4")),
    ]
    (graph,) = only(finding(threads=threads))["graphs"]
    assert [(edge["sourceNodeId"], edge["targetNodeId"]) for edge in graph["edges"]] == [("one", "two"), ("two", "one")]
    assert "graphs" not in only(LOST_UPDATE)


def test_suppressed_findings_and_notes_are_results_too() -> None:
    causes = [
        Suppression("inSource", "# weft: ignore[D001]", "src/p.py:3", "known"),
        Suppression("external", "D001:a*", "pyproject.toml"),
    ]
    found = result(suppressed=[suppressed(cause) for cause in causes], notes=["R001 x unordered (p.py:3)", "other"])
    first, second, note, other = valid(sarif(found, exit_code=0))["results"]
    assert first["suppressions"][0]["kind"] == "inSource"
    assert first["suppressions"][0]["justification"] == "known"
    assert first["suppressions"][0]["location"]["physicalLocation"]["region"] == {"startLine": 3}
    assert second["suppressions"][0]["kind"] == "external"
    assert (note["level"], note["ruleId"]) == ("note", "R001")
    assert note["locations"][0]["physicalLocation"]["region"] == {"startLine": 3}
    assert "ruleId" not in other


def test_the_driver_explains_every_rule_that_is_reported() -> None:
    driver = valid(sarif(result(), exit_code=0))["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in RULES.values() if rule.since != "planned"]
    for rule in driver["rules"]:
        shown = RULES[rule["id"]].program
        assert ("```python" in rule["help"]["markdown"]) == shown
        assert (f"weft explain {rule['id']}" in rule["help"]["text"]) == shown
        assert RULES[rule["id"]].cure in rule["help"]["text"]


@pytest.mark.parametrize(("code", "interrupted"), [(0, False), (1, False), (130, True)])
def test_the_invocation_says_how_it_ended_and_what_was_not_seen(code: int, interrupted: bool) -> None:
    found = result(limits=["polling was bounded"], unused_suppressions=["R001:x"])
    (invocation,) = valid(sarif(found, exit_code=code, interrupted=interrupted))["invocations"]
    assert (invocation["exitCode"], invocation["executionSuccessful"]) == (code, not interrupted)
    texts = [note["message"]["text"] for note in invocation["toolExecutionNotifications"]]
    assert texts == ["not seen: polling was bounded", "suppressed nothing: R001:x"]


def test_the_command_writes_the_same_log_every_time(weft: Weft, ab_ba: str) -> None:
    texts: list[str] = []
    for _ in range(2):
        assert weft("check", ab_ba, "--sarif", "log.sarif", "--quiet").code == 1
        texts.append((weft.folder / "log.sarif").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    (one,) = valid(json.loads(texts[0]))["results"]
    assert one["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "ab_ba.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 8},
    }
    assert len(one["codeFlows"][1]["threadFlows"]) == 2
