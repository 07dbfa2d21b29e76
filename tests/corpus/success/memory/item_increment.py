# expect: clean
"""Each thread counts into a dictionary of its own, and they are added up after the join."""

import threading

counts = [{}, {}]


def count(words, mine):
    for word in words:
        mine[word] = mine.get(word, 0) + 1


work = (["tea"], ["tea", "milk"])
threads = [threading.Thread(target=count, args=(words, mine)) for words, mine in zip(work, counts)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
total = {word: sum(mine.get(word, 0) for mine in counts) for word in ("tea", "milk")}
assert total == {"tea": 2, "milk": 1}
