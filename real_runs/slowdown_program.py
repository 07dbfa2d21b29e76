"""What :mod:`slowdown` runs on two interpreters: a piece of pure Python, and one of hashing, both timed by itself."""

from __future__ import annotations

import hashlib
import json
import sys
import time

_REPETITIONS = 5
_COUNT = 4000
_BLOCK = bytes(1 << 21)


class _Account:
    def __init__(self) -> None:
        self.balance = 0

    def add(self, amount: int) -> None:
        self.balance += amount


def pure_python() -> int:
    """Calls, attributes, dictionaries, lists and arithmetic, as programs use them."""
    account = _Account()
    seen: dict[int, int] = {}
    for number in range(_COUNT):
        account.add(number % 7)
        seen[number % 97] = seen.get(number % 97, 0) + account.balance
        text = f"{number}:{account.balance}"
        if text.endswith("0"):
            account.add(len(text))
    return sum(value * 3 for value in sorted(seen.values()) if value & 1)


def hashing() -> bytes:
    """One long hash, outside the interpreter's own code."""
    return hashlib.sha256(_BLOCK).digest()


def main() -> None:
    """Print the shortest times of a few repetitions, in nanoseconds."""
    shortest: dict[str, int] = {}
    for _ in range(_REPETITIONS):
        for name, piece in (("python_ns", pure_python), ("hash_ns", hashing)):
            begin = time.perf_counter_ns()
            piece()
            spent = time.perf_counter_ns() - begin
            shortest[name] = min(spent, shortest.get(name, spent))
    sys.stdout.write(json.dumps(shortest) + "\n")


if __name__ == "__main__":
    main()
