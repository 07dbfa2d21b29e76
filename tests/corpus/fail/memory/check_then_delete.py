# expect: E001,R002
"""Two threads see that a key is there and both delete it."""

import threading

sessions = {"ann": 1}


def log_out(name):
    if name in sessions:
        del sessions[name]


threads = [threading.Thread(target=log_out, args=("ann",), name=f"log-out-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
