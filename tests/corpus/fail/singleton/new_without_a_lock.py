# expect: E002,R002
"""__new__ makes the only instance, once for each thread that finds none."""

import threading


class Registry:
    instance = None

    def __new__(cls):
        if cls.instance is None:
            cls.instance = super().__new__(cls)
        return cls.instance


got = []


def work():
    got.append(Registry())


threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert got[0] is got[1]
