# expect: R001
"""The threads look at the loop's variable when they run, not when they were made."""

import threading

seen = []
threads = []


def start():
    for number in range(2):
        thread = threading.Thread(target=lambda: seen.append(number))  # noqa: B023
        threads.append(thread)
        thread.start()


start()
for thread in threads:
    thread.join()
