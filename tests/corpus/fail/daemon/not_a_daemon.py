# expect: D003
# twin: daemon/waits_for_ever
"""The same thread, not a daemon, keeps the interpreter from ending."""

import queue
import threading

threading.Thread(target=queue.Queue().get, name="reader").start()
