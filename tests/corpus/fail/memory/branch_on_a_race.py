# expect: R001
"""Whether the second thread takes the lock at all depends on a flag that nothing orders."""

import threading

lock = threading.Lock()
ready = False
log = []


def announce():
    global ready
    ready = True


def look():
    if ready:
        with lock:
            log.append("ready")


threads = [threading.Thread(target=announce, name="announce"), threading.Thread(target=look, name="look")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
