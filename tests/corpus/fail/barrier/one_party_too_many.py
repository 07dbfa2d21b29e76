# expect: D003
# twin: barrier/all_parties
"""A barrier for three, and two threads."""

import threading

barrier = threading.Barrier(3)
threads = [threading.Thread(target=barrier.wait, name=f"runner-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
