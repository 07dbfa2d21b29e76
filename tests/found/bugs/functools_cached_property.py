# with: python==3.11
# without: python==3.12
# expect: D001
# mechanism: one standard-library lock is shared by unrelated objects
# source: https://github.com/python/cpython/issues/87634
"""Two threads read a cached property of two different accounts. Up to 3.11 the property has one lock for all instances
of the class; computed under it, the value of one account waits for what the other thread holds."""

import threading
from functools import cached_property


class Account:
    def __init__(self, ledger):
        self.ledger = ledger

    @cached_property
    def total(self):
        with self.ledger:
            return 1


busy = threading.Lock()
first, second = Account(busy), Account(threading.Lock())


def report():
    with busy:
        return second.total


reporter = threading.Thread(target=report, name="reporter")
reporter.start()
first.total  # noqa: B018 - computed here
reporter.join()
