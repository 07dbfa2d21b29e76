"""A thread's log: every row comes back out of its two numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weft.real_runs.thread_log import FORM_BITS, ThreadLog

INDICES = st.integers(-1, 2**31 - 1)


@given(target=INDICES, form=st.integers(0, 2**FORM_BITS - 1), time_ns=st.integers(0, 2**62))
def test_object_and_form_come_back_out_of_a_mark(target: int, form: int, time_ns: int) -> None:
    asked: list[tuple[int, int, int, int]] = []
    log = ThreadLog(7, lambda *row: asked.append(row) or form)
    log.add((7, 5, -2, target, 11, 13, time_ns))
    assert asked == [(5, 11, -2, 13)]
    mark, stamped_ns = log.stamped
    assert (mark >> FORM_BITS, mark & ((1 << FORM_BITS) - 1), stamped_ns) == (target, form, time_ns)
    assert -(2**63) <= mark < 2**63, "it fits a column"


def test_a_log_that_discards_keeps_nothing() -> None:
    log = ThreadLog(0, lambda *_: 0)
    log.discard()
    log.add((0, 5, 0, 1, 2, 3, 4))
    log.put((1, 2))
    assert log.stamped == []
