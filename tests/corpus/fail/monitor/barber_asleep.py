# expect: D004
"""The barber looks into the empty shop and then goes to sleep; the bell rings in between."""

import threading

shop = threading.Lock()
bell = threading.Event()
waiting = []
done = threading.Semaphore(0)


def barber():
    with shop:
        empty = not waiting
    bell.clear()
    if empty:
        bell.wait()
    with shop:
        waiting.pop()
    done.release()


def customer():
    with shop:
        waiting.append("customer")
    bell.set()
    done.acquire()


threads = [threading.Thread(target=barber, name="barber"), threading.Thread(target=customer, name="customer")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
