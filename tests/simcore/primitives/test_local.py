"""Thread-local data: one set of attributes a thread, in and outside a world."""

from __future__ import annotations

import threading

import pytest

from weft.simcore.primitives.local import RealLocal, local


def test_each_thread_has_its_own(run, together, notes) -> None:
    def program() -> str:
        data, note = threading.local(), notes()
        data.value = "main"

        def use(value: str) -> None:
            note(hasattr(data, "value"))
            data.value = value
            note(data.value)

        together(a=lambda: use("x"), b=lambda: use("y"))
        note(data.value)
        return note.all()

    assert run(program).value == "MainThread: main, a: False x, b: False y"


def test_reading_and_writing_is_no_step(run) -> None:
    def program() -> None:
        data = threading.local()
        data.value = 1
        del data.value

    assert run(program).steps == ["MainThread begin", "MainThread end"]


def test_a_subclass_starts_anew_in_each_thread(run, together, notes) -> None:
    def program() -> str:
        class Data(threading.local):
            shared = "class"
            __slots__ = ("everywhere",)

            def __init__(self, start: int, step: int = 1) -> None:
                self.value = start
                self.step = step

            def next(self) -> int:
                self.value += self.step
                return self.value

        data, note = Data(10, step=5), notes()
        together(a=lambda: note(data.next()), b=lambda: [note(data.next()), note(data.next()), note(data.shared)])
        note(data.__dict__)
        return note.all()

    assert run(program).value == "MainThread: {'value': 10, 'step': 5}, a: 15, b: 15 20 class"


def test_made_outside_each_execution_begins_anew(run) -> None:
    data = local()
    data.value = "outside"

    def program() -> object:
        before = getattr(data, "value", None)
        data.value = "inside"
        return before

    assert run(program).value is None
    assert run(program).value is None
    assert data.value == "outside"


def test_outside_each_real_thread_has_its_own() -> None:
    class Data(local):
        def __init__(self, value: int) -> None:
            self.value = value

    data, seen = Data(1), []

    def use() -> None:
        seen.append(data.value)
        data.value = 3

    data.value = 2
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert seen == [1]
    assert data.value == 2


CALLS = {
    "arguments": lambda kind: kind(1),
    "missing": lambda kind: kind().value,
    "missing to delete": lambda kind: delattr(kind(), "value"),
    "attributes": lambda kind: [data := kind(), setattr(data, "value", 1), data.__dict__][1:],
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_as_cpython(run, raised, call) -> None:
    def told(kind: type) -> str:
        return raised(lambda: call(kind)).replace("_thread._local", "local")

    expected = told(RealLocal)
    assert run(lambda: told(local)).value == expected
    assert told(local) == expected


@pytest.mark.parametrize("change", [lambda data: setattr(data, "__dict__", {}), lambda data: delattr(data, "__dict__")])
def test_the_dictionary_cannot_be_replaced(change) -> None:
    with pytest.raises(AttributeError, match="'__dict__' is read-only"):
        change(local())
