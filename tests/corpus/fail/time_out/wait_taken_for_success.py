# expect: E001
"""The result is taken after wait(timeout), whether it was in time or not."""

import threading

lock = threading.Lock()
done = threading.Event()
result = []


def compute():
    with lock:
        result.append(42)
    done.set()


thread = threading.Thread(target=compute, name="compute")
thread.start()
done.wait(timeout=5)
with lock:
    answer = result[0]
thread.join()
