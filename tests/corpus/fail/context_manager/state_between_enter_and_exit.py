# expect: R001,R002
"""A context manager keeps the value it has to restore in itself, and two threads use the one instance."""

import threading


class Verbose:
    def __init__(self, settings):
        self.settings = settings

    def __enter__(self):
        self.before = self.settings["level"]
        self.settings["level"] = "debug"

    def __exit__(self, *_):
        self.settings["level"] = self.before


settings = {"level": "info"}
verbose = Verbose(settings)


def work():
    with verbose:
        pass


threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
