# expect: L001
# twin: try_lock/gives_way
# bound: executions longer than 600 steps were cut off (--max-steps)
"""Both let go and try again, for ever."""

import threading

first, second = threading.Lock(), threading.Lock()


def work(one, other):
    while True:
        with one:
            if other.acquire(blocking=False):
                other.release()


threads = [threading.Thread(target=work, args=pair) for pair in ((first, second), (second, first))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
