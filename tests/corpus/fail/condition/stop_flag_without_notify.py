# expect: D003
"""A pool's workers wait for jobs, and closing it raises the flag but wakes nobody."""

import threading


class Pool:
    def __init__(self):
        self.changed = threading.Condition()
        self.jobs = []
        self.closed = False
        self.thread = threading.Thread(target=self.run, name="worker")
        self.thread.start()

    def run(self):
        while True:
            with self.changed:
                while not self.jobs and not self.closed:
                    self.changed.wait()
                if not self.jobs:
                    return
                job = self.jobs.pop()
            job()

    def submit(self, job):
        with self.changed:
            self.jobs.append(job)
            self.changed.notify()

    def close(self):
        with self.changed:
            self.closed = True
        self.thread.join()


pool = Pool()
pool.submit(int)
pool.close()
