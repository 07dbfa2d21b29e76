import threading

cache_lock = threading.Lock()
metrics_lock = threading.Lock()


def show():
    with cache_lock, metrics_lock:
        pass


def report():
    with metrics_lock, cache_lock:
        pass


threads = [threading.Thread(target=target) for target in (show, report)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
