"""The steps on vector clocks, and which of them an event is: by a look at a table, or by following its object.

Constants only; what following an object means is for :mod:`edges`.
"""

from __future__ import annotations

from typing import Literal

from ...simcore.trace import Op

READ, ATOMIC, WRITE, SEND, MERGE, RECEIVE, FORK, JOIN = range(8)
"""The steps. C is the clock of the thread, K one of the clocks threads leave for each other:

==========  =======================================================================
READ ...    an access to the variable ``operand`` (READ, ATOMIC, WRITE)
SEND        K = C, then the thread's own count goes up: a release nobody adds to
MERGE       K = max(K, C), then the count goes up: releases that add up
RECEIVE     C = max(C, K): an acquire
FORK        the clock of thread ``operand`` receives C, the count goes up
JOIN        C receives the clock of thread ``operand``, whose count goes up
==========  =======================================================================
"""

MEMORY_KINDS = frozenset({"Variable", "Container"})
LOCK_KINDS = frozenset({"Lock", "RLock"})
SMALL = 20_000
"""Up to so many events a plain loop is faster than loading NumPy and making columns."""


Semaphores = Literal["precise", "weak"]


# What to do with an event follows from its operation and the class of its object.

(
    OTHER,
    MEMORY,
    LOCK,
    MUTEX,
    CONDITION,
    SEMAPHORE,
    EVENT,
    BARRIER,
    QUEUE,
    FUTURE,
    POOL,
    FUTURES,
    THREAD,
    CHANNEL,
    CHANNELS,
    THREADS,
) = range(16)
CLASSES = 16
IGNORE, RESOLVE = -1, -2
CLASS_OF_KIND = {
    **dict.fromkeys(MEMORY_KINDS, MEMORY),
    **dict.fromkeys(LOCK_KINDS, LOCK),
    "ImportLock": LOCK,
    "Condition": CONDITION,
    "Semaphore": SEMAPHORE,
    "BoundedSemaphore": SEMAPHORE,
    "Event": EVENT,
    "Barrier": BARRIER,
    "Queue": QUEUE,
    "LifoQueue": QUEUE,
    "PriorityQueue": QUEUE,
    "SimpleQueue": QUEUE,
    "Future": FUTURE,
    "ThreadPoolExecutor": POOL,
    "Futures": FUTURES,
    "Thread": THREAD,
    "Threads": THREADS,
    "Pipe": CHANNEL,
    "Socket": CHANNEL,
    "Channels": CHANNELS,
}
_OPERATIONS = {
    MUTEX: (Op.ACQUIRE, Op.RELEASE),
    CONDITION: (Op.WAIT, Op.WAKE, Op.TIMEOUT, Op.NOTIFY),
    SEMAPHORE: (Op.ACQUIRE, Op.RELEASE),
    EVENT: (Op.SET, Op.WAIT, Op.ATOMIC),
    BARRIER: (Op.ARRIVE, Op.DEPART, Op.ABORT, Op.TIMEOUT, Op.ATOMIC),
    QUEUE: (Op.PUT, Op.GET, Op.TASK_DONE, Op.JOIN, Op.CLOSE, Op.ATOMIC),
    FUTURE: (Op.SUBMIT, Op.RUN, Op.SET, Op.RESULT, Op.CANCEL, Op.ATOMIC),
    POOL: (Op.SUBMIT, Op.RUN, Op.CLOSE, Op.ABORT),
    FUTURES: (Op.RESULT, Op.ATOMIC),
    THREAD: (Op.START, Op.JOIN, Op.ATOMIC, Op.END),
    CHANNEL: (Op.PUT, Op.GET, Op.CLOSE),
    CHANNELS: (Op.IO, Op.ATOMIC),
    THREADS: (Op.ATOMIC, Op.JOIN),
}


def _plain_table() -> list[int]:
    table = [IGNORE] * ((max(Op) + 1) * CLASSES)
    table[Op.READ * CLASSES + MEMORY] = READ
    table[Op.WRITE * CLASSES + MEMORY] = WRITE
    table[Op.ATOMIC * CLASSES + MEMORY] = ATOMIC
    table[Op.ACQUIRE * CLASSES + LOCK] = RECEIVE
    table[Op.RELEASE * CLASSES + LOCK] = SEND
    for group, operations in _OPERATIONS.items():
        for operation in operations:
            table[operation * CLASSES + group] = RESOLVE
    return table


PLAIN = _plain_table()
