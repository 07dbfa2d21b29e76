"""``io``: a request to a device that serves only so many at a time, in each world and for real."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest

from weft.simcore import device_wait, world
from weft.simcore.device_wait import io
from weft.simcore.primitives.semaphore import RealSemaphore


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Real sleeps are noted, and take no time; no device is known."""
    sleeps: list[float] = []
    monkeypatch.setattr(device_wait, "real_sleep", sleeps.append)
    monkeypatch.setattr(device_wait, "_devices", {})
    return sleeps


class Sleeping(world.World):
    """A world without devices."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def sleep(self, seconds: float) -> None:
        self.asked.append((seconds,))


class Serving(Sleeping):
    """A world that simulates them."""

    def io(self, seconds: float, device: str, at_once: int) -> None:
        self.asked.append((seconds, device, at_once))


def test_in_a_world_it_is_the_worlds_step(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    for recording, asked in ((Serving(), (0.5, "disk", 2)), (Sleeping(), (0.5,))):
        monkeypatch.setattr(world, "active", recording)
        io(0.5, at_once=2)
        assert recording.asked == [asked]
    assert slept == []


def test_outside_it_sleeps_at_one_of_the_devices_places(slept: list[float]) -> None:
    io(0.5)
    io(0.25, "network", at_once=8)
    assert slept == [0.5, 0.25]
    assert {name: places for name, (places, _) in device_wait._devices.items()} == {"disk": 1, "network": 8}


def test_outside_the_device_serves_no_more_at_a_time(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    """The first three stay where they are until the fourth has been seen waiting."""
    inside, go_on, most = [0], threading.Event(), [0]
    three = threading.Barrier(4)

    def sleep(_: float) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        if not go_on.is_set():
            three.wait(10)
            go_on.wait(10)
        inside[0] -= 1

    monkeypatch.setattr(device_wait, "real_sleep", sleep)
    made = [threading.Thread(target=io, args=(1.0, "disk", 3)) for _ in range(7)]
    for thread in made:
        thread.start()
    three.wait(10)
    places: Any = device_wait._devices["disk"][1]
    assert isinstance(places, RealSemaphore)
    assert not places.acquire(blocking=False), "all are taken"
    go_on.set()
    for thread in made:
        thread.join(10)
    assert most == [3]
    assert inside == [0]


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, True])
def test_time_must_be_a_time(seconds: float) -> None:
    with pytest.raises(ValueError, match="finite number, 0 or more"):
        io(seconds)


@pytest.mark.parametrize("at_once", [0, -3, True])
def test_a_device_serves_somebody(at_once: int) -> None:
    with pytest.raises(ValueError, match="at least 1 request"):
        io(1, at_once=at_once)


def test_a_device_has_one_number_of_places(slept: list[float]) -> None:
    io(1, at_once=2)
    with pytest.raises(ValueError, match="'disk' serves 2 at once since its first use"):
        io(1, at_once=3)
    assert slept == [1]
