# expect: clean
"""The largest value is taken after all threads have stored theirs in a list."""

import threading

values = []
threads = [threading.Thread(target=values.append, args=(value,)) for value in (3, 8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert max(values) == 8
