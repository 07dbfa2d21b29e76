# pyright: basic, reportMissingImports=false
import threading

import frontrun


class Locks:
    def __init__(self):
        self.cache, self.metrics = threading.Lock(), threading.Lock()


def show(locks):
    with locks.cache, locks.metrics:
        pass


def report(locks):
    with locks.metrics, locks.cache:
        pass


frontrun.explore(setup=Locks, workers=[show, report], invariant=lambda locks: True).assert_holds()
