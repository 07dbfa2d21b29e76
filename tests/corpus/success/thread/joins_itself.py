# expect: clean
"""A service that closes itself does not join the thread it runs in."""

import threading


class Service:
    def __init__(self):
        self.thread = threading.Thread(target=self.run, name="service")

    def run(self):
        self.close()

    def close(self):
        if threading.current_thread() is not self.thread:
            self.thread.join()


service = Service()
service.thread.start()
service.close()
