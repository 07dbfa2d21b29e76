# package: schedule==1.2.2
# expect: bounded
"""A scheduler on a thread of its own runs all its jobs until it is told to stop, while the main thread waits for one of
them to have run."""

import threading

import schedule

stop = threading.Event()
ran = threading.Event()
scheduler = schedule.Scheduler()
scheduler.every(1).seconds.do(ran.set)


def loop():
    while not stop.wait(1):
        scheduler.run_all()


thread = threading.Thread(target=loop, name="scheduler")
thread.start()
ran.wait()
stop.set()
thread.join()
