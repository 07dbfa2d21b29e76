# expect: clean
# notes: 2
"""The settings object is filled in and then made global."""

import threading


class Settings:
    pass


settings = None


def load():
    global settings
    fresh = Settings()
    fresh.port = 8080
    settings = fresh


def serve():
    if settings is not None:
        return settings.port
    return 80


threads = [threading.Thread(target=load, name="load"), threading.Thread(target=serve, name="serve")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
