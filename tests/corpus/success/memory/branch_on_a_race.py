# expect: clean
"""Whether the second thread takes the lock at all depends on a flag, and it is started when the first one has ended."""

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


for work in (announce, look):
    thread = threading.Thread(target=work, name=work.__name__)
    thread.start()
    thread.join()
