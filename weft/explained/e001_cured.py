"""Taking is one step that may find nothing, and the worker is ready for that.

Run: weft check e001_cured.py
"""

import queue
import threading

jobs: queue.Queue[str] = queue.Queue()


def work() -> None:
    try:
        jobs.get_nowait()
    except queue.Empty:
        return


def main() -> None:
    jobs.put("the only job")
    one = threading.Thread(target=work, name="one")
    two = threading.Thread(target=work, name="two")
    one.start()
    two.start()
    one.join()
    two.join()


if __name__ == "__main__":
    main()
