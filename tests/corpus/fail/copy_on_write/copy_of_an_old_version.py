# expect: R002
"""Copy on write without a lock: two writers copy the same version, and one of the changes is lost."""

import threading

routes = {"/": "home"}


def add(path, view):
    global routes
    changed = dict(routes)
    changed[path] = view
    routes = changed


threads = [threading.Thread(target=add, args=pair) for pair in (("/a", "a"), ("/b", "b"))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
