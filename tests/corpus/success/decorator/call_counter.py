# expect: clean
# notes: 1
"""A decorator notes the calls in a list, one step each."""

import threading


def counted(function):
    calls = []

    def wrapper():
        calls.append(1)
        return function()

    wrapper.calls = calls
    return wrapper


@counted
def work():
    return 1


threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(work.calls) == 2
