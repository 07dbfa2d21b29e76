# expect: clean
"""An actor calls its own function for what it can answer itself."""

import queue
import threading
from concurrent.futures import Future


class Actor(threading.Thread):
    def __init__(self):
        super().__init__(name="actor")
        self.inbox = queue.Queue()

    def ask(self, message):
        answer = Future()
        self.inbox.put((message, answer))
        return answer.result()

    def one(self):
        return 1

    def run(self):
        while True:
            message, answer = self.inbox.get()
            if message == "stop":
                return
            answer.set_result(2 * self.one() if message == "double" else self.one())


actor = Actor()
actor.start()
assert actor.ask("double") == 2
actor.inbox.put(("stop", None))
actor.join()
