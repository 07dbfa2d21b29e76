"""An image cache and the lock of its metrics, taken in both orders: `weft check first_deadlock.py` finds D001."""

import threading

cache_lock = threading.Lock()
metrics_lock = threading.Lock()
images = {"logo": b"..."}
hits = 0


def show(name: str) -> bytes:
    global hits
    with cache_lock:
        with metrics_lock:
            hits += 1
        return images[name]


def report() -> str:
    with metrics_lock, cache_lock:
        return f"{hits} hits on {len(images)} images"


viewer = threading.Thread(target=show, args=("logo",), name="viewer")
reporter = threading.Thread(target=report, name="reporter")
viewer.start()
reporter.start()
viewer.join()
reporter.join()
