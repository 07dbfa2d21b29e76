# expect: clean
"""A waiting writer keeps new readers out, and nobody reads twice."""

import threading

changed = threading.Condition()
readers = 0
writers_waiting = 0


def start_reading():
    global readers
    with changed:
        while writers_waiting:
            changed.wait()
        readers += 1


def stop_reading():
    global readers
    with changed:
        readers -= 1
        changed.notify_all()


def read():
    start_reading()
    stop_reading()


def write():
    global writers_waiting
    with changed:
        writers_waiting += 1
        while readers:
            changed.wait()
        writers_waiting -= 1
        changed.notify_all()


threads = [threading.Thread(target=read, name="reader"), threading.Thread(target=write, name="writer")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
