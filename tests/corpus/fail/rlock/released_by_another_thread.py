# expect: E001
# twin: lock/released_by_another_thread
"""An RLock has an owner: another thread may not release it."""

import threading

turn = threading.RLock()
turn.acquire()
other = threading.Thread(target=turn.release, name="other")
other.start()
other.join()
turn.release()
