"""Rows as text, there and back, and lines that are none."""

from __future__ import annotations

import pytest

from weft.simcore.gpu.rows import Alloc, Launch, RowsError, Span, decode, encode

from .script import S1, Script


def test_rows_go_through_text() -> None:
    run = Script()
    x = run.tensor(address=512)
    run.op(S1, reads=x, writes=Span(x.storage, 0, 60, 4, ((8, 8),)))
    run.wait_stream(S1, 0)
    run.record_stream(x, S1)
    run.hand_over(1, 2)
    run.free(x)
    text = encode(run.rows)
    assert list(decode(text.splitlines(), "x")) == run.rows
    assert (
        text.splitlines()[5]
        == b'{"k":"op","at":"prog.py:2","stream":1,"name":"op","reads":[[0,0,64,1,[]]],"writes":[[0,0,60,4,[[8,8]]]]}'
    )


def test_empty_lines_are_none_and_defaults_may_be_left_out() -> None:
    lines = ['{"k": "op", "stream": 3, "name": "fill"}', "", '  {"k": "alloc", "storage": 1}  ', "\n"]
    assert list(decode(lines, "x")) == [Launch(stream=3, name="fill"), Alloc(storage=1)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        ('{"k": "kernel"}', "Invalid value 'kernel' - at `$.k`"),
        ('{"stream": 1}', "missing required field `k`"),
        ('{"k": "op", "name": "fill"}', "missing required field `stream`"),
        ('{"k": "op", "stream": "1", "name": "fill"}', "Expected `int`, got `str` - at `$.stream`"),
        ('{"k": "op", "stream": 1, "name": "fill", "reads": [[1, 2]]}', "at `$.reads[0]`"),
    ],
)
def test_a_line_that_is_no_row_is_named(line: str, reason: str) -> None:
    with pytest.raises(RowsError) as caught:
        list(decode(['{"k": "alloc", "storage": 1}', line], "device.jsonl"))
    assert str(caught.value).startswith("device.jsonl, line 2: ")
    assert reason in str(caught.value)
