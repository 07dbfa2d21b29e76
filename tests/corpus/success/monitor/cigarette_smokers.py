# expect: clean
"""The agent calls the smoker who can use what lies there."""

import threading

call = {"matches": threading.Semaphore(0), "tobacco": threading.Semaphore(0)}
smoked = threading.Semaphore(0)


def agent():
    call["matches"].release()
    smoked.acquire()


def smoker(owns):
    call[owns].acquire()
    smoked.release()


for owns in call:
    threading.Thread(target=smoker, args=(owns,), name=f"has {owns}", daemon=True).start()
agent()
