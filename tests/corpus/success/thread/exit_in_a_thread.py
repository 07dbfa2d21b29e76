# expect: clean
"""sys.exit() in a thread ends that thread only, without a word."""

import sys
import threading


def work():
    sys.exit(3)


thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
