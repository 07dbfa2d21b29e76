# expect: D003
"""A monitor inside a monitor: the inner wait lets go of the inner lock only."""

import threading


class Inner:
    def __init__(self):
        self.changed = threading.Condition()
        self.ready = False

    def wait(self):
        with self.changed:
            while not self.ready:
                self.changed.wait()

    def signal(self):
        with self.changed:
            self.ready = True
            self.changed.notify_all()


class Outer:
    def __init__(self):
        self.lock = threading.RLock()
        self.inner = Inner()

    def wait(self):
        with self.lock:
            self.inner.wait()

    def signal(self):
        with self.lock:
            self.inner.signal()


outer = Outer()
threads = [threading.Thread(target=outer.wait, name="waiter"), threading.Thread(target=outer.signal, name="signaller")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
