"""What each of torch's operators reads and writes, and which of them wait for the device: by schema, and a few by name.

A schema says which arguments are written and which results are views of arguments. That is how torch's own sanitizer
reads it (``torch/cuda/_sanitizer.py``); we differ in that ``empty`` and its kin write nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_MAKES_ONLY = frozenset({"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"})
_SHAPE_ONLY = re.compile(r"(new_.*|.*_like)$")
_VIEWS_UNSAID = frozenset(
    {"_unsafe_view", "lift_fresh", "lift", "_reshape_alias", "set_", "_conj", "_neg_view", "alias"}
)
_WAITS = frozenset(
    {
        "_linalg_check_errors",
        "_local_scalar_dense",
        "allclose",
        "bincount",
        "_unique2",
        "equal",
        "is_nonzero",
        "masked_select",
        "nonzero",
        "repeat_interleave",
        "unique_consecutive",
        "unique_dim",
    }
)
"""Operators whose result, or its size, the host needs: they wait for the stream."""
_SPOKEN = {"_local_scalar_dense": "item", "_to_copy": "to", "_index_put_impl_": "index_put_", "_unique2": "unique"}
"""What users call operators that have another name inside."""
_MIXES = frozenset(
    {
        "copy_",
        "_ctc_loss",
        "_ctc_loss_backward",
        "_pack_padded_sequence",
        "_pack_padded_sequence_backward",
        "_pad_packed_sequence",
        "_to_copy",
        "index",
        "index_put_",
        "_index_put_impl_",
        "_foreach_copy_",
        "record_stream",
        "is_pinned",
    }
)
"""Operators whose arguments may be on several devices."""


@dataclass(frozen=True, slots=True)
class Operator:
    """What is known of one overload."""

    name: str
    """As torch knows it: ``_local_scalar_dense``."""
    spoken: str
    """As users know it: ``item``."""
    written: tuple[bool, ...]
    """By positional argument, whether it is written."""
    written_names: frozenset[str]
    """The same for arguments by name."""
    views: bool
    """It only looks at its arguments' shape, or gives views of them."""
    makes_only: bool
    """It makes memory and writes nothing."""
    shape_only: bool
    """It reads no argument, but writes its result."""
    waits: bool
    mixes: bool
    core: bool
    """It is one of torch's own."""


_known: dict[Any, Operator] = {}


def operator(overload: Any) -> Operator:
    """Of a ``torch._ops.OpOverload``."""
    found = _known.get(overload)
    if found is None:
        found = _known[overload] = _look_at(overload)
    return found


def _look_at(overload: Any) -> Operator:
    schema = overload._schema
    name: str = schema.name.rpartition("::")[2]
    arguments = schema.arguments
    written = tuple(bool(a.alias_info is not None and a.alias_info.is_write) for a in arguments)
    results = schema.returns
    aliases = bool(results) and all(r.alias_info is not None and not r.alias_info.is_write for r in results)
    core = "aten" in schema.name.partition("::")[0]
    return Operator(
        name=name,
        spoken=_SPOKEN.get(name, name),
        written=written,
        written_names=frozenset(a.name for a, w in zip(arguments, written, strict=True) if w),
        views=(aliases and not any(written)) or (core and name in _VIEWS_UNSAID),
        makes_only=core and name in _MAKES_ONLY,
        shape_only=core and _SHAPE_ONLY.match(name) is not None,
        waits=core and name in _WAITS,
        mixes=not core or name in _MIXES,
        core=core,
    )
