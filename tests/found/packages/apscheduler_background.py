# package: APScheduler==3.11.3
# expect: E001
"""A BackgroundScheduler runs one job that is due at once, then shuts down and waits for it. shutdown()
marks the scheduler as stopped without its lock; when that happens between the start of the job and its removal from the
store, the removal looks among the jobs of a stopped scheduler, and the scheduler's thread ends with an exception. The
same is seen now and then when Python itself runs the script."""

import threading
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

done = threading.Event()
scheduler = BackgroundScheduler(timezone=UTC, executors={"default": {"type": "threadpool", "max_workers": 1}})
scheduler.add_job(done.set, "date", run_date=datetime(2020, 1, 1, tzinfo=UTC), misfire_grace_time=None, id="once")
scheduler.start()
done.wait()
scheduler.shutdown(wait=True)
