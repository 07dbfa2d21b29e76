# with: APScheduler==3.5.0
# without: APScheduler==3.5.1
# expect: D001
# mechanism: shutdown() waits for running jobs while it holds a lock that jobs need
# source: https://github.com/agronholm/apscheduler/pull/268
"""A job asks the scheduler for its list of jobs while the main thread shuts the scheduler down. Up to 3.5.0, shutdown()
holds the lock of the job stores while it waits for the running jobs to end, and the job waits for that lock."""

import collections
import collections.abc
import threading
from datetime import datetime

vars(collections).update(vars(collections.abc))  # where they were when 3.5.0 was released

import pytz  # noqa: E402
from apscheduler.schedulers.background import BackgroundScheduler  # noqa: E402

running = threading.Event()


def job():
    running.set()
    scheduler.get_jobs()


scheduler = BackgroundScheduler(timezone=pytz.utc, executors={"default": {"type": "threadpool", "max_workers": 1}})
scheduler.add_job(job, "interval", days=1000, next_run_time=datetime.now(pytz.utc), misfire_grace_time=None)
scheduler.start()
running.wait()
scheduler.shutdown(wait=True)
