# expect: R002
"""A token goes round by semaphores, and each thread passes it on before it has done its turn."""

import threading

turns = [threading.Semaphore(1), threading.Semaphore(0)]
total = 0


def take_turn(me):
    global total
    turns[me].acquire()
    turns[1 - me].release()
    total += 1


threads = [threading.Thread(target=take_turn, args=(me,), name=f"player-{me}") for me in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
