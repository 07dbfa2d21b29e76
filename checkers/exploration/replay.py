"""Replay: repeat one recorded schedule exactly, or say where the program left it."""

from __future__ import annotations

from collections.abc import Sequence

from ...simcore.explored import Divergence, ExploredWorld
from ...simcore.threads import VirtualThread
from ...simcore.world import Operation


class Replay:
    """Forces a schedule given as one thread index per step (threads in the order they were started, main is 0).

    ``labels`` are the operations recorded for the steps; a step that differs ends the run with a Divergence that
    names it. After the last recorded step the execution continues fairly.
    """

    name = "replay"

    def __init__(self, schedule: Sequence[int], labels: Sequence[str] = ()) -> None:
        self.schedule = schedule
        self.labels = labels

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        step = world.step
        if step >= len(self.schedule):
            return world.continue_fairly(last, {})
        index = self.schedule[step]
        if index >= len(world.threads):
            raise world.abort(Divergence(self._message(step, f"there is no thread number {index} yet")))
        thread = world.threads[index]
        if not world.enabled(thread):
            world.release_patient()
        if not world.enabled(thread):
            operation = thread.pending
            doing = "it has ended" if operation is None else f"it waits in {operation.label}: {operation.detail()}"
            raise world.abort(Divergence(self._message(step, f"{thread.name} cannot move ({doing})")))
        return thread

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None:
        step = world.step
        if step >= len(self.schedule):
            return
        if self.schedule[step] != thread.index:
            expected = self.schedule[step]
            raise world.abort(Divergence(self._message(step, f"{thread.name} moved, not thread number {expected}")))
        if step < len(self.labels) and self.labels[step] != operation.label:
            raise world.abort(
                Divergence(
                    self._message(step, f"{thread.name} did {operation.label}, recorded was {self.labels[step]}")
                )
            )

    @staticmethod
    def _message(step: int, what: str) -> str:
        return (
            f"the schedule does not fit the program any more: at step {step + 1} {what}; the program or its input has "
            "changed since it was recorded, or depends on something outside it: run `weft check` again"
        )
