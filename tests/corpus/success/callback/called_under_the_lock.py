# expect: clean
"""A bus copies its listeners under its lock and calls them after it."""

import threading


class Bus:
    def __init__(self):
        self.lock = threading.Lock()
        self.listeners = []

    def post(self, event):
        with self.lock:
            listeners = list(self.listeners)
        for listener in listeners:
            listener.hear(event)


class Screen:
    def __init__(self):
        self.lock = threading.Lock()
        self.last = None

    def hear(self, event):
        with self.lock:
            self.last = event


bus = Bus()
screen = Screen()
bus.listeners.append(screen)


def redraw():
    with screen.lock:
        with bus.lock:
            pass


threads = [threading.Thread(target=bus.post, args=("click",), name="button"), threading.Thread(target=redraw)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
