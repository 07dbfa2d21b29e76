# expect: clean
"""The thread that is ready early breaks the barrier, and the other one knows what that means."""

import threading

barrier = threading.Barrier(2)


def run(rounds):
    try:
        for _ in range(rounds):
            barrier.wait()
    except threading.BrokenBarrierError:
        return
    barrier.abort()


threads = [threading.Thread(target=run, args=(rounds,), name=f"runs-{rounds}") for rounds in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
