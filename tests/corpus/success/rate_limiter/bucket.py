# expect: clean
"""A rate limiter looks at the bucket and takes from it under its lock."""

import threading


class Limiter:
    def __init__(self, tokens):
        self.tokens = tokens
        self.allowed = []
        self.lock = threading.Lock()

    def allow(self, request):
        with self.lock:
            if self.tokens > 0:
                self.tokens -= 1
                self.allowed.append(request)


limiter = Limiter(1)
threads = [threading.Thread(target=limiter.allow, args=(request,)) for request in ("one", "two")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(limiter.allowed) == 1
