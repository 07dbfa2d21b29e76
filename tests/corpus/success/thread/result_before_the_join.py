# expect: clean
"""The result is read after the join."""

import threading


class Task(threading.Thread):
    def run(self):
        self.result = 42


task = Task(name="task")
task.start()
task.join()
assert task.result == 42
