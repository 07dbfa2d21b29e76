# pyright: basic, reportMissingImports=false
import threading

import interleave_test


def model():
    cache_lock, metrics_lock = threading.Lock(), threading.Lock()

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


interleave_test.explore(model, iterations=1000, seed=0)
