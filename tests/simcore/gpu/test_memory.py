"""A device's memory: blocks do not overlap, sums are right, and who gets which block again."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from weft.simcore.gpu.memory import SMALL, STEP, Memory, OutOfMemory, round_up

MIB = 1 << 20
PLENTY = 1 << 40


@pytest.mark.parametrize(
    ("size", "taken"), [(0, 512), (1, 512), (511, 512), (512, 512), (513, 1024), (MIB, MIB), (MIB + 1, MIB + 512)]
)
def test_sizes_are_in_steps_of_512_bytes(size: int, taken: int) -> None:
    memory = Memory(PLENTY)
    address = memory.take("s", size)
    assert round_up(size) == taken
    assert (memory.used, memory.most) == (taken, taken)
    assert address % STEP == 0
    memory.give_back("s", address, size)
    assert (memory.used, memory.most) == (0, taken)


def test_a_block_is_given_out_again_to_its_stream_only() -> None:
    memory = Memory(PLENTY)
    address = memory.take("a", 1000)
    memory.give_back("a", address, 1000)
    other = memory.take("b", 1000)
    assert other != address
    assert memory.take("a", 1000) == address


def test_the_block_that_was_freed_last_is_taken() -> None:
    memory = Memory(PLENTY)
    first, second = memory.take("a", 1000), memory.take("a", 1000)
    memory.give_back("a", first, 1000)
    memory.give_back("a", second, 1000)
    assert [memory.take("a", 1000), memory.take("a", 1000)] == [second, first]


def test_what_is_left_of_a_block_stays_free() -> None:
    memory = Memory(PLENTY)
    address = memory.take("a", 2048)
    memory.give_back("a", address, 2048)
    assert [memory.take("a", 512), memory.take("a", 1024), memory.take("a", 512)] == [
        address,
        address + 512,
        address + 1536,
    ]
    assert memory.take("a", 512) != address + 2048


def test_small_and_large_blocks_are_apart() -> None:
    memory = Memory(PLENTY)
    large = memory.take("a", SMALL + 1)
    memory.give_back("a", large, SMALL + 1)
    assert memory.take("a", 512) != large
    assert memory.take("a", SMALL + 1) == large


def test_a_block_that_is_not_to_be_used_again_is_not() -> None:
    memory = Memory(PLENTY)
    address = memory.take("a", 1000)
    memory.give_back("a", address, 1000, again=False)
    assert memory.used == 0
    assert memory.take("a", 1000) != address


def test_fresh_blocks_are_never_neighbours() -> None:
    """What runs over the end of one block does not hit another."""
    memory = Memory(PLENTY)
    size = 3 * MIB
    first, second = memory.take("a", size), memory.take("a", size)
    assert second > first + round_up(size)


def test_all_of_the_capacity_can_be_had_and_no_more() -> None:
    memory = Memory(1024)
    address = memory.take("a", 1)
    memory.take("a", 512)
    with pytest.raises(OutOfMemory) as error:
        memory.take("a", 1)
    assert str(error.value) == (
        "CUDA out of memory. Tried to allocate 512 bytes. The virtual GPU has a total capacity of 1.00 KiB of which "
        "0 bytes is free."
    )
    assert memory.used == 1024
    memory.give_back("a", address, 1)
    assert memory.take("b", 1) != address


@pytest.mark.parametrize(
    ("size", "words"), [(100, "512 bytes"), (2048, "2.00 KiB"), (3 << 20, "3.00 MiB"), (5 << 30, "5.00 GiB")]
)
def test_sizes_are_said_in_torchs_words(size: int, words: str) -> None:
    with pytest.raises(OutOfMemory, match=f"Tried to allocate {words}"):
        Memory(0).take("a", size)


@given(st.integers(0, 1 << 45))
def test_a_rounded_size_is_the_least_that_is_enough(size: int) -> None:
    rounded = round_up(size)
    assert rounded % STEP == 0
    assert rounded >= max(size, 1)
    assert rounded - STEP < max(size, 1)


class AnyProgram(RuleBasedStateMachine):
    """Any takes and frees on any streams."""

    blocks = Bundle("blocks")

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory(8 * MIB)
        self.live: dict[int, tuple[str, int]] = {}
        """By address."""
        self.owners: dict[int, str] = {}
        """Of every step of memory that was ever given out, the stream."""
        self.banned: set[int] = set()
        """Steps that are not to be given out again."""
        self.most = 0

    @rule(
        target=blocks,
        stream=st.sampled_from("abc"),
        size=st.sampled_from([0, 1, 512, 700, 2000, MIB, MIB + 1, 3 * MIB]),
    )
    def take(self, stream: str, size: int) -> object:
        used = sum(round_up(size) for _, size in self.live.values())
        if used + round_up(size) > 8 * MIB:
            with pytest.raises(OutOfMemory):
                self.memory.take(stream, size)
            return multiple()
        address = self.memory.take(stream, size)
        for step in range(address, address + round_up(size), STEP):
            assert self.owners.setdefault(step, stream) == stream
            assert step not in self.banned
        assert address not in self.live
        self.live[address] = (stream, size)
        self.most = max(self.most, used + round_up(size))
        return address

    @rule(address=consumes(blocks), again=st.booleans())
    def give_back(self, address: int, again: bool) -> None:
        stream, size = self.live.pop(address)
        self.memory.give_back(stream, address, size, again=again)
        if not again:
            self.banned.update(range(address, address + round_up(size), STEP))

    @invariant()
    def sums_are_right_and_blocks_apart(self) -> None:
        assert self.memory.used == sum(round_up(size) for _, size in self.live.values())
        assert self.memory.most == self.most
        ends = sorted((address, address + round_up(size)) for address, (_, size) in self.live.items())
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ends))


TestAnyProgram = AnyProgram.TestCase


def test_free_neighbours_become_one_block_when_nothing_else_fits() -> None:
    memory = Memory(1 << 30)
    whole = memory.take("s", 4 * STEP)
    memory.give_back("s", whole, 4 * STEP)
    one = memory.take("s", STEP)
    two = memory.take("s", 3 * STEP)
    assert {one, two} == {whole, whole + STEP}
    memory.give_back("s", one, STEP)
    memory.give_back("s", two, 3 * STEP)
    assert memory.take("s", 4 * STEP) == whole
