# expect: E001
"""An RLock has an owner: another thread may not release it."""

import threading

turn = threading.RLock()
turn.acquire()
other = threading.Thread(target=turn.release, name="other")
other.start()
other.join()
turn.release()
