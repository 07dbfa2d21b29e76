# with: tenacity==9.2.1
# without: tenacity==9.1.4
# expect: E001 R002
# options: --instrument tenacity
# mechanism: one dictionary is cleared by each call that other calls still count in
# source: https://github.com/jd/tenacity/issues/701
"""Two threads call one function under @retry, which fails once for each of them. In 9.2.1 all calls share the dictionary
of statistics, and each clears it when it begins: another call, about to count its attempt there, finds no number."""

import threading

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

failed = threading.local()


@retry(retry=retry_if_exception_type(ConnectionError), wait=wait_fixed(1), stop=stop_after_attempt(2))
def connect():
    if not hasattr(failed, "once"):
        failed.once = True
        raise ConnectionError("not yet")


threads = [threading.Thread(target=connect, name=f"client-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
