# expect: clean
"""A token goes round by semaphores, and each thread passes it on after its turn."""

import threading

turns = [threading.Semaphore(1), threading.Semaphore(0)]
total = 0


def take_turn(me):
    global total
    for _ in range(2):
        turns[me].acquire()
        total += 1
        turns[1 - me].release()


threads = [threading.Thread(target=take_turn, args=(me,), name=f"player-{me}") for me in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert total == 4
