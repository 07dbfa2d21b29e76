# expect: R002
"""Words are counted into one dictionary by two threads."""

import threading

counts = {}


def count(words):
    for word in words:
        counts[word] = counts.get(word, 0) + 1


threads = [threading.Thread(target=count, args=(words,)) for words in (["tea"], ["tea", "milk"])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
