# expect: R002
"""A decorator counts the calls in an attribute of the function."""

import threading


def counted(function):
    def wrapper():
        wrapper.calls += 1
        return function()

    wrapper.calls = 0
    return wrapper


@counted
def work():
    return 1


threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
