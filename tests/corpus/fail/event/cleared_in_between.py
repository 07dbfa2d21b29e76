# expect: D004
# twin: event/left_up
"""An event that is lowered again before everybody saw it."""

import threading

go = threading.Event()
thread = threading.Thread(target=go.wait, name="runner")
thread.start()
go.set()
go.clear()
thread.join()
