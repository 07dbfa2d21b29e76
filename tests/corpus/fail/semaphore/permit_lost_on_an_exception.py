# expect: D003
"""A failed download keeps its permit, and the next one waits for ever."""

import threading

slots = threading.Semaphore(1)
pages = {"/": "home"}


def download(path):
    slots.acquire()
    try:
        page = pages[path]
        slots.release()
        return page
    except KeyError:
        return None


threads = [threading.Thread(target=download, args=(path,), name=f"download {path}") for path in ("/missing", "/")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
