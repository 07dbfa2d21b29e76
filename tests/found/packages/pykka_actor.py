# package: pykka==4.5.0
# expect: clean
# options: --instrument pykka
"""Two threads ask one actor to count; each gets an answer, and no two answers are equal."""

import threading

import pykka


class Counter(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.value = 0

    def on_receive(self, message):
        self.value += 1
        return self.value


answers = []
counter = Counter.start()
threads = [threading.Thread(target=lambda: answers.append(counter.ask("count")), name=f"asker-{n}") for n in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
counter.stop()
assert sorted(answers) == [1, 2]
