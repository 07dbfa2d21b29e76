# expect: clean
"""A weak reference is turned into a strong one, which is tested and used."""

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
        page = latest()
    if page is not None:
        page.title.upper()


threads = [threading.Thread(target=show, name="show"), threading.Thread(target=drop, name="drop")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
