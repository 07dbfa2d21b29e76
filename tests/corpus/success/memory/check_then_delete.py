# expect: clean
# notes: 1
"""pop() with a default checks and deletes in one step."""

import threading

sessions = {"ann": 1}


def log_out(name):
    sessions.pop(name, None)


threads = [threading.Thread(target=log_out, args=("ann",), name=f"log-out-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not sessions
