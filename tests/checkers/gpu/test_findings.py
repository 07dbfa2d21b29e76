"""Findings of GPU hazards: what they say, what they advise, and that the advice cures."""

from __future__ import annotations

from weft.checkers.finding import Finding
from weft.checkers.gpu.findings import STEPS_MAX, find
from weft.simcore.gpu import rows

from .script import DEFAULT, S1, S2, Script


def only(run: Script) -> Finding:
    (found,) = find(run.rows)
    return found


def test_a_race_of_two_streams() -> None:
    run = Script()
    x = run.tensor()
    run.op(DEFAULT, writes=x)
    run.op(S1, reads=x)
    found = only(run)
    assert (found.rule, found.kind, found.certainty) == ("G001", "gpu-race", "observed")
    assert found.message == (
        "op (prog.py:2) on the default stream writes x, and op (prog.py:3) on stream 1 reads the same bytes of it, with "
        "nothing between them that orders the two"
    )
    assert found.suggestion.startswith("stream_1.wait_stream(torch.cuda.default_stream()) before prog.py:3")
    assert [(related.text, related.at) for related in found.related] == [
        ("op on the default stream", "prog.py:2"),
        ("op on stream 1", "prog.py:3"),
        ("x is made", "prog.py:1"),
    ]
    assert [(step.thread, step.operation, step.at) for step in found.steps] == [
        ("the default stream", "op writes", "prog.py:2"),
        ("stream 1", "op reads", "prog.py:3"),
    ]


def test_what_the_streams_say_to_each_other_is_shown_in_between() -> None:
    run = Script()
    x = run.tensor(S1)
    run.op(S1, writes=x)
    run.record(1, S2)
    run.wait(S2, 1)
    for event in range(2, 2 + STEPS_MAX):
        run.record(event, S1)
    run.op(S2, reads=x)
    steps = only(run).steps
    assert len(steps) == 2 + STEPS_MAX
    assert (steps[1].thread, steps[1].operation, steps[1].object) == ("stream 1", "record", "event 2")
    assert [step.step for step in steps] == sorted(step.step for step in steps)


def test_a_host_buffer_is_told_to_be_synchronized() -> None:
    run = Script()
    x, host = run.tensor(), run.buffer()
    run.op(S1, reads=x, writes=host)
    run.host(reads=host)
    found = only(run)
    assert "op (prog.py:3) on stream 1 writes x, and host (prog.py:4) of the host reads the same bytes" in found.message
    assert found.suggestion.startswith("stream_1.synchronize(), or event.synchronize() for an event recorded there")


def test_host_threads_are_told_to_hand_over() -> None:
    run = Script()
    host = run.buffer()
    run.host(writes=host, t=1)
    run.op(S1, reads=host, t=2)
    assert only(run).suggestion.startswith("let host thread 1 be done before prog.py:3: a lock or a queue")
    run = Script()
    host = run.buffer()
    run.host(writes=host, t=1)
    run.host(reads=host, t=2)
    assert only(run).suggestion.startswith("order the two threads before prog.py:3")


def test_a_latent_reuse_says_where_it_is_freed_and_how_to_keep_it() -> None:
    run = Script()
    x = run.tensor()
    run.op(S1, reads=x)
    run.free(x)
    found = only(run)
    assert (found.rule, found.certainty) == ("G002", "latent")
    assert "its memory goes back to the default stream" in found.message
    assert found.suggestion.startswith("x.record_stream(stream_1)")
    assert found.related[-1].at == "prog.py:3"


def test_a_confirmed_reuse_stands_for_the_latent_one() -> None:
    run = Script()
    x = run.tensor(address=0)
    run.op(S1, reads=x)
    run.free(x)
    y = run.tensor(address=0)
    run.op(DEFAULT, writes=y)
    found = only(run)
    assert (found.rule, found.certainty) == ("G002", "confirmed")
    assert found.message.endswith("and op (prog.py:5) on the default stream writes what lives there now")


def test_an_event_of_nobody_and_one_of_another_thread() -> None:
    run = Script()
    run.wait(S1, 7)
    found = only(run)
    assert (found.rule, found.certainty) == ("G005", "observed")
    assert "nobody has recorded" in found.message
    run = Script()
    run.record(7, S1, t=1)
    run.wait(S2, 7, t=2)
    found = only(run)
    assert (found.rule, found.certainty) == ("G005", "predicted")
    assert [related.at for related in found.related] == ["prog.py:2", "prog.py:1"]


def test_the_same_places_are_one_finding() -> None:
    run = Script()
    x = run.tensor()
    for _ in range(3):
        run.rows.append(rows.Launch(stream=DEFAULT, name="fill", writes=(x,), at="loop.py:1"))
        run.rows.append(rows.Launch(stream=S1, name="use", reads=(x,), at="loop.py:2"))
    found = find(run.rows)
    assert [finding.seen for finding in found] == [3, 2], "use after fill, and fill after use"
    assert found[0].fingerprint != found[1].fingerprint


def test_names_that_the_program_gave_are_used() -> None:
    run = Script()
    run.rows.append(rows.NewStream(stream=9, name="copies"))
    run.rows.append(rows.NewStream(stream=10, device=1, kind="legacy"))
    x = run.tensor()
    run.op(9, writes=x)
    run.op(10, reads=x)
    assert "on stream copies writes x" in only(run).message
    assert "on the default stream of cuda:1 reads" in only(run).message


def test_a_clean_run_has_no_findings() -> None:
    run = Script()
    x = run.tensor()
    run.op(DEFAULT, writes=x)
    run.wait_stream(S1, DEFAULT)
    run.op(S1, reads=x)
    assert find(run.rows) == []
