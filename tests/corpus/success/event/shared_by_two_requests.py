# expect: clean
"""Each request has a reply event of its own."""

import threading


def request(name):
    replied = threading.Event()
    threading.Thread(target=replied.set, name=f"reply-{name}").start()
    replied.wait()


threads = [threading.Thread(target=request, args=(name,), name=name) for name in ("ann", "bob")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
