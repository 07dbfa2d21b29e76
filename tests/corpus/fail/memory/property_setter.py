# expect: R002
"""A property hides that reading and setting the temperature are two accesses."""

import threading


class Oven:
    def __init__(self):
        self._degrees = 20

    @property
    def degrees(self):
        return self._degrees

    @degrees.setter
    def degrees(self, value):
        self._degrees = value


def heat(oven):
    oven.degrees += 10


oven = Oven()
threads = [threading.Thread(target=heat, args=(oven,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
