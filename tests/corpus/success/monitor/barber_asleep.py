# expect: clean
"""The barber sleeps on a semaphore that counts the customers."""

import threading

shop = threading.Lock()
customers = threading.Semaphore(0)
waiting = []
done = threading.Semaphore(0)


def barber():
    customers.acquire()
    with shop:
        waiting.pop()
    done.release()


def customer():
    with shop:
        waiting.append("customer")
    customers.release()
    done.acquire()


threads = [threading.Thread(target=barber, name="barber"), threading.Thread(target=customer, name="customer")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
