"""Random jobs: the checker against a simulation of rendezvous, and single mistakes in jobs that were right."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from weft.checkers.finding import Finding
from weft.checkers.gpu.collective_log import ProcessGroup
from weft.checkers.gpu.collectives import find

from .collective_jobs import Call, Part, Programs, batch, call, group, logs_of, recv, send, simulate

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
OPERATIONS = ("all_reduce", "broadcast", "all_to_all", "reduce")


@st.composite
def groups(draw: st.DrawFn, ranks: int) -> list[ProcessGroup]:
    """The world and up to three others of at least two ranks."""
    others = draw(st.lists(st.sets(st.integers(0, ranks - 1), min_size=2), max_size=3))
    return [group("0", *range(ranks)), *(group(str(n), *sorted(one)) for n, one in enumerate(others, 1))]


@st.composite
def right_jobs(draw: st.DrawFn, ranks_min: int = 2, p2p: bool = True) -> Programs:
    """Every rank makes its calls in the order of one common list: that can never stop."""
    ranks = draw(st.integers(ranks_min, 6))
    made = draw(groups(ranks))
    programs: Programs = {rank: [] for rank in range(ranks)}
    for line in range(draw(st.integers(1, 10))):
        of = draw(st.sampled_from(made))
        if not p2p or draw(st.integers(0, 2)):
            one = call(of, draw(st.sampled_from(OPERATIONS)), draw(st.integers(1, 3)), line=line)
            for rank in of.ranks:
                programs[rank].append(one)
        elif draw(st.booleans()):
            source, destination = draw(st.permutations(of.ranks))[:2]
            programs[source].append(send(of, destination, line=line))
            programs[destination].append(recv(of, source, line=line))
        else:
            for place, rank in enumerate(of.ranks):
                after, before = of.ranks[(place + 1) % len(of.ranks)], of.ranks[place - 1]
                both = [send(of, after, line=line), recv(of, before, line=line)]
                programs[rank].append(batch(*(both if draw(st.booleans()) else both[::-1])))
    return programs


@st.composite
def wild_jobs(draw: st.DrawFn) -> Programs:
    """Every rank calls what it likes: mostly these hang."""
    programs = draw(right_jobs())
    for rank in draw(st.sets(st.sampled_from(sorted(programs)))):
        for _ in range(draw(st.integers(1, 2))):
            calls = programs[rank]
            if calls and draw(st.booleans()):
                del calls[draw(st.integers(0, len(calls) - 1))]
            elif len(calls) > 1:
                at = draw(st.integers(1, len(calls) - 1))
                calls[at - 1 : at + 1] = calls[at - 1 : at + 1][::-1]
    return programs


def lost_in(draw: st.DrawFn, programs: Programs) -> dict[int, int]:
    return {rank: draw(st.integers(0, 8)) for rank in programs}


@quick
@given(right_jobs(), st.data())
def test_a_right_job_gives_no_finding_wherever_its_logs_begin(programs: Programs, data: st.DataObject) -> None:
    outcome = simulate(programs)
    assert not outcome.hangs
    assert find(logs_of(programs, outcome)) == []
    lost = lost_in(data.draw, programs)
    assert find(logs_of(programs, outcome, lost=lost)) == []


@quick
@given(right_jobs(), st.booleans(), st.data())
def test_a_right_job_in_the_middle_of_its_work_gives_no_finding(
    programs: Programs, timed: bool, data: st.DataObject
) -> None:
    """Everything is launched, and what meets in the first so many calls of each rank is done."""
    done_most = {rank: data.draw(st.integers(0, len(calls))) for rank, calls in programs.items()}
    outcome = simulate({rank: calls[: done_most[rank]] for rank, calls in programs.items()})
    for rank, calls in programs.items():
        outcome.heads[rank] = {*sorted(set(range(len(calls))) - outcome.done[rank])[:1]}
    assert find(logs_of(programs, outcome, timed=timed, lost=lost_in(data.draw, programs))) == []


@quick
@given(wild_jobs(), st.booleans(), st.booleans(), st.booleans())
def test_found_exactly_where_the_simulation_stops(
    programs: Programs, blocking: bool, timed: bool, frames: bool
) -> None:
    outcome = simulate(programs)
    found = find(logs_of(programs, outcome, blocking=blocking, timed=timed, frames=frames))
    assert bool(found) == outcome.hangs
    assert not found or found[0].certainty in ("confirmed", "observed")


@quick
@given(wild_jobs())
def test_what_got_through_by_luck_is_predicted_exactly_where_the_simulation_stops(programs: Programs) -> None:
    lucky = simulate(programs, strict=False)
    assume(not lucky.hangs)
    found = find(logs_of(programs, lucky))
    assert bool(found) == simulate(programs).hangs
    assert {one.certainty for one in found} <= {"predicted"}


@quick
@given(wild_jobs(), st.booleans(), st.data())
def test_lost_starts_bring_nothing_up_that_is_not_there(
    programs: Programs, blocking: bool, data: st.DataObject
) -> None:
    """A cut log may hide a hang, never make one."""
    outcome = simulate(programs)
    found = find(logs_of(programs, outcome, blocking=blocking, lost=lost_in(data.draw, programs)))
    assert not found or outcome.hangs


def names(found: list[Finding]) -> set[str]:
    return {thread.name for one in found for thread in one.threads}


@quick
@given(right_jobs(ranks_min=3, p2p=False), st.sampled_from(["type", "size", "dtype"]), st.booleans(), st.data())
def test_one_wrong_argument_blames_the_rank(programs: Programs, what: str, blocking: bool, data: st.DataObject) -> None:
    places = [
        (rank, number)
        for rank, calls in programs.items()
        for number, one in enumerate(calls)
        if len(one.group.ranks) > 2 and one.parts[0].operation != "all_to_all"
    ]
    assume(places)
    rank, number = data.draw(st.sampled_from(places))
    right = programs[rank][number]
    part = right.parts[0]
    wrong: dict[str, Part] = {
        "type": replace(part, operation="all_gather_v"),
        "size": replace(part, size=(7,)),
        "dtype": replace(part, dtype="Half"),
    }
    programs[rank][number] = Call(right.group, (wrong[what],), right.line)
    outcome = simulate(programs)
    assert outcome.hangs
    first = find(logs_of(programs, outcome, blocking=blocking))[0]
    assert (first.kind, first.certainty) == ("collective-mismatch", "confirmed")
    assert first.threads[0].name == f"rank {rank}"
    assert f"rank {rank} {'called' if what == 'type' else 'gave'}" in first.message


@quick
@given(right_jobs(ranks_min=3, p2p=False), st.booleans(), st.data())
def test_one_call_left_out_names_the_rank(programs: Programs, blocking: bool, data: st.DataObject) -> None:
    places = [(rank, number) for rank, calls in programs.items() for number in range(len(calls))]
    rank, number = data.draw(st.sampled_from(places))
    left_out = programs[rank].pop(number)
    outcome = simulate(programs)
    assert outcome.hangs
    found = find(logs_of(programs, outcome, blocking=blocking))
    assert f"rank {rank}" in names(found)
    assert any(left_out.group.name in one.message for one in found)


@quick
@given(right_jobs(ranks_min=3, p2p=False), st.booleans(), st.data())
def test_one_swap_of_two_communicators_names_the_rank(programs: Programs, lucky: bool, data: st.DataObject) -> None:
    places = [
        (rank, number)
        for rank, calls in programs.items()
        for number, (one, other) in enumerate(itertools.pairwise(calls))
        if one.group != other.group and len(set(one.group.ranks) & set(other.group.ranks)) > 1
    ]
    assume(places)
    rank, number = data.draw(st.sampled_from(places))
    calls = programs[rank]
    calls[number : number + 2] = calls[number : number + 2][::-1]
    assert simulate(programs).hangs
    outcome = simulate(programs, strict=not lucky)
    (found,) = find(logs_of(programs, outcome))
    assert (found.kind, found.certainty) == ("collective-order", "predicted" if lucky else "confirmed")
    assert f"rank {rank}" in names([found])


@pytest.mark.parametrize("ranks", [64])
def test_many_ranks_and_long_logs_take_little_time(ranks: int) -> None:
    world, rows = group("0", *range(ranks)), [group(f"row {n}", *range(n, n + 8)) for n in range(0, ranks, 8)]
    calls = {rank: [call(world), call(rows[rank // 8])] * 50 for rank in range(ranks)}
    assert find(logs_of(calls, frames=False)) == []
    calls[9][-2:] = calls[9][-2:][::-1]
    (found,) = find(logs_of(calls, frames=False))
    assert "rank 9" in names([found])
