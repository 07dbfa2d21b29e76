# expect: E001
# twin: thread/exit_in_a_thread
"""A thread ends by an exception; the others go on."""

import threading


def work():
    raise LookupError("no such customer")


thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
