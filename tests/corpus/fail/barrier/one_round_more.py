# expect: D003
"""One of two threads goes through the barrier once more than the other."""

import threading

barrier = threading.Barrier(2)


def run(rounds):
    for _ in range(rounds):
        barrier.wait()


threads = [threading.Thread(target=run, args=(rounds,), name=f"runs-{rounds}") for rounds in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
