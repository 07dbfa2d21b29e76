# expect: clean
# notes: 1
"""Copy on write: writers take a lock, and readers look at the version they find."""

import threading

lock = threading.Lock()
routes = {"/": "home"}


def add(path, view):
    global routes
    with lock:
        changed = dict(routes)
        changed[path] = view
        routes = changed


def find(path):
    return routes[path]


threads = [threading.Thread(target=add, args=pair) for pair in (("/a", "a"), ("/b", "b"))]
threads.append(threading.Thread(target=find, args=("/",), name="find"))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sorted(routes) == ["/", "/a", "/b"]
