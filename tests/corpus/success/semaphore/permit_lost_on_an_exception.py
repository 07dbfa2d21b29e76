# expect: clean
"""A failed download gives its permit back."""

import threading

slots = threading.Semaphore(1)
pages = {"/": "home"}


def download(path):
    with slots:
        return pages.get(path)


threads = [threading.Thread(target=download, args=(path,), name=f"download {path}") for path in ("/missing", "/")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
