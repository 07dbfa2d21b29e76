# expect: D004
"""Two clients share one reply event, and each lowers it when its own reply is there."""

import threading

replied = threading.Event()


def request(name):
    threading.Thread(target=replied.set, name=f"reply-{name}").start()
    replied.wait()
    replied.clear()


threads = [threading.Thread(target=request, args=(name,), name=name) for name in ("ann", "bob")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
