# expect: D003
"""The agent lays out two ingredients, and each smoker grabs what he needs one by one."""

import threading

tobacco, paper, matches = threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(0)
smoked = threading.Semaphore(0)


def agent():
    tobacco.release()
    paper.release()
    smoked.acquire()


def smoker(first, second):
    first.acquire()
    second.acquire()
    smoked.release()


threading.Thread(target=smoker, args=(tobacco, paper), name="has matches", daemon=True).start()
threading.Thread(target=smoker, args=(paper, matches), name="has tobacco", daemon=True).start()
agent()
