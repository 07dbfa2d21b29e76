# expect: R002
"""The subclass makes a second lock under the same private name, so the two methods exclude nobody."""

import threading


class Store:
    def __init__(self):
        self.__lock = threading.Lock()
        self.size = 0

    def grow(self):
        with self.__lock:
            self.size += 1


class BigStore(Store):
    def __init__(self):
        super().__init__()
        self.__lock = threading.Lock()

    def shrink(self):
        with self.__lock:
            self.size -= 1


store = BigStore()
threads = [threading.Thread(target=store.grow, name="grow"), threading.Thread(target=store.shrink, name="shrink")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
