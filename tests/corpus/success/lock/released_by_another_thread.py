# expect: clean
"""A Lock has no owner: the main thread takes it twice, and another thread releases it in between."""

import threading

turn = threading.Lock()
turn.acquire()
other = threading.Thread(target=turn.release, name="other")
other.start()
turn.acquire()
other.join()
turn.release()
