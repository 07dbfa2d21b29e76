# expect: clean
"""Each thread keeps a request of its own in a threading.local."""

import threading

context = threading.local()
seen = {}


def serve(path):
    context.request = path
    seen[path] = context.request


threads = [threading.Thread(target=serve, args=(path,)) for path in ("/", "/help")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert seen == {"/": "/", "/help": "/help"}
