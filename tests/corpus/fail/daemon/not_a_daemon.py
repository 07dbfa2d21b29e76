# expect: D003
"""The same thread, not a daemon, keeps the interpreter from ending."""

import queue
import threading

threading.Thread(target=queue.Queue().get, name="reader").start()
