# with: watchdog==0.8.2
# without: watchdog==0.8.3
# expect: D006
# mechanism: a callback runs under a lock that is not re-entrant, and takes it
# source: https://github.com/gorakhargosh/watchdog/issues/229
"""An event handler stops watching. Up to 0.8.2 the observer calls handlers under its lock, and unschedule_all() takes
it again."""

import collections
import collections.abc
import threading

vars(collections).update(vars(collections.abc))  # where they were when 0.8.2 was released

from watchdog.events import FileCreatedEvent, FileSystemEventHandler  # noqa: E402
from watchdog.observers.api import BaseObserver, EventEmitter  # noqa: E402

handled = threading.Event()


class Emitter(EventEmitter):
    told = False

    def queue_events(self, timeout):
        if not self.told:
            self.told = True
            self.queue_event(FileCreatedEvent("new.txt"))
        else:
            self.stopped_event.wait(timeout)


class Handler(FileSystemEventHandler):
    def on_created(self, event):
        observer.unschedule_all()
        handled.set()


observer = BaseObserver(Emitter)
observer.schedule(Handler(), ".")
observer.start()
handled.wait()
observer.stop()
observer.join()
