"""The hooks' names: passive unless a world fills them, and out of every module's way."""

from __future__ import annotations

import builtins
from types import CellType
from typing import Any

import pytest

from weft.simcore import hooks


@pytest.mark.parametrize("name", hooks.PASSIVE)
def test_a_passive_hook_returns_what_the_code_goes_on_with(name: str) -> None:
    hook = getattr(builtins, name)
    obj, key, value = object(), object(), object()
    calls: dict[str, tuple[tuple[Any, ...], Any]] = {
        "__weft_item_read__": ((obj, key, 1), obj),
        "__weft_item_write__": ((obj, key, 1), obj),
        "__weft_dynamic_read__": ((obj, "name", 1), obj),
        "__weft_dynamic_write__": ((obj, "name", 1), obj),
        "__weft_key_read__": ((obj, key, 1), key),
        "__weft_key_write__": ((obj, key, 1), key),
        "__weft_method__": ((obj, 1, hooks.NOKEY), obj),
        "__weft_argument__": ((obj, value, 1, key), value),
        "__weft_global__": ((1,), None),
        "__weft_global_write__": ((value, 1), value),
        "__weft_cell__": ((CellType(1), 1), None),
        "__weft_cell_write__": ((value, CellType(1), 1), value),
    }
    arguments, result = calls.get(name, ((obj, 1), obj))
    assert hook(*arguments) is result


def test_install_and_uninstall() -> None:
    seen: list[int] = []

    def read(obj: Any, site: int) -> Any:
        seen.append(site)
        return obj

    code = compile("__weft_read__(1, 2), __weft_write__(3, 4)", "<hooks>", "eval")
    try:
        hooks.install({"__weft_read__": read})
        assert eval(code, {}) == (1, 3)
    finally:
        hooks.uninstall()
    assert eval(code, {}) == (1, 3)
    assert seen == [2]


def test_there_is_no_hook_of_another_name() -> None:
    with pytest.raises(KeyError, match="__weft_raed__"):
        hooks.install({"__weft_raed__": print})
    assert not hasattr(builtins, "__weft_raed__")


def test_what_is_fixed_stays() -> None:
    assert eval("__weft_nokey__", {}) is hooks.NOKEY
    assert eval("__weft_iadd__([1], [2])", {}) == [1, 2]
    assert repr(hooks.NOKEY) == "NOKEY"
    assert repr(hooks.SAME) == "SAME"
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \+=: 'int' and 'str'"):
        eval("__weft_iadd__(1, 'a')", {})


def test_a_watched_iteration_reports_before_every_step() -> None:
    log: list[str] = []

    def values() -> Any:
        for number in range(2):
            log.append(f"value {number}")
            yield number

    assert list(hooks.watched(lambda: log.append("access"), values())) == [0, 1]
    assert log == ["access", "value 0", "access", "value 1", "access"]
