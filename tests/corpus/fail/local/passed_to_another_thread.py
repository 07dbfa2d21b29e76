# expect: E001
"""The request is kept in a threading.local by one thread and looked for by another."""

import threading

context = threading.local()


def log():
    return context.request


context.request = "GET /"
thread = threading.Thread(target=log, name="log")
thread.start()
thread.join()
