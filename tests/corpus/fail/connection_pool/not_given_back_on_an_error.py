# expect: D003
"""A query fails and its connection never comes back to the pool."""

import queue
import threading

free = queue.Queue()
free.put("connection")


def query(text):
    connection = free.get()
    try:
        int(text)
    except ValueError:
        return None
    free.put(connection)
    return connection


threads = [threading.Thread(target=query, args=(text,), name=f"query {text}") for text in ("x", "1")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
