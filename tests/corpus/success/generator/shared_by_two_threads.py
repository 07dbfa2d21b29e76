# expect: clean
# notes: 1
"""One generator hands out numbers to two threads, each under the lock."""

import threading

lock = threading.Lock()
drawn = []


def numbers():
    number = 0
    while True:
        number += 1
        yield number


source = numbers()


def draw():
    with lock:
        number = next(source)
    drawn.append(number)


threads = [threading.Thread(target=draw, name=f"taker-{each}") for each in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sorted(drawn) == [1, 2]
