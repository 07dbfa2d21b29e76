# package: watchdog==7.1.0
# expect: bounded
"""An observer whose emitter reports one event: the handler sees it on the observer's thread, then everything is stopped
and joined. The file system is a stand-in."""

import threading

from watchdog.events import FileCreatedEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver, EventEmitter

seen = threading.Event()


class Emitter(EventEmitter):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.told = False

    def queue_events(self, timeout):
        if not self.told:
            self.told = True
            self.queue_event(FileCreatedEvent("new.txt"))
        else:
            self.stopped_event.wait(timeout)


class Handler(FileSystemEventHandler):
    def on_created(self, event):
        seen.set()


observer = BaseObserver(Emitter)
observer.schedule(Handler(), ".")
observer.start()
seen.wait()
observer.stop()
observer.join()
