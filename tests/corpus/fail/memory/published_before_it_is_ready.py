# expect: E001,R001
"""A settings object is made global before its fields are filled in."""

import threading


class Settings:
    pass


settings = None
missing = []


def load():
    global settings
    settings = Settings()
    settings.port = 8080


def serve():
    if settings is not None:
        return settings.port
    return 80


threads = [threading.Thread(target=load, name="load"), threading.Thread(target=serve, name="serve")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
