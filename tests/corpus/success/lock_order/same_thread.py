# expect: clean
"""The third of the four lock-order variants: both orders in one thread."""

import threading

a, b = threading.Lock(), threading.Lock()


def both():
    with a:
        with b:
            pass
    with b:
        with a:
            pass


thread = threading.Thread(target=both, name="both")
thread.start()
thread.join()
