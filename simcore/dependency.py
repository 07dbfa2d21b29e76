"""Which operations on one object do not commute: the dependency relation that partial-order reduction rests on.

Two executed operations on the same object are *dependent* when swapping them, where both orders are possible,
could change either's outcome or the object's later behaviour. Orders that one operation forces on another (a
release enables an acquire, a put enables a get) are not listed here: they are reported by the primitives at run
time (``World.order_after``), because they are not reversible. Table: explorer.md 4.3, after Nidhugg and GenMC; our
deviations are stated beside the entry.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag, auto


class Access(IntEnum):
    """What an operation does to its object, as far as commuting is concerned. ``TRY`` codes are pending operations
    whose outcome is not known yet."""

    NONE = 0
    ACQUIRE = auto()
    RELEASE = auto()
    RELEASE_FOREIGN = auto()
    TRY = auto()
    TRY_OK = auto()
    TRY_FAILED = auto()
    LOCKED = auto()
    PERMIT_TAKE = auto()
    PERMIT_TRY = auto()
    PERMIT_TRY_FAILED = auto()
    PERMIT_GIVE = auto()
    PERMIT_GIVE_STRAY = auto()
    CONDITION_WAIT = auto()
    CONDITION_NOTIFY = auto()
    CONDITION_TIMEOUT = auto()
    CONDITION_WOKEN = auto()
    CONDITION_IN_TIME = auto()
    EVENT_SET = auto()
    EVENT_CLEAR = auto()
    EVENT_LOOK = auto()
    EVENT_SEEN = auto()
    EVENT_WAIT = auto()
    BARRIER = auto()
    BARRIER_DEPART = auto()
    BARRIER_TIMED = auto()
    BARRIER_BREAK = auto()
    BARRIER_LOOK = auto()
    PUT = auto()
    GET = auto()
    PUT_TRY = auto()
    PUT_FAILED = auto()
    GET_TRY = auto()
    GET_FAILED = auto()
    ORDERED_PUT = auto()
    ORDERED_GET = auto()
    ORDERED_TRY = auto()
    QUEUE_LOOK = auto()
    TASK_DONE = auto()
    QUEUE_JOIN = auto()
    QUEUE_MUTEX = auto()
    QUEUE_CLOSE = auto()
    FUTURE_SET = auto()
    FUTURE_LOOK = auto()
    FUTURE_WAIT = auto()
    FUTURE_CANCEL = auto()
    THREAD_END = auto()
    THREAD_LOOK = auto()
    POOL_SUBMIT = auto()
    POOL_TAKE = auto()
    POOL_CLOSE = auto()
    POOL_LEAVE = auto()
    POOL_DRAIN = auto()
    POOL_GROW = auto()
    FUTURE_DONE = auto()
    FUTURE_WATCHED = auto()
    FUTURES_WATCH = auto()
    FUTURES_GATHER = auto()
    VARIABLE_READ = auto()
    VARIABLE_WRITE = auto()
    ITEM_READ = auto()
    ITEM_WRITE = auto()
    WHOLE_READ = auto()
    WHOLE_WRITE = auto()
    CHANNEL_USE = auto()
    CHANNEL_FAILED = auto()
    CHANNEL_CHANGED = auto()
    CHANNEL_WATCHED = auto()
    CHANNEL_WATCH = auto()
    CHANNEL_SELECT = auto()
    DEVICE_GIVE = auto()
    DEVICE_LOOK = auto()


# Two clears of an event leave the same state in either order, but a wait that could come before one of them may not
# be able to come before both; so they count as dependent.
_PAIRS = """
ACQUIRE         ACQUIRE TRY TRY_OK TRY_FAILED LOCKED RELEASE_FOREIGN
RELEASE         RELEASE TRY TRY_OK TRY_FAILED LOCKED RELEASE_FOREIGN
RELEASE_FOREIGN RELEASE_FOREIGN TRY TRY_OK TRY_FAILED LOCKED
TRY             TRY TRY_OK LOCKED
TRY_OK          TRY_OK TRY_FAILED LOCKED
PERMIT_TAKE     PERMIT_TAKE PERMIT_TRY PERMIT_TRY_FAILED
PERMIT_GIVE     PERMIT_GIVE PERMIT_TRY PERMIT_TRY_FAILED
PERMIT_TRY      PERMIT_TRY PERMIT_TRY_FAILED
PERMIT_GIVE_STRAY PERMIT_GIVE_STRAY PERMIT_GIVE PERMIT_TAKE PERMIT_TRY PERMIT_TRY_FAILED
CONDITION_WAIT  CONDITION_NOTIFY CONDITION_WAIT
CONDITION_NOTIFY CONDITION_NOTIFY CONDITION_TIMEOUT CONDITION_IN_TIME
EVENT_SET       EVENT_SET EVENT_CLEAR EVENT_LOOK EVENT_SEEN
EVENT_CLEAR     EVENT_CLEAR EVENT_LOOK EVENT_SEEN EVENT_WAIT
BARRIER         BARRIER BARRIER_TIMED BARRIER_LOOK
BARRIER_BREAK   BARRIER_BREAK BARRIER BARRIER_DEPART BARRIER_TIMED BARRIER_LOOK
PUT             PUT PUT_TRY PUT_FAILED QUEUE_LOOK GET_TRY GET_FAILED
GET             GET GET_TRY GET_FAILED QUEUE_LOOK PUT_TRY PUT_FAILED
PUT_TRY         PUT_TRY GET_TRY PUT_FAILED GET_FAILED QUEUE_LOOK
GET_TRY         GET_TRY PUT_FAILED GET_FAILED QUEUE_LOOK
ORDERED_PUT     ORDERED_PUT ORDERED_GET ORDERED_TRY GET_FAILED PUT_FAILED QUEUE_LOOK
ORDERED_GET     ORDERED_GET ORDERED_TRY GET_FAILED PUT_FAILED QUEUE_LOOK
ORDERED_TRY     ORDERED_TRY GET_FAILED PUT_FAILED QUEUE_LOOK
PUT             TASK_DONE
ORDERED_PUT     TASK_DONE
PUT_TRY         TASK_DONE
ORDERED_TRY     TASK_DONE
QUEUE_JOIN      PUT ORDERED_PUT PUT_TRY ORDERED_TRY
TASK_DONE       TASK_DONE
QUEUE_MUTEX     PUT GET PUT_TRY PUT_FAILED GET_TRY GET_FAILED ORDERED_PUT
QUEUE_MUTEX     ORDERED_GET ORDERED_TRY QUEUE_LOOK TASK_DONE QUEUE_JOIN QUEUE_CLOSE
QUEUE_CLOSE     PUT GET PUT_TRY PUT_FAILED GET_TRY GET_FAILED ORDERED_PUT
QUEUE_CLOSE     ORDERED_GET ORDERED_TRY QUEUE_LOOK TASK_DONE QUEUE_JOIN QUEUE_CLOSE
FUTURE_SET      FUTURE_LOOK FUTURE_CANCEL
FUTURE_CANCEL   FUTURE_CANCEL FUTURE_LOOK POOL_TAKE
FUTURE_LOOK     POOL_TAKE
THREAD_END      THREAD_LOOK
POOL_SUBMIT     POOL_SUBMIT POOL_CLOSE
POOL_TAKE       POOL_TAKE
POOL_CLOSE      POOL_CLOSE
POOL_LEAVE      POOL_TAKE
POOL_DRAIN      POOL_DRAIN POOL_SUBMIT POOL_TAKE POOL_LEAVE POOL_CLOSE
FUTURE_DONE     POOL_GROW FUTURES_WATCH
FUTURE_WATCHED  FUTURE_WATCHED POOL_GROW FUTURES_WATCH FUTURES_GATHER
VARIABLE_READ   VARIABLE_WRITE
VARIABLE_WRITE  VARIABLE_WRITE
ITEM_READ       WHOLE_WRITE
ITEM_WRITE      WHOLE_READ WHOLE_WRITE
WHOLE_READ      WHOLE_WRITE
WHOLE_WRITE     WHOLE_WRITE
CHANNEL_USE     CHANNEL_USE CHANNEL_FAILED
CHANNEL_WATCHED CHANNEL_WATCHED CHANNEL_WATCH CHANNEL_SELECT
CHANNEL_CHANGED CHANNEL_WATCH
DEVICE_LOOK     DEVICE_LOOK DEVICE_GIVE
"""


def _matrix() -> list[list[bool]]:
    size = len(Access)
    matrix = [[False] * size for _ in range(size)]
    for line in _PAIRS.split("\n"):
        names = line.split()
        for other in names[1:]:
            a, b = Access[names[0]], Access[other]
            matrix[a][b] = matrix[b][a] = True
    return matrix


DEPENDENT = _matrix()
"""``DEPENDENT[a][b]``: may the order of two accesses with these codes to one object be observed? Symmetric."""


class Need(IntFlag):
    """What must hold of an object before a blocking operation on it can take effect (``Operation.needs``)."""

    FREE = auto()
    PERMIT = auto()
    RAISED = auto()
    ROOM = auto()
    ITEM = auto()
    NO_TASK = auto()
    MUTEX = auto()
    ENTRANCE = auto()
    EXIT = auto()
    NO_ACTION = auto()
    TASK = auto()
    CAUSE = auto()
    """Never admitted: only the steps that made it possible tell."""
