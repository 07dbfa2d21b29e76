# expect: E002,R002
"""A rate limiter lets through one request too many: it looks at the bucket and takes from it in two steps."""

import threading


class Limiter:
    def __init__(self, tokens):
        self.tokens = tokens
        self.allowed = []

    def allow(self, request):
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
