"""The four smallest lock-order programs of docs/explanation/lock-order.md. Only ``cycle`` can deadlock."""

import threading
from collections.abc import Callable
from typing import Any

gate = threading.Lock()
a = threading.Lock()
b = threading.Lock()


def a_then_b() -> None:
    with a:  # noqa: SIM117 - two lines, so that reports tell them apart
        with b:
            pass


def b_then_a() -> None:
    with b:  # noqa: SIM117
        with a:
            pass


def under_the_gate(body: Callable[[], None]) -> None:
    with gate:
        body()


def start(name: str, body: Callable[..., None], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=body, args=args, name=name)
    thread.start()
    return thread


def cycle() -> None:
    threads = [start("one", a_then_b), start("two", b_then_a)]
    for thread in threads:
        thread.join()


def gated() -> None:
    threads = [start("one", under_the_gate, a_then_b), start("two", under_the_gate, b_then_a)]
    for thread in threads:
        thread.join()


def one_thread() -> None:
    def both_orders() -> None:
        a_then_b()
        b_then_a()

    start("one", both_orders).join()


def joined() -> None:
    start("one", a_then_b).join()
    start("two", b_then_a).join()
