# expect: E001,R001
"""The result is read before the thread that stores it is joined."""

import threading


class Task(threading.Thread):
    def run(self):
        self.result = 42


task = Task(name="task")
task.start()
answer = task.result
task.join()
