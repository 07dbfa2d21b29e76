# expect: clean
"""A token ring of queues, where every station passes the token on."""

import queue
import threading

ring = [queue.Queue(), queue.Queue()]
to_send = {0: "letter", 1: None}
sent = []


def station(me):
    token = ring[me].get()
    if to_send[me] is not None:
        sent.append(to_send[me])
    ring[1 - me].put(token)


threads = [threading.Thread(target=station, args=(me,), name=f"station-{me}") for me in range(2)]
for thread in threads:
    thread.start()
ring[1].put("token")
for thread in threads:
    thread.join()
assert sent == ["letter"]
