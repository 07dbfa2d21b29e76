# package: dogpile.cache==1.5.0
# expect: clean
# options: --instrument dogpile
"""Two threads want the same missing value from a memory region: the dogpile lock lets one of them create it."""

import threading

from dogpile.cache import make_region

region = make_region().configure("dogpile.cache.memory")
made = []


def create():
    made.append(threading.current_thread().name)
    return 42


def ask():
    assert region.get_or_create("answer", create) == 42


threads = [threading.Thread(target=ask, name=f"asker-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(made) == 1
