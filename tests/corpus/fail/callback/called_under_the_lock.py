# expect: D001
"""A bus calls its listeners under its lock, and a listener's lock is held by one who posts."""

import threading


class Bus:
    def __init__(self):
        self.lock = threading.Lock()
        self.listeners = []

    def post(self, event):
        with self.lock:
            for listener in self.listeners:
                listener.hear(event)


class Screen:
    def __init__(self, bus):
        self.lock = threading.Lock()
        self.bus = bus

    def hear(self, event):
        with self.lock:
            self.last = event

    def click(self):
        with self.lock:
            self.bus.post("click")


class Quiet(Screen):
    def hear(self, event):
        pass


bus = Bus()
screen, button = Screen(bus), Quiet(bus)
bus.listeners.append(screen)


def redraw():
    with screen.lock:
        with bus.lock:
            pass


threads = [threading.Thread(target=button.click, name="button"), threading.Thread(target=redraw, name="redraw")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
