# expect: clean
"""An event that stays up."""

import threading

go = threading.Event()
thread = threading.Thread(target=go.wait, name="runner")
thread.start()
go.set()
thread.join()
go.clear()
