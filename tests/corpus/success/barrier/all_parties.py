# expect: clean
"""A barrier for three: two threads and the main one, twice."""

import threading

barrier = threading.Barrier(3)


def run():
    barrier.wait()
    barrier.wait()


threads = [threading.Thread(target=run) for _ in range(2)]
for thread in threads:
    thread.start()
run()
for thread in threads:
    thread.join()
