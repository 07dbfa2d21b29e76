# package: tqdm==4.70.1
# expect: bounded
"""Two threads each advance a progress bar of their own, while the monitor thread of tqdm looks at both."""

import io
import threading

from tqdm import tqdm

screen = io.StringIO()
# tqdm keeps its monitor and its list of bars on the class, across executions.
tqdm.monitor = None
tqdm._instances.clear()


def download(number):
    with tqdm(total=2, file=screen, position=number) as bar:
        bar.update(1)
        bar.update(1)


threads = [threading.Thread(target=download, args=(number,), name=f"download-{number}") for number in (0, 1)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
