"""The checker beside torch's own analyser of Flight Recorder dumps, on the same folders.

Where torch's finds something, so do we; where it must be silent (orders between communicators) only we do.
"""

from __future__ import annotations

import gc
import logging
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="torch is in the test extra for Python 3.11 only")

from torch.distributed.flight_recorder.components import builder, loader, utils

from weft.checkers.gpu.collective_log import RankLog
from weft.checkers.gpu.collectives import find
from weft.real_runs.flight_recorder import as_dump, read_folder, write_folder

from .collective_jobs import Programs, batch, call, group, logs_of, recv, send, simulate
from .test_collectives_properties import wild_jobs

TRIO = group("0", 0, 1, 2)
PAIR, OTHER = group("0", 0, 1), group("1", 0, 1)
ARGUMENTS = Namespace(verbose=False, just_print_entries=False, allow_incomplete_ranks=False, mismatch_cap=10)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Any:
    # Without tabulate it ends in a NameError where it shows a batch.
    monkeypatch.setattr(utils, "tabulate", lambda rows, headers=(): str(rows), raising=False)
    logger = logging.getLogger("Flight Recorder")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)
    # Its reader turns the collector off and forgets to turn it on.
    gc.enable()


def torch_says(details: dict[str, Any], version: str = "2.10") -> set[str]:
    """``missing 1``, ``COLLECTIVE_TYPE_MISMATCH``."""
    said: set[str] = set()
    for one in builder.build_db(details, ARGUMENTS, version).collectives:
        said |= {f"missing {rank}" for rank in one.missing_ranks or ()}
        for other in (one.mismatch_collectives or {}).values():
            said.add(str(other.type_of_mismatch.state.name))
    return said


def torch_on(logs: list[RankLog]) -> set[str]:
    return torch_says({f"rank_{log.rank}": as_dump(log) | {"rank": log.rank} for log in logs})


CASES: dict[str, tuple[Programs, set[str], bool]] = {
    "type": (
        {r: [call(TRIO), call(TRIO, "broadcast" if r == 1 else "all_reduce")] for r in range(3)},
        {"COLLECTIVE_TYPE_MISMATCH"},
        True,
    ),
    "size": ({r: [call(TRIO, "all_reduce", 5 if r == 1 else 4)] for r in range(3)}, {"SIZE_OR_SYNTAX_MISMATCH"}, True),
    "dtype": (
        {r: [call(TRIO, dtype="Half" if r == 1 else "Float")] for r in range(3)},
        {"COLLECTIVE_DTYPE_MISMATCH"},
        True,
    ),
    "skip": ({r: [call(TRIO)] * (1 if r == 1 else 2) for r in range(3)}, {"missing 1"}, True),
    "inversion": ({0: [call(PAIR), call(OTHER)], 1: [call(OTHER), call(PAIR)]}, set(), True),
    "same order": ({r: [call(PAIR), call(OTHER)] for r in range(2)}, set(), False),
    "batch": ({r: [batch(send(PAIR, 1 - r), recv(PAIR, 1 - r))] for r in range(2)}, set(), False),
}


@pytest.mark.parametrize("name", CASES)
def test_verdicts_on_the_same_folder(tmp_path: Path, name: str) -> None:
    programs, expected, ours = CASES[name]
    # Without times of starts, as jobs record by default: what has begun and what has not are both "scheduled".
    write_folder(logs_of(programs, simulate(programs), timed=False), tmp_path, "rank_")
    details, version = loader.read_dir(Namespace(trace_dir=str(tmp_path), prefix="rank_"))
    assert torch_says(details, version) == expected
    assert bool(find(read_folder(tmp_path).logs)) == ours


def test_a_state_that_differs() -> None:
    programs = {key: [call(TRIO)] for key in range(3)}
    outcome = simulate(programs)
    outcome.done[1], outcome.heads[1] = set(), {0}
    logs = logs_of(programs, outcome)
    assert torch_on(logs) == {"COLLECTIVE_STATE_MISMATCH"}
    assert "has only started" in find(logs)[0].message


def collectives_only(programs: Programs) -> Programs:
    return {rank: [one for one in calls if not one.p2p] for rank, calls in programs.items()}


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(wild_jobs().map(collectives_only), st.booleans())
def test_whatever_torch_finds_we_find(programs: Programs, blocking: bool) -> None:
    logs = logs_of(programs, simulate(programs), blocking=blocking)
    theirs, ours = torch_on(logs), find(logs)
    assert ours or not theirs
