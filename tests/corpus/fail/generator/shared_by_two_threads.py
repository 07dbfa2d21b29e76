# expect: E001
"""One generator hands out numbers to two threads, and the second asks while the first is inside."""

import threading

lock = threading.Lock()


def numbers():
    number = 0
    while True:
        with lock:
            number += 1
        yield number


source = numbers()
threads = [threading.Thread(target=next, args=(source,), name=f"taker-{each}") for each in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
