# expect: E001,R001
# twin: time_out/wait_taken_for_success
"""The result is taken after wait(timeout), whether it was in time or not, and without a lock."""

import threading

done = threading.Event()
result = []


def compute():
    result.append(42)
    done.set()


thread = threading.Thread(target=compute, name="compute")
thread.start()
done.wait(timeout=5)
answer = result[0]
thread.join()
