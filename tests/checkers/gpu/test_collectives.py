"""Cases of hung jobs, one each: what is found, who is blamed, what is said."""

from __future__ import annotations

from weft.checkers.finding import Finding
from weft.checkers.gpu.collectives import Collective, find

from .collective_jobs import Programs, batch, call, group, logs_of, recv, send, simulate

WORLD = group("0", 0, 1, 2, description="default_pg")
PAIR = group("0", 0, 1, description="default_pg")
OTHER = group("1", 0, 1, description="tp")


def hung(programs: Programs, blocking: bool = True, **more: bool) -> list[Finding]:
    outcome = simulate(programs)
    assert outcome.hangs
    return find(logs_of(programs, outcome, blocking=blocking, **more))


def only(programs: Programs, blocking: bool = True, **more: bool) -> Finding:
    (found,) = hung(programs, blocking, **more)
    assert found.rule == "G004"
    assert found.fingerprint
    return found


def blamed(found: Finding) -> list[str]:
    return [thread.name for thread in found.threads]


def a_then_b() -> Programs:
    """Case 53: two communicators, rank 0 launches A and B, rank 1 B and A."""
    return {
        0: [call(PAIR, line=10), call(OTHER, line=11)],
        1: [call(OTHER, line=11), call(PAIR, line=10)],
    }


def test_53_two_communicators_in_opposite_orders() -> None:
    found = only(a_then_b(), blocking=False)
    assert (found.kind, found.certainty) == ("collective-order", "confirmed")
    assert found.message == (
        "rank 0 waits in all_reduce #1 of process group 0 (default_pg) (train.py:10) for rank 1, which has it behind what it "
        "waits for itself; rank 1 waits in all_reduce #1 of process group 1 (tp) (train.py:11) for rank 0, which has it behind "
        "what it waits for itself"
    )
    assert "NCCL_LAUNCH_ORDER_IMPLICIT=1" in found.suggestion
    assert "2.26" in found.suggestion
    assert [(step.thread, step.operation, step.at) for step in found.steps] == [
        ("rank 0", "all_reduce #1", "train.py:10"),
        ("rank 1", "all_reduce #1", "train.py:11"),
    ]
    assert [(related.at, related.stack) for related in found.related] == [
        ("train.py:10", ["train.py:900 in main", "train.py:10 in step"]),
        ("train.py:11", ["train.py:900 in main", "train.py:11 in step"]),
    ]
    assert found.threads[0].waits is not None
    assert found.threads[0].waits.at == "train.py:10"


def test_53_when_the_host_waits_in_the_first() -> None:
    found = only(a_then_b(), blocking=True)
    assert found.certainty == "confirmed"
    assert "for rank 1, which has not launched its part" in found.message


def test_53_without_times_of_starts_launched_counts_as_started() -> None:
    assert only(a_then_b(), blocking=False, timed=False).certainty == "confirmed"


def test_53_is_only_predicted_when_the_device_has_not_begun() -> None:
    programs = {rank: [call(OTHER), *calls] for rank, calls in a_then_b().items()}
    outcome = simulate(programs)
    outcome.heads[1] = set()
    (found,) = find(logs_of(programs, outcome))
    assert found.certainty == "predicted"
    assert "about to" in found.why


def test_53_that_got_through_by_luck_is_predicted() -> None:
    programs = a_then_b()
    assert simulate(programs).hangs
    assert not simulate(programs, strict=False).hangs
    (found,) = find(logs_of(programs, simulate(programs, strict=False)))
    assert found.certainty == "predicted"
    assert found.message == (
        "rank 0 launches all_reduce #1 of process group 0 (default_pg) (train.py:10) before all_reduce #1 of process group 1 "
        "(tp) (train.py:11), but rank 1 launches all_reduce #1 of process group 1 (tp) (train.py:11) before all_reduce #1 of "
        "process group 0 (default_pg) (train.py:10)"
    )


def test_an_inversion_in_a_loop_is_one_finding() -> None:
    programs: Programs = {0: [], 1: []}
    for _ in range(50):
        for rank, calls in a_then_b().items():
            programs[rank] += [call(group("5", 0, 1)), *calls]
    (found,) = find(logs_of(programs))
    assert found.seen == 50


def test_53_round_three_communicators_of_two_ranks() -> None:
    a, b, c = group("a", 0, 1), group("b", 1, 2), group("c", 0, 2)
    found = only({0: [call(a), call(c)], 1: [call(b), call(a)], 2: [call(c), call(b)]}, blocking=False)
    assert found.certainty == "confirmed"
    assert blamed(found) == ["rank 0", "rank 1", "rank 2"]


def test_53_blames_the_one_that_differs_from_the_majority() -> None:
    both = [call(WORLD), call(group("1", 0, 1, 2))]
    found = only({0: both, 1: both, 2: both[::-1]}, blocking=False)
    assert blamed(found)[0] == "rank 2"
    assert "rank 1 wait with them" in found.message


def test_54_the_same_order_everywhere_is_fine() -> None:
    programs = {rank: [call(PAIR), call(OTHER), call(PAIR)] for rank in (0, 1)}
    assert find(logs_of(programs, simulate(programs))) == []


def test_56_all_reduce_meets_broadcast() -> None:
    same = [call(WORLD, line=5), call(WORLD, line=6)]
    found = only({0: same, 1: [same[0], call(WORLD, "broadcast", line=8)], 2: same})
    assert (found.kind, found.certainty) == ("collective-mismatch", "confirmed")
    assert blamed(found)[0] == "rank 1"
    assert found.message == (
        "#2 of process group 0 (default_pg) is not the same on all ranks: rank 1 called broadcast (train.py:8), but ranks 0, 2 "
        "called all_reduce (train.py:6)"
    )


def test_57_sizes_differ() -> None:
    found = only({0: [call(WORLD)], 1: [call(WORLD, "all_reduce", 5)], 2: [call(WORLD)]})
    assert blamed(found)[0] == "rank 1"
    assert "rank 1 gave [5] Float" in found.message
    assert "ranks 0, 2 gave [4] Float" in found.message


def test_57_between_two_ranks_nobody_is_right() -> None:
    found = only({0: [call(PAIR)], 1: [call(PAIR, "all_reduce", 5)]})
    assert found.message.endswith("Which of them is right cannot be told from the dumps")


def test_dtypes_differ() -> None:
    found = only({0: [call(WORLD)], 1: [call(WORLD)], 2: [call(WORLD, dtype="Half")]})
    assert blamed(found)[0] == "rank 2"
    assert "rank 2 gave [4] Half" in found.message


def test_a_shape_of_the_same_number_of_elements_is_the_same() -> None:
    assert find(logs_of({0: [call(PAIR, "all_reduce", 2, 3)], 1: [call(PAIR, "all_reduce", 6)]})) == []


def test_what_ranks_bring_and_take_must_add_up() -> None:
    good = {
        "all_gather": ((4,), (12,)),
        "_all_gather_base": ((4,), (3, 4)),
        "reduce_scatter": ((12,), (4,)),
        "_reduce_scatter_base": ((3, 4), (4,)),
        "all_to_all": ((7,), (7,)),
    }
    for operation, (size, out) in good.items():
        one = call(WORLD, operation, *size, out=out)
        assert find(logs_of({key: [one] for key in range(3)})) == []
        (found,) = find(logs_of({key: [call(WORLD, operation, *size, out=(5,))] for key in range(3)}))
        assert (found.kind, found.certainty) == ("collective-mismatch", "observed")
        assert "does not add up over 3 ranks" in found.message
    (found,) = find(logs_of({key: [call(WORLD, "all_reduce", 4, out=(5,))] for key in range(3)}))
    assert "ranks 0-2 gave [4] Float -> [5] Float" in found.message


def test_uneven_splits_of_all_to_all_and_roots_of_gather_and_scatter_are_fine() -> None:
    uneven = {
        0: [
            call(PAIR, "all_to_all", 7, out=(5,)),
            call(PAIR, "gather", 4, out=(8,)),
            call(PAIR, "scatter", 8, out=(4,)),
        ],
        1: [call(PAIR, "all_to_all", 3, out=(5,)), call(PAIR, "gather", 4, out=()), call(PAIR, "scatter", 0, out=(4,))],
    }
    assert find(logs_of(uneven)) == []


def test_58_a_rank_that_skips_a_collective_in_an_if() -> None:
    calls = [call(WORLD, line=1), call(WORLD, "broadcast", line=2), call(WORLD, "all_reduce", 9, line=3)]
    found = only({0: calls, 1: [calls[0], calls[2]], 2: calls}, blocking=False)
    assert blamed(found)[0] == "rank 1"
    assert "Rank 1 left out broadcast #2 of process group 0 (default_pg) (train.py:2)" in found.message
    assert found.suggestion.startswith("let rank 1 call broadcast at train.py:2 too")


def test_58_where_all_calls_look_alike_the_lines_tell() -> None:
    calls = [call(PAIR, line=line) for line in (1, 2, 3, 4)]
    found = only({0: calls, 1: [calls[0], *calls[2:]]}, blocking=False)
    assert "rank 1 has not joined all_reduce #4" in found.message
    assert "Rank 1 left out all_reduce #2 of process group 0 (default_pg) (train.py:2)" in found.message
    assert found.certainty == "observed"


def test_58_a_rank_that_ends_early() -> None:
    calls = [call(WORLD, line=1), call(WORLD, line=2)]
    found = only({0: calls, 1: calls[:1], 2: calls})
    assert found.message == (
        "rank 1 has not joined all_reduce #2 of process group 0 (default_pg), where ranks 0, 2 wait (train.py:2); the last that "
        "rank 1 launched was all_reduce #1 of process group 0 (default_pg) (train.py:1), and that is completed"
    )
    assert blamed(found) == ["rank 1", "rank 0", "rank 2"]
    assert [thread.state for thread in found.threads] == ["running", "blocked", "blocked"]
    assert "after train.py:1" in found.suggestion


def test_who_waits_for_those_that_wait_is_told_with_them() -> None:
    late = group("1", 2, 3)
    everyone = group("0", 0, 1)
    chain = group("2", 1, 2)
    found = only({0: [call(everyone)], 1: [call(chain), call(everyone)], 2: [call(late), call(chain)], 3: []})
    assert "rank 3 has launched nothing at all" in found.message
    assert "Ranks 0, 1 in turn wait for those" in found.message


def test_a_rank_without_a_dump_is_suspected_last() -> None:
    programs: Programs = {0: [call(WORLD)], 1: [call(WORLD)], 2: []}
    logs = [log for log in logs_of(programs, simulate(programs)) if log.rank != 2]
    (found,) = find(logs)
    assert "rank 2 left no dump" in found.message
    assert "crash" in found.suggestion
    programs[1] = []
    logs = [log for log in logs_of(programs, simulate(programs)) if log.rank != 2]
    (found,) = find(logs)
    assert blamed(found) == ["rank 1", "rank 0"]


def test_59_both_send_first() -> None:
    found = only({0: [send(PAIR, 1, line=3), recv(PAIR, 1)], 1: [send(PAIR, 0, line=3), recv(PAIR, 0)]}, blocking=False)
    assert found.certainty == "confirmed"
    assert "rank 0 waits in send to rank 1 of process group 0 (default_pg) (train.py:3) for rank 1" in found.message
    assert "batch_isend_irecv" in found.suggestion


def test_59_in_unequal_order() -> None:
    a, b = group("pp", 0, 1), group("pp", 0, 1)
    programs = {
        0: [send(a, 1, 4), recv(b, 1, 2), send(a, 1, 2)],
        1: [recv(a, 0, 4), send(b, 0, 2), send(b, 0, 7), recv(a, 0, 2)],
    }
    found = only(programs)
    assert "rank 0 waits in send to rank 1 of process group pp" in found.message
    assert "rank 1 waits in send to rank 0 of process group pp" in found.message


def test_59_that_got_through_by_luck_is_predicted() -> None:
    (found,) = find(logs_of({0: [send(PAIR, 1), recv(PAIR, 1)], 1: [send(PAIR, 0), recv(PAIR, 0)]}))
    assert found.certainty == "predicted"
    assert "batch_isend_irecv" in found.suggestion


def test_60_grouped_sends_and_receives_are_fine() -> None:
    ring = group("pp", 0, 1, 2)
    programs = {r: [batch(send(ring, (r + 1) % 3), recv(ring, (r - 1) % 3))] * 2 for r in range(3)}
    assert not simulate(programs).hangs
    assert find(logs_of(programs, simulate(programs))) == []


def test_a_send_that_nobody_receives() -> None:
    found = only({0: [call(PAIR), send(PAIR, 1, line=4)], 1: [call(PAIR, line=1)]})
    assert found.message.startswith(
        "rank 1 has not joined the recv from rank 0 of process group 0 (default_pg), where rank 0 waits (train.py:4)"
    )


def test_what_is_sent_is_not_what_is_received() -> None:
    found = only({0: [send(PAIR, 1, 4)], 1: [recv(PAIR, 0, 5)]})
    assert found.message == (
        "what rank 0 sends (train.py:0) is not what rank 1 receives (train.py:0) in process group 0 (default_pg): [4] Float and "
        "[5] Float"
    )


def test_a_rank_whose_device_has_not_come_as_far() -> None:
    programs = {rank: [call(WORLD)] for rank in range(3)}
    outcome = simulate(programs)
    outcome.done[1] = set()
    outcome.heads[1] = {0}
    (found,) = find(logs_of(programs, outcome))
    assert found.certainty == "observed"
    assert found.message.startswith("rank 1 has only started all_reduce #1 of process group 0 (default_pg)")
    outcome.done = {rank: set() for rank in range(3)}
    outcome.heads = {0: {0}, 1: set(), 2: {0}}
    (found,) = find(logs_of(programs, outcome))
    assert "rank 1 has only scheduled" in found.message
    assert "ranks 0, 2 have started it" in found.message


def test_what_everyone_is_in_is_no_finding() -> None:
    programs = {rank: [call(WORLD), call(WORLD)] for rank in range(3)}
    outcome = simulate(programs)
    outcome.done = {rank: {0} for rank in programs}
    outcome.heads = {rank: {1} for rank in programs}
    assert find(logs_of(programs, outcome)) == []


def test_ring_buffers_that_begin_at_different_places() -> None:
    calls = [call(WORLD, "all_reduce", size) for size in range(1, 20)]
    programs = dict.fromkeys(range(3), calls)
    assert find(logs_of(programs, simulate(programs), lost={0: 3, 1: 17, 2: 0})) == []
    assert find(logs_of(programs, simulate(programs), lost={0: 3, 1: 19, 2: 0})) == []


def test_the_line_is_that_of_the_user() -> None:
    (log, _) = logs_of({0: [call(PAIR, line=12)], 1: []})
    entry: Collective = log.entries[0]
    assert entry.at == "train.py:12"
    assert [str(frame) for frame in entry.own_frames] == ["train.py:12 in step", "train.py:900 in main"]


def test_nothing_is_found_in_nothing() -> None:
    assert find([]) == []
    assert find(logs_of({0: [], 1: []})) == []
