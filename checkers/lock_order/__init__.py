"""Lock-order prediction: deadlocks that one good run shows to be possible (rule D002), on a trace of any world.

It knows no scheduler; whether a prediction can really happen is for a directed replay to confirm.
"""

from __future__ import annotations

from .prediction import LockEdge, LockOrder, Predicted, find

__all__ = ["LockEdge", "LockOrder", "Predicted", "find"]
