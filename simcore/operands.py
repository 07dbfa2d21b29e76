"""Which instructions of a code object access memory that threads may share, and where each finds its object.

It goes forward through the bytecode with a stack of descriptions instead of values; what cannot be described is unknown,
never guessed. It runs nothing, and does not know what becomes of the accesses.
"""

from __future__ import annotations

import dis
import hashlib
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .hooks import Does, Kind, Site

_OFFSET_BITS = 20
"""Room for the instructions of one code object between the numbers of two."""
_BASE_BYTES = 5


@dataclass(frozen=True, slots=True)
class Operand:
    """A value on the stack: a local variable, a constant, what the instruction at an offset gave, or unknown."""

    kind: Literal["local", "constant", "result", "null", "unknown"]
    value: Any = None
    """The name, the constant, or the offset."""
    text: str = ""
    """As source."""
    loads: frozenset[int] = frozenset()
    """The sites of the loads that it was computed from."""


UNKNOWN = Operand("unknown")
_NULL = Operand("null")
Action = Literal["attribute", "item", "variable", "iterate", "step", "whole", "inplace", "call", "spread", "contains"]


@dataclass(slots=True)
class Access:
    """An instruction that accesses something. Which variable that is depends on the objects of the moment."""

    offset: int
    action: Action
    site: Site
    subject: Operand = UNKNOWN
    key: Operand = UNKNOWN
    arguments: tuple[Operand, ...] = ()
    keep: bool = False
    """Its result is the operand of a later access."""
    release: tuple[int, ...] = ()
    """The results that no later access needs."""


def accesses(code: types.CodeType) -> dict[int, Access]:
    """By offset of the instruction. Nested code objects are their own."""
    return _Pass(code).run()


def _is_atom(operand: Operand) -> bool:
    return operand.kind == "constant" and isinstance(operand.value, str | int | float | bool | bytes | None)


def _base(code: types.CodeType) -> int:
    """The number before those of the sites of a code object: below 0, where the rewriter makes none."""
    text = f"{code.co_filename}\0{code.co_qualname}\0{code.co_firstlineno}\0{code.co_names}".encode(errors="replace")
    digest = hashlib.sha256(text + code.co_code).digest()
    return -(int.from_bytes(digest[:_BASE_BYTES], "big") + 1 << _OFFSET_BITS)


class _Pass:
    """One pass over a code object."""

    def __init__(self, code: types.CodeType) -> None:
        self.code = code
        self.base = _base(code)
        self.stack: list[Operand] = []
        self.found: dict[int, Access] = {}
        self.merging: dict[int, list[Operand]] = {}
        """Per target of a forward jump, what is on the stack there."""
        self.iterated: list[Operand] = []
        """What the loops around go through, as far as the code was read."""
        self.line = code.co_firstlineno
        self.column = 0
        self.here = 0
        self.needed: dict[int, int] = {}
        """Per offset whose result is an operand, the last instruction that has it."""

    def run(self) -> dict[int, Access]:
        backwards: set[int] = set()
        instructions = list(dis.get_instructions(self.code))
        for instruction in instructions:
            if instruction.opcode in dis.hasjrel and instruction.argval <= instruction.offset:
                backwards.add(instruction.argval)
        table: Any = getattr(dis.Bytecode(self.code), "exception_entries", ())
        handlers = {entry.target for entry in table}
        reached = True
        for instruction in instructions:
            self.here = instruction.offset
            positions = instruction.positions
            if positions is not None and positions.lineno is not None:
                self.line, self.column = positions.lineno, positions.col_offset or 0
            if instruction.opname == "END_SEND":  # the end of an ``await``: what was below it is still there
                self.stack = self.merging.get(self.here, [])
            elif self.here in backwards or self.here in handlers:
                self.stack = []
            elif self.here in self.merging:
                self._merge(self.merging[self.here], reached)
            elif not reached:
                self.stack = []
            name = instruction.opname
            handler: Callable[[Any], None] | None = getattr(self, f"_on_{name.lower()}", None)
            if handler is not None:
                handler(instruction)
            elif name in _FIXED:
                self._fixed(*_FIXED[name])
            elif name.startswith("BUILD_"):
                self._fixed(
                    (instruction.arg or 0) * (2 if name == "BUILD_MAP" else 1) + (name == "BUILD_CONST_KEY_MAP"), 1
                )
            elif name not in _NOTHING and instruction.opcode not in dis.hasjrel:
                self.stack = []
            if instruction.opcode in dis.hasjrel:
                self._jump(instruction)
            reached = name not in _NO_NEXT
        for offset, last in self.needed.items():
            if offset in self.found:
                self.found[offset].keep = True
            if last in self.found:
                access = self.found[last]
                if access.action != "step":
                    access.release = (*access.release, offset)
        return self.found

    # The stack.

    def pop(self) -> Operand:
        return self.stack.pop() if self.stack else UNKNOWN

    def pop_many(self, count: int) -> list[Operand]:
        """From the lowest to the top."""
        return [self.pop() for _ in range(count)][::-1]

    def push(self, *operands: Operand) -> None:
        self.stack += operands

    def _fixed(self, pops: int, pushes: int) -> None:
        taken = self.pop_many(pops)
        loads = frozenset[int]().union(*(operand.loads for operand in taken))
        self.push(*[Operand("unknown", loads=loads)] * pushes)

    def _merge(self, other: list[Operand], reached: bool) -> None:
        if not reached:
            self.stack = other
            return
        size = min(len(self.stack), len(other))
        mine, its = self.stack[len(self.stack) - size :], other[len(other) - size :]
        self.stack = [a if a == b else UNKNOWN for a, b in zip(mine, its, strict=True)]

    def _jump(self, instruction: dis.Instruction) -> None:
        target = instruction.argval
        if target <= self.here or instruction.opname == "FOR_ITER":
            return
        known = self.merging.get(target)
        if known is None:
            self.merging[target] = list(self.stack)
        else:
            before, self.stack = self.stack, list(self.stack)
            self._merge(known, True)
            self.merging[target], self.stack = self.stack, before

    def result(self, text: str, loads: frozenset[int] = frozenset()) -> Operand:
        return Operand("result", self.here, text, loads)

    def access(
        self,
        action: Action,
        kind: Kind,
        does: Does,
        name: str,
        subject: Operand = UNKNOWN,
        key: Operand = UNKNOWN,
        value: Operand | None = None,
        arguments: tuple[Operand, ...] = (),
    ) -> int:
        """Note an access of the instruction that is looked at; returns its site."""
        number = self.base + self.here
        pair = 0
        if value is not None:
            for load in sorted(value.loads, reverse=True):
                site = self.found[load - self.base].site
                if (site.name, site.text) == (name, subject.text) and (
                    kind != "item" or self.found[load - self.base].key == key
                ):
                    pair = load
                    break
        function = self.code.co_qualname
        blind = value is not None and value.kind == "constant"
        site = Site(
            *(number, kind, does, name, subject.text, self.code.co_filename, self.line, self.column, function),
            pair=pair,
            blind=blind,
        )
        self.found[self.here] = Access(self.here, action, site, subject, key, arguments)
        for operand in (subject, key, *arguments):
            if operand.kind == "result":
                self.needed[operand.value] = self.here
        return number

    # Variables.

    def _load(self, name: str) -> None:
        self.push(Operand("local", name, name))

    def _changed(self, name: str) -> None:
        """A local variable is about to change: what is on the stack keeps the old value."""
        self.stack = [UNKNOWN if (each.kind, each.value) == ("local", name) else each for each in self.stack]

    def _on_load_fast(self, instruction: dis.Instruction) -> None:
        self._load(instruction.argval)

    _on_load_fast_check = _on_load_fast

    def _on_load_fast_load_fast(self, instruction: dis.Instruction) -> None:
        for name in instruction.argval:
            self._load(name)

    def _on_load_fast_and_clear(self, instruction: dis.Instruction) -> None:
        self._changed(instruction.argval)
        self.push(UNKNOWN)

    def _on_store_fast(self, instruction: dis.Instruction) -> None:
        self.pop()
        self._changed(instruction.argval)

    def _on_store_fast_load_fast(self, instruction: dis.Instruction) -> None:
        self.pop()
        self._changed(instruction.argval[0])
        self._load(instruction.argval[1])

    def _on_store_fast_store_fast(self, instruction: dis.Instruction) -> None:
        self.pop_many(2)
        for name in instruction.argval:
            self._changed(name)

    def _on_delete_fast(self, instruction: dis.Instruction) -> None:
        self._changed(instruction.argval)

    def _on_load_const(self, instruction: dis.Instruction) -> None:
        self.push(Operand("constant", instruction.argval, repr(instruction.argval)))

    def _on_push_null(self, instruction: dis.Instruction) -> None:
        self.push(_NULL)

    def _variable(self, instruction: dis.Instruction, kind: Kind, pops: int = 0) -> None:
        self.pop_many(pops)
        name = instruction.argval
        number = self.access("variable", kind, "read", name)
        self._result(self.result(name, frozenset({number})), instruction.opname == "LOAD_GLOBAL", instruction)

    def _result(self, result: Operand, may_call: bool, instruction: dis.Instruction) -> None:
        """Push it, with room for the object that a method is called on: below before 3.13, above since."""
        room = [_NULL] if may_call and (instruction.arg or 0) & 1 else []
        self.push(*([result, *room] if sys.version_info >= (3, 13) else [*room, result]))

    def _on_load_global(self, instruction: dis.Instruction) -> None:
        self._variable(instruction, "global")

    def _on_load_name(self, instruction: dis.Instruction) -> None:
        self._variable(instruction, "global")

    def _on_load_from_dict_or_globals(self, instruction: dis.Instruction) -> None:
        self._variable(instruction, "global", 1)

    def _on_load_deref(self, instruction: dis.Instruction) -> None:
        self._variable(instruction, "cell")

    def _on_load_from_dict_or_deref(self, instruction: dis.Instruction) -> None:
        self._variable(instruction, "cell", 1)

    def _store_variable(self, instruction: dis.Instruction, kind: Kind) -> None:
        self.access("variable", kind, "write", instruction.argval, value=self.pop())

    def _on_store_global(self, instruction: dis.Instruction) -> None:
        self._store_variable(instruction, "global")

    _on_store_name = _on_store_global

    def _on_store_deref(self, instruction: dis.Instruction) -> None:
        self._store_variable(instruction, "cell")

    def _on_delete_global(self, instruction: dis.Instruction) -> None:
        self.access("variable", "global", "delete", instruction.argval)

    _on_delete_name = _on_delete_global

    def _on_delete_deref(self, instruction: dis.Instruction) -> None:
        self.access("variable", "cell", "delete", instruction.argval)

    # Attributes and items.

    def _on_load_attr(self, instruction: dis.Instruction) -> None:
        subject = self.pop()
        name = instruction.argval
        number = self.access("attribute", "attribute", "read", name, subject)
        text = f"{subject.text}.{name}" if subject.text else ""
        self._result(self.result(text, frozenset({number})), True, instruction)

    def _on_load_super_attr(self, instruction: dis.Instruction) -> None:
        self._fixed(3, 2 if (instruction.arg or 0) & 1 else 1)

    def _on_store_attr(self, instruction: dis.Instruction) -> None:
        value, subject = self.pop_many(2)
        self.access("attribute", "attribute", "write", instruction.argval, subject, value=value)

    def _on_delete_attr(self, instruction: dis.Instruction) -> None:
        self.access("attribute", "attribute", "delete", instruction.argval, self.pop())

    def _on_binary_subscr(self, instruction: dis.Instruction) -> None:
        subject, key = self.pop_many(2)
        number = self.access("item", "item", "read", "", subject, key)
        self.push(self.result(f"{subject.text}[{key.text}]" if subject.text else "", frozenset({number})))

    def _on_store_subscr(self, instruction: dis.Instruction) -> None:
        value, subject, key = self.pop_many(3)
        self.access("item", "item", "write", "", subject, key, value)

    def _on_delete_subscr(self, instruction: dis.Instruction) -> None:
        subject, key = self.pop_many(2)
        self.access("item", "item", "delete", "", subject, key)

    def _on_binary_slice(self, instruction: dis.Instruction) -> None:
        subject = self.pop_many(3)[0]
        number = self.access("whole", "whole", "read", "", subject)
        self.push(Operand("unknown", loads=frozenset({number})))

    def _on_store_slice(self, instruction: dis.Instruction) -> None:
        subject = self.pop_many(4)[1]
        self.access("whole", "whole", "write", "", subject)

    def _on_contains_op(self, instruction: dis.Instruction) -> None:
        key, subject = self.pop_many(2)
        number = self.access("contains", "item", "read", "", subject, key)
        self.push(Operand("unknown", loads=frozenset({number})))

    # Containers as a whole.

    def _on_get_iter(self, instruction: dis.Instruction) -> None:
        subject = self.pop()
        self.access("iterate", "iteration", "read", "", subject)
        self.push(self.result(subject.text))
        self.iterated.append(self.stack[-1])

    def _on_for_iter(self, instruction: dis.Instruction) -> None:
        # The iterator lies below everything that was made since; loops are nested, so it is the last one begun.
        # A generator expression is given its first one, which it calls ".0".
        subject = self.iterated[-1] if self.iterated else Operand("local", ".0")
        self.access("step", "iteration", "read", "", subject)
        self.push(UNKNOWN)

    def _on_end_for(self, instruction: dis.Instruction) -> None:
        if self.iterated:
            self.iterated.pop()
        self.stack = []

    def _look(self, instruction: dis.Instruction, pops: int = 1, pushes: int = 1) -> None:
        """Looks at all of the value on the top: its truth, its elements."""
        subject = self.stack[-1] if self.stack else UNKNOWN
        if subject.kind in ("local", "result"):
            self.access("whole", "whole", "read", "", subject)
        self._fixed(pops, pushes)

    def _on_to_bool(self, instruction: dis.Instruction) -> None:
        self._look(instruction)

    _on_unary_not = _on_to_bool
    _on_format_simple = _on_to_bool
    _on_convert_value = _on_to_bool

    def _on_pop_jump_if_true(self, instruction: dis.Instruction) -> None:
        self._look(instruction, 1, 0)

    _on_pop_jump_if_false = _on_pop_jump_if_true
    _on_list_extend = _on_pop_jump_if_true
    _on_set_update = _on_pop_jump_if_true
    _on_dict_update = _on_pop_jump_if_true
    _on_dict_merge = _on_pop_jump_if_true

    def _on_unpack_sequence(self, instruction: dis.Instruction) -> None:
        self._look(instruction, 1, instruction.arg or 0)

    def _on_compare_op(self, instruction: dis.Instruction) -> None:
        operands = tuple(each for each in self.stack[-2:] if each.kind in ("local", "result"))
        if operands and not any(_is_atom(each) for each in self.stack[-2:]):
            self.access("whole", "whole", "read", "", operands[0], arguments=operands[1:])
        self._fixed(2, 1)

    def _on_binary_op(self, instruction: dis.Instruction) -> None:
        left = self.stack[-2] if len(self.stack) > 1 else UNKNOWN
        # No container takes an atom but in ``[0] * 3`` and ``"%s" % [0]``.
        alone = _is_atom(self.stack[-1]) and instruction.argrepr not in ("*", "*=") if self.stack else False
        if left.kind in ("local", "result") and not alone:
            inplace = instruction.argrepr.endswith("=")
            self.access("inplace", "inplace" if inplace else "whole", "write" if inplace else "read", "", left)
        self._fixed(2, 1)

    # Calls.

    def _call(self, count: int, below: int) -> None:
        arguments = self.pop_many(count)
        pair = self.pop_many(below)
        callee = next((each for each in pair if each.kind in ("result", "local")), UNKNOWN)
        taken = frozenset[int]().union(*(operand.loads for operand in (*arguments, *pair)))
        self.access("call", "method", "read", callee.text.rpartition(".")[2], callee, arguments=tuple(arguments))
        self.push(self.result("", taken))

    def _on_call(self, instruction: dis.Instruction) -> None:
        self._call(instruction.arg or 0, 2)

    def _on_call_kw(self, instruction: dis.Instruction) -> None:
        self.pop()
        self._call(instruction.arg or 0, 2)

    def _on_make_function(self, instruction: dis.Instruction) -> None:
        self._fixed(1 + (instruction.arg or 0).bit_count(), 1)

    def _on_call_function_ex(self, instruction: dis.Instruction) -> None:
        arguments = self.pop_many(1 + ((instruction.arg or 0) & 1))
        callee = next((each for each in self.pop_many(2) if each.kind in ("result", "local")), UNKNOWN)
        name = callee.text.rpartition(".")[2]
        self.access("spread", "method", "read", name, callee, arguments=tuple(arguments))
        self.push(self.result(""))

    def _on_format_value(self, instruction: dis.Instruction) -> None:
        specified = bool((instruction.arg or 0) & 4)
        if specified:
            self.pop()
        self._look(instruction)

    # Moves.

    def _on_copy(self, instruction: dis.Instruction) -> None:
        depth = instruction.arg or 1
        self.push(self.stack[-depth] if depth <= len(self.stack) else UNKNOWN)

    def _on_swap(self, instruction: dis.Instruction) -> None:
        depth = instruction.arg or 1
        if depth > len(self.stack):
            self.stack[:0] = [UNKNOWN] * (depth - len(self.stack))
        self.stack[-1], self.stack[-depth] = self.stack[-depth], self.stack[-1]


_FIXED: dict[str, tuple[int, int]] = {
    "POP_TOP": (1, 0),
    "POP_JUMP_IF_NONE": (1, 0),
    "POP_JUMP_IF_NOT_NONE": (1, 0),
    "RETURN_VALUE": (1, 0),
    "IS_OP": (2, 1),
    "UNARY_NEGATIVE": (1, 1),
    "UNARY_INVERT": (1, 1),
    "LIST_APPEND": (1, 0),
    "SET_ADD": (1, 0),
    "MAP_ADD": (2, 0),
    "FORMAT_WITH_SPEC": (2, 1),
    "LOAD_CLOSURE": (0, 1),
    "LOAD_BUILD_CLASS": (0, 1),
    "LOAD_LOCALS": (0, 1),
    "IMPORT_NAME": (2, 1),
    "IMPORT_FROM": (0, 1),
    "BEFORE_WITH": (1, 2),
    "GET_AWAITABLE": (1, 1),
    "GET_YIELD_FROM_ITER": (1, 1),
    "END_SEND": (2, 1),
    "YIELD_VALUE": (1, 1),
    "CALL_INTRINSIC_1": (1, 1),
    "CALL_INTRINSIC_2": (2, 1),
    "LOAD_ASSERTION_ERROR": (0, 1),
    "SET_FUNCTION_ATTRIBUTE": (2, 1),
}
"""How many values an instruction takes and gives; those not listed anywhere leave nothing known."""
_NOTHING = frozenset(
    {"NOP", "RESUME", "CACHE", "EXTENDED_ARG", "KW_NAMES", "MAKE_CELL", "COPY_FREE_VARS", "RETURN_CONST"}
    | {"SETUP_ANNOTATIONS", "RETURN_GENERATOR"}
)
_NO_NEXT = frozenset(
    {"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS"}
    | {"RERAISE"}
)
