# expect: E001
"""A weak reference is alive when it is tested and dead when it is used."""

import threading
import weakref

lock = threading.Lock()


class Page:
    title = "home"


pages = {"/": Page()}
latest = weakref.ref(pages["/"])


def drop():
    with lock:
        pages.pop("/")


def show():
    with lock:
        alive = latest() is not None
    if alive:
        with lock:
            latest().title.upper()


threads = [threading.Thread(target=show, name="show"), threading.Thread(target=drop, name="drop")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
