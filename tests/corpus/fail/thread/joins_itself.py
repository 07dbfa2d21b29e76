# expect: E001
"""A worker that closes its own service joins itself."""

import threading


class Service:
    def __init__(self):
        self.thread = threading.Thread(target=self.run, name="service")

    def run(self):
        self.close()

    def close(self):
        self.thread.join()


service = Service()
service.thread.start()
service.thread.join()
