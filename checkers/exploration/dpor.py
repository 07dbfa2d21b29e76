"""Optimal dynamic partial-order reduction: one execution for each Mazurkiewicz trace.

The strategy keeps, for the execution it is in, the happens-before relation and per step a sleep set and a wakeup
tree; it knows operations only by object and access code. Algorithm: Abdulla, Aronis, Jonsson, Sagonas, "Optimal
Dynamic Partial Order Reduction" (POPL 2014; JACM 2017), Algorithm 2, with these deviations: races are collected when
an event is first executed and reversed once the execution is maximal; a blocked operation at the end counts as an
event (Nidhugg's lock-fail races); a step that could not have come first hides no race (``_conflicts``); what a step
that may fail will touch is a guess while it is planned, and no wakeup tree is cut short on the strength of a guess
(``_insert``); operations that commute with everything are not scheduling points and do not appear in wakeup sequences;
a planned step that turns out not to be enabled is dropped and counted. Every one of these was found wrong in an earlier
form by tests/checkers/exploration/test_against_brute_force.py.
"""

from __future__ import annotations

from math import inf
from time import perf_counter

from ...simcore.dependency import DEPENDENT
from ...simcore.explored import Divergence, ExploredWorld, Outcome
from ...simcore.threads import VirtualThread
from ...simcore.world import ANY, Operation

_CUT_OFF_STEPS = 500
"""Of an execution that hit the step limit, races are reversed in the first steps only: the rest repeats itself."""

Key = tuple[int, int, int, int]
"""What a step touches: object uid and access code, twice (-1, 0 when there is no second object)."""


def key_of(operation: Operation, code: int) -> Key:
    second = operation.second
    if second is None:
        return (operation.target.uid, code, -1, 0)
    return (operation.target.uid, code, second.uid, operation.second_done)


def guess_of(operation: Operation, key: Key, code: int) -> Key | None:
    """What a step with this key might touch in another state, on the side of dependence; None when the same."""
    if operation.timeout is None and code == operation.pending:
        return operation.guess()
    return key_of(operation, operation.pending)


def dependent(a: Key, b: Key) -> bool:
    """May the order of two steps with these keys be observed?"""
    if a[0] == b[0]:
        if DEPENDENT[a[1]][b[1]]:
            return True
    elif a[2] == -1 and b[2] == -1:
        return False
    return (
        (a[0] == b[2] and DEPENDENT[a[1]][b[3]])
        or (a[2] == b[0] and DEPENDENT[a[3]][b[1]])
        or (a[2] == b[2] != -1 and DEPENDENT[a[3]][b[3]])
        or (a[2] == ANY and (DEPENDENT[a[3]][b[1]] or DEPENDENT[a[3]][b[3]]))
        or (b[2] == ANY and (DEPENDENT[b[3]][a[1]] or DEPENDENT[b[3]][a[3]]))
    )


class Branch:
    """A node of a wakeup tree: this thread takes its step next, then one of the children."""

    __slots__ = ("children", "key", "sure", "uid")

    def __init__(self, uid: int, key: Key, sure: bool) -> None:
        self.uid = uid
        self.key = key
        self.children: list[Branch] = []
        self.sure = sure
        """False when it stands right of, or below, a step that may fail: the key of such a step is a guess."""


class _Planned:
    """An event of a wakeup sequence: the step at ``index`` of the current execution (-1: the reversed step itself)."""

    __slots__ = ("after", "bit", "key", "uid")

    def __init__(self, uid: int, key: Key, bit: int, after: int) -> None:
        self.uid = uid
        self.key = key
        self.bit = bit
        self.after = after
        """Bit mask of the events that happen before it."""


class OptimalDpor:
    """The strategy; :meth:`next_execution` says whether there is another trace to run.

    Invariant: no trace is run twice, and ``redundant`` stays 0 in programs without tries and time-outs; with them some
    executions may be cut short, never a trace missed (tests/checkers/exploration/test_dpor.py counts traces against
    closed formulas, test_against_brute_force.py against plain enumeration).
    """

    name = "dpor"

    def __init__(self) -> None:
        # One entry per step of the current execution.
        self._uid: list[int] = []
        self._key: list[Key] = []
        self._guess: list[Key | None] = []
        """What the step might touch where it comes earlier, when that is not sure to be its key."""
        self._clock: list[int] = []
        """Bit j set: step j happens before (or is) this step."""
        self._past: list[int] = []
        """The clock of the same thread's step before, without what this step was enabled by or conflicts with."""
        self._admitted: list[int] = []
        """What the objects of each step admitted before it."""
        self._scheduled: list[bool] = []
        self._sleep: list[dict[int, Key]] = []
        """The sleep set of the node before each step: threads whose step was explored there already."""
        self._plans: list[list[Branch]] = []
        """The branches of the wakeup tree still to run from the node before each step."""
        self._races: list[list[tuple[int, tuple[int, ...]]]] = []
        self._touched: dict[int, int] = {}
        """Per object, the steps that touched it."""
        self._last: dict[int, int] = {}
        """Per thread, its last step."""
        self._forced = 0
        self._branch: Branch | None = None
        """The branch to take at the first step that is not forced."""
        self._sleep_now: dict[int, Key] = {}
        self._plan_now: list[Branch] = []
        self.redundant = 0
        self.infeasible = 0
        self.deadline = inf
        """When to stop planning (``perf_counter`` seconds); a long execution has very many races."""
        self.truncated = False
        """Some races were not reversed: what was explored is not everything."""

    # Strategy.

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        step = world.step
        if step < self._forced:
            return self._find(world, self._uid[step], step)
        if step == self._forced and self._branch is not None:
            return self._take_planned(world, step)
        sleep = self._sleep_now
        plans = self._plan_now
        while plans:
            branch = plans.pop(0)
            if branch.uid in sleep:
                continue
            thread = self._runnable(world, branch.uid)
            if thread is not None:
                self._open(step, sleep, plans)
                self._plan_now = branch.children
                return thread
            self.infeasible += 1
            plans[:0] = branch.children
        thread = world.continue_fairly(last, sleep)
        if thread is None:
            if sleep and any(world.enabled(other) for other in world.live):
                self.redundant += 1
                world.outcome = Outcome.REDUNDANT
            return None
        self._open(step, sleep, [])
        self._plan_now = []
        return thread

    def _take_planned(self, world: ExploredWorld, step: int) -> VirtualThread | None:
        """The first step off the forced prefix: the planned branch, or the next that can run."""
        plans = self._plans[step]
        branch, self._branch = self._branch, None
        while branch is not None:
            thread = self._runnable(world, branch.uid)
            if thread is not None:
                self._plan_now = branch.children
                return thread
            self.infeasible += 1
            plans[:0] = branch.children
            branch = _first_awake(plans, self._sleep[step])
        del self._sleep[step:], self._plans[step:]
        world.outcome = Outcome.REDUNDANT
        return None

    def _open(self, step: int, sleep: dict[int, Key], plans: list[Branch]) -> None:
        """Remember the node before ``step``; steps that were not scheduling points have none."""
        missing = step - len(self._sleep)
        if missing > 0:
            self._sleep += [{}] * missing
            self._plans += [[] for _ in range(missing)]
        self._sleep.append(sleep)
        self._plans.append(plans)

    @staticmethod
    def _find(world: ExploredWorld, uid: int, step: int) -> VirtualThread:
        for thread in world.live:
            if thread.uid == uid:
                if thread.pending is None or thread.pending.local:
                    break
                if world.enabled(thread) or (world.release_patient() and world.enabled(thread)):
                    return thread  # it had looked in vain too often, but nobody else could move: as it was before
                break
        raise world.abort(Divergence(_differs(step, f"thread {uid} cannot take the step it took before")))

    @staticmethod
    def _runnable(world: ExploredWorld, uid: int) -> VirtualThread | None:
        for thread in world.live:
            if thread.uid == uid:
                return thread if world.enabled(thread) else None
        return None

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None:
        step = world.step
        uid = thread.uid
        if step < self._forced:
            known = self._key[step]
            if self._uid[step] != uid or known[0] != operation.target.uid or known[1] != code:
                raise world.abort(
                    Divergence(_differs(step, f"{thread.name} did {operation.label} where another step was recorded"))
                )
            self._last[uid] = step
            return
        previous = self._last.get(uid, -1)
        past = self._clock[previous] if previous >= 0 else 0
        key = key_of(operation, code)
        clock, races = self._conflicts(key, past, operation.needs, tuple(world.edges))
        clock |= 1 << step
        clocks = self._clock
        for edge in world.edges:
            clock |= clocks[edge]
        self._uid.append(uid)
        self._key.append(key)
        self._guess.append(guess_of(operation, key, code))
        clocks.append(clock)
        self._past.append(past)
        self._admitted.append(world.admitted)
        self._races.append(races)
        self._last[uid] = step
        if code or key[3]:
            touched = self._touched
            touched[key[0]] = touched.get(key[0], 0) | (1 << step)
            if key[2] != -1:
                touched[key[2]] = touched.get(key[2], 0) | (1 << step)
        if operation.local:
            self._scheduled.append(False)
            return
        self._scheduled.append(True)
        sleep = self._sleep[step]
        if sleep:
            sleep = {other: planned for other, planned in sleep.items() if other != uid and not dependent(planned, key)}
        self._sleep_now = sleep

    def _conflicts(
        self, key: Key, past: int, needs: int, edges: tuple[int, ...]
    ) -> tuple[int, list[tuple[int, tuple[int, ...]]]]:
        """The clock of a step touching ``key`` after ``past``, and the steps it races with: dependent, not ordered
        otherwise, and such that it could have come before them; each with the earlier steps that must then precede it.

        A blocking step that ``needs`` what the object did not admit before an earlier step, and that was made possible
        only after it, cannot overtake it (a lock is taken after the failed try of another thread). Such a step hides
        no earlier race: where a race can be reversed, those before it are found in the reversed execution; here there
        is none.
        """
        clock = hidden = past
        races: list[tuple[int, tuple[int, ...]]] = []
        clocks = self._clock
        for uid, code in ((key[0], key[1]), (key[2], key[3])):
            if not code:
                continue
            row = DEPENDENT[code]
            todo = self._touched.get(uid, 0) & ~hidden
            while todo:
                index = todo.bit_length() - 1
                bit = 1 << index
                todo ^= bit
                other = self._key[index]
                if row[other[1] if other[0] == uid else other[3]]:
                    clock |= clocks[index]
                    if not needs & ~self._admitted[index]:
                        races.append((index, ()))
                    elif edges and not any(clocks[edge] & bit for edge in edges):
                        races.append((index, edges))
                    else:
                        continue
                    hidden |= clocks[index]
                    todo &= ~hidden
        return clock, races

    # Between executions.

    def finished(self, world: ExploredWorld) -> None:
        """The execution is maximal: plan the reversal of every race in it."""
        if world.outcome is not Outcome.REDUNDANT:
            for step in range(self._forced, len(self._uid)):
                if (world.outcome is Outcome.STEP_LIMIT and step >= _CUT_OFF_STEPS) or perf_counter() > self.deadline:
                    self.truncated = True
                    return
                for race, edges in self._races[step]:
                    guess = self._guess[step]
                    key = self._key[step] if guess is None else guess
                    self._reverse(race, self._uid[step], key, guess is None, self._past[step], edges)
            for thread in world.live:
                operation = thread.pending
                if operation is None or operation.local:
                    continue
                previous = self._last.get(thread.uid, -1)
                key = key_of(operation, operation.pending)
                guess = guess_of(operation, key, operation.pending)
                past = self._clock[previous] if previous >= 0 else 0
                key = key if guess is None else guess
                for race, edges in self._conflicts(key, past, operation.needs, ())[1]:
                    self._reverse(race, thread.uid, key, guess is None, past, edges)

    def _reverse(self, race: int, uid: int, key: Key, sure: bool, past: int, edges: tuple[int, ...]) -> None:
        """Plan an execution in which the step ``key`` of thread ``uid`` comes before the step ``race``, unless one is
        planned or done.

        What precedes the late step in the new order is found from the sequence itself: its clock in the old order
        came through the step that is overtaken (a lock's release orders the next acquire after it).
        """
        bit = 1 << race
        clocks = self._clock
        sequence: list[_Planned] = []
        for i in range(race + 1, len(clocks)):
            if self._scheduled[i] and not clocks[i] & bit:
                event = _Planned(self._uid[i], self._key[i], 1 << i, clocks[i] & ~(1 << i))
                sequence.append(event)
                if i in edges or dependent(event.key, key):
                    past |= clocks[i]
        sequence.append(_Planned(uid, key, 0, past))
        for asleep, planned in self._sleep[race].items():
            if _weak_initial(asleep, planned, sequence):
                return
        _insert(sequence, sure, self._plans[race])

    def next_execution(self) -> bool:
        """Go back to the deepest node with a planned branch; False when everything is explored."""
        while self._uid:
            step = len(self._uid) - 1
            uid, key, scheduled = self._uid.pop(), self._key.pop(), self._scheduled.pop()
            self._guess.pop()
            self._clock.pop()
            self._past.pop()
            self._admitted.pop()
            self._races.pop()
            if not scheduled:
                del self._sleep[step:], self._plans[step:]
                continue
            branch = None
            if self._plans[step]:
                sleep = self._sleep[step] = {**self._sleep[step], uid: key}
                branch = _first_awake(self._plans[step], sleep)
            if branch is not None:
                del self._sleep[step + 1 :], self._plans[step + 1 :]
                self._branch = branch
                self._forced = step
                self._sleep_now = self._sleep[step]
                keep = (1 << step) - 1
                self._touched = {uid: mask & keep for uid, mask in self._touched.items()}
                self._last = {}
                return True
            del self._sleep[step:], self._plans[step:]
        return False

    @property
    def depth(self) -> int:
        return len(self._uid)

    def open_branches(self) -> int:
        """How many planned branches are waiting; a lower bound of what is left."""
        return sum(len(plans) for plans in self._plans)


def _differs(step: int, what: str) -> str:
    return (
        f"the program behaved differently when its schedule was repeated: at step {step + 1} {what}; usual causes are "
        "the real clock, random numbers from outside the random module, the environment, and order by id() or hash()"
    )


def _initial(position: int, sequence: list[_Planned]) -> bool:
    """Does the event at ``position`` have no predecessor inside the sequence?"""
    after = sequence[position].after
    return not any(after & event.bit for event in sequence)


def _weak_initial(uid: int, key: Key, sequence: list[_Planned]) -> bool:
    """Could the thread's step come first in some order equivalent to the sequence, or to an extension of it?"""
    for position, event in enumerate(sequence):
        if event.uid == uid:
            return _initial(position, sequence)
    return not any(dependent(key, event.key) for event in sequence)


def _first_awake(plans: list[Branch], sleep: dict[int, Key]) -> Branch | None:
    """Take the first branch from ``plans`` that does not begin with a step explored already."""
    while plans:
        branch = plans.pop(0)
        if branch.uid not in sleep:
            return branch
    return None


def _insert(sequence: list[_Planned], sure: bool, level: list[Branch]) -> None:
    """Insert a wakeup sequence into an ordered tree (JACM 2017, section 6.3): follow the branches that could start
    an equivalent sequence; where none does, add the rest as a new last branch; a leaf reached covers it.

    Deviation: a leaf that is not ``sure`` covers nothing. That it does rests on no branch being a weak initial of
    those to its right, and a guessed key, on the side of dependence, may hide that one is. The sequence is added below
    the leaf instead: what is executed explicitly is explored, and at worst sleep sets cut an execution short.
    """
    while sequence:
        for branch in level:
            sure = sure and branch.sure
            own = next((i for i, event in enumerate(sequence) if event.uid == branch.uid), None)
            if own is not None:
                if not _initial(own, sequence):
                    continue
                sequence = sequence[:own] + sequence[own + 1 :]
            elif any(dependent(branch.key, event.key) for event in sequence):
                continue
            if not branch.children and branch.sure:
                return
            level = branch.children
            break
        else:
            for event in sequence:
                branch = Branch(event.uid, event.key, sure)
                level.append(branch)
                level = branch.children
            return
