# expect: D003
"""An actor asks itself a question and waits for the answer, which only it could give."""

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

    def run(self):
        while True:
            message, answer = self.inbox.get()
            if message == "stop":
                return
            if message == "double":
                answer.set_result(2 * self.ask("one"))
            else:
                answer.set_result(1)


actor = Actor()
actor.start()
actor.ask("double")
actor.inbox.put(("stop", None))
actor.join()
