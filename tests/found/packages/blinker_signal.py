# package: blinker==1.9.0
# expect: clean
"""One thread connects a receiver while another sends: the receiver is called or not, and nothing breaks."""

import threading

from blinker import Signal

changed = Signal()
seen = []


def receiver(sender):
    seen.append(sender)


threads = [
    threading.Thread(target=changed.connect, args=(receiver,), name="listener"),
    threading.Thread(target=changed.send, args=("form",), name="sender"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert seen in ([], ["form"])
