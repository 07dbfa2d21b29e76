"""One check from target to result in this process: verdicts, limits, failure files and their replay."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from weft.checking import NO_ACCESSES, FunctionTarget, GaveUp, check, replay
from weft.failure_file import SCHEMA, FailureFileError, read_failure
from weft.options import Options
from weft.simcore.explored import Divergence
from weft.simcore.target import TargetError
from weft.simcore.trace import Op

module_lock = threading.Lock()


def transfers(crossed: bool = True) -> None:
    source, sink = threading.Lock(), threading.Lock()

    def move(first: threading.Lock, second: threading.Lock) -> None:
        with first, second:
            pass

    there = threading.Thread(target=move, args=(source, sink), name="there")
    back = threading.Thread(target=move, args=(sink, source) if crossed else (source, sink), name="back")
    for thread in (there, back):
        thread.start()
    for thread in (there, back):
        thread.join()


def failing() -> None:
    raise LookupError("nothing here")


def connecting() -> None:
    socket.socket()


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_function_is_a_target_with_the_name_one_would_say() -> None:
    assert FunctionTarget(transfers).text.endswith("test_checking:transfers")
    assert FunctionTarget(transfers, "bank").text == "bank"
    assert dict(FunctionTarget(transfers).names()).popitem()[1]["module_lock"] is module_lock


def test_a_function_with_parameters_it_does_not_have() -> None:
    with pytest.raises(TargetError, match="'crosed'; it takes crossed"):
        check(FunctionTarget(transfers), {"crosed": True}, Options())


def test_findings() -> None:
    checked = check(FunctionTarget(transfers, "bank"), {}, Options(seed=3))
    result = checked.result
    assert (result.verdict, result.exhaustive, result.executions) == ("findings", True, 3)
    assert (result.command, result.target, result.seed, result.engine) == ("check", "bank", 3, "dpor")
    assert [(finding.rule, finding.seen) for finding in result.findings] == [("D001", 1)]
    assert [trace.header.target for trace in checked.traces] == ["bank"]
    assert not checked.interrupted


def test_clean_says_what_was_not_looked_for() -> None:
    result = check(FunctionTarget(transfers), {"crossed": False}, Options()).result
    assert (result.verdict, result.exhaustive, result.executions) == ("clean", True, 2)
    assert result.parameters == {"crossed": False}
    assert result.limits == []
    assert not Path(".weft").exists()


def test_bounded_is_incomplete_and_says_by_what() -> None:
    result = check(FunctionTarget(transfers), {"crossed": False}, Options(max_executions=1)).result
    assert (result.verdict, result.exhaustive) == ("incomplete", False)
    assert "stopped after 1 executions (--max-executions)" in result.limits


class Counter:
    def __init__(self) -> None:
        self.value = 0

    def add(self) -> None:
        self.value += 1


def counting(locked: bool = False) -> None:
    counter, lock = Counter(), threading.Lock()

    def add() -> None:
        if locked:
            with lock:
                counter.add()
        else:
            counter.add()

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_lost_update_in_a_function_of_this_process() -> None:
    code = Counter.add.__code__
    result = check(FunctionTarget(counting), {}, Options()).result
    assert [(finding.rule, finding.certainty) for finding in result.findings] == [("R002", "confirmed")]
    assert (result.exhaustive, result.executions, result.limits) == (True, 4, [])
    assert Counter.add.__code__ is code
    assert check(FunctionTarget(counting), {"locked": True}, Options()).result.verdict == "clean"


def test_without_races_the_limit_says_so() -> None:
    result = check(FunctionTarget(counting), {}, Options(races=False)).result
    assert (result.verdict, result.executions, result.limits) == ("clean", 1, [NO_ACCESSES])


def test_a_lost_update_is_replayed_from_its_file() -> None:
    (finding,) = check(FunctionTarget(counting), {}, Options()).result.findings
    again = replay(FunctionTarget(counting), read_failure(Path(finding.replay))).result
    assert [(other.rule, other.message, other.steps) for other in again.findings] == [
        (finding.rule, finding.message, finding.steps)
    ]


def test_where_not_every_schedule_is_run_the_lock_order_predicts() -> None:
    result = check(FunctionTarget(transfers), {}, Options(strategy="once")).result
    assert [(finding.rule, finding.certainty) for finding in result.findings] == [("D002", "confirmed")]
    (again,) = replay(FunctionTarget(transfers), read_failure(Path(result.findings[0].replay))).result.findings
    assert again.rule == "D001"
    assert check(FunctionTarget(transfers), {"crossed": False}, Options(strategy="once")).result.findings == []


def test_the_trace_of_a_good_execution_is_kept_on_demand() -> None:
    target = FunctionTarget(transfers)
    assert check(target, {"crossed": False}, Options()).traces == []
    (trace,) = check(target, {"crossed": False}, Options(traces=True)).traces
    assert sum(event.operation is Op.ACQUIRE for event in trace) == 4


def test_a_traceback_shows_the_users_frames_only() -> None:
    (finding,) = check(FunctionTarget(failing), {}, Options()).result.findings
    assert [line for line in finding.traceback if "File" in line] == [
        f'  File "{__file__}", line {failing.__code__.co_firstlineno + 1}, in failing'
    ]


def test_an_uncontrollable_program_is_given_up() -> None:
    with pytest.raises(GaveUp, match=r"opens a socket at test_checking\.py:\d+"):
        check(FunctionTarget(connecting), {}, Options())


def test_progress_is_told() -> None:
    seen: list[tuple[int, int, float]] = []
    check(FunctionTarget(transfers), {}, Options(), progress=lambda *now: seen.append(now))
    assert [executions for executions, _, _ in seen] == [1, 2]
    assert seen[0][1] < seen[1][1]


# Failure files.


@pytest.fixture
def failure() -> Path:
    (finding,) = check(FunctionTarget(transfers, "bank"), {"crossed": True}, Options()).result.findings
    assert finding.replay == f".weft/failures/{finding.fingerprint}.json"
    return Path(finding.replay)


def test_nothing_is_saved_unasked() -> None:
    (finding,) = check(FunctionTarget(transfers), {}, Options(save=False)).result.findings
    assert finding.replay == ""
    assert not Path(".weft").exists()


def test_a_folder_that_takes_no_files_costs_the_replay_not_the_finding() -> None:
    Path(".weft").write_text("a file in the way")
    result = check(FunctionTarget(transfers), {}, Options()).result
    assert [(finding.rule, finding.replay) for finding in result.findings] == [("D001", "")]
    assert any(limit.startswith("nothing to replay: ") for limit in result.limits)


def test_a_failure_file_holds_what_a_replay_needs(failure: Path) -> None:
    content = read_failure(failure)
    assert (content["schema"], content["target"], content["parameters"]) == (SCHEMA, "bank", {"crossed": True})
    assert content["options"] == asdict(Options())
    assert len(content["schedule"]) <= len(content["labels"])


def test_replay_gives_the_same_finding(failure: Path) -> None:
    (found,) = check(FunctionTarget(transfers, "bank"), {"crossed": True}, Options()).result.findings
    checked = replay(FunctionTarget(transfers, "bank"), read_failure(failure))
    (again,) = checked.result.findings
    assert (again.fingerprint, again.steps, again.threads) == (found.fingerprint, found.steps, found.threads)
    assert (checked.result.command, checked.result.executions, checked.result.exhaustive) == ("replay", 1, False)
    assert len(checked.traces) == 1


def test_replay_of_another_program_names_the_first_step_that_differs(failure: Path) -> None:
    with pytest.raises(Divergence, match=r"at step \d+ "):
        replay(FunctionTarget(transfers), {**read_failure(failure), "parameters": {"crossed": False}})


def test_replay_of_a_function_that_lost_its_parameter(failure: Path) -> None:
    with pytest.raises(TargetError, match="'crossed'; it takes no parameters"):
        replay(FunctionTarget(failing, "bank"), read_failure(failure))


def changed(failure: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    content = json.loads(failure.read_text())
    change(content)
    path = Path("changed.json")
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: content.pop("labels"), "it has no labels"),
        (lambda content: (content.pop("schedule"), content.pop("target")), "it has no target, schedule"),
        (lambda content: content.update(schema="weft.failure/9"), 'its "schema" must be'),
        (lambda content: content.update(schedule="01"), "Expected `array`"),
        (lambda content: content.update(schedule=[0, -1]), r"schedule\[1\]|schedule\[\.\.\.\]"),
        (lambda content: content.update(schedule=[0.5]), "schedule"),
        (lambda content: content.update(parameters=[]), "parameters"),
        (lambda content: content.update(target=None), "target"),
        (lambda content: content["options"].update(max_steps="many"), "max_steps"),
        (lambda content: content["options"].update(colour="red"), "options this version does not know: colour"),
        (lambda content: content["options"].update(strategy="best"), "strategy is 'best'"),
        (lambda content: content["options"].update(max_seconds=-1), "max_seconds is -1"),
        (lambda content: content.update(options=None), "options"),
        (lambda content: content.update(argv=[1]), "argv"),
    ],
)
def test_a_failure_file_that_is_none(failure: Path, change: Callable[[dict[str, Any]], object], says: str) -> None:
    path = changed(failure, change)
    with pytest.raises(FailureFileError, match=says) as caught:
        read_failure(path)
    assert str(caught.value).startswith("changed.json ")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"weft.failure/1"', b"[" * 100_000])
def test_a_failure_file_that_is_not_even_an_object(content: bytes) -> None:
    Path("file.json").write_bytes(content)
    with pytest.raises(FailureFileError, match=r"^file\.json is not a failure file: "):
        read_failure(Path("file.json"))


def test_a_failure_file_that_is_missing_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FailureFileError, match=r"cannot read none\.json: No such file"):
        read_failure(Path("none.json"))
    with pytest.raises(FailureFileError, match="Is a directory"):
        read_failure(tmp_path)
