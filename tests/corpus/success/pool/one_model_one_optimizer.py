# expect: clean
"""A pool computes the gradients, and one thread makes one step with their sum."""

from concurrent.futures import ThreadPoolExecutor


class Model:
    def __init__(self):
        self.weight = 1.0


model = Model()


def gradient(batch):
    return model.weight * batch


with ThreadPoolExecutor(2) as pool:
    total = sum(pool.map(gradient, [1.0, 0.5]))
model.weight -= 0.5 * total
assert model.weight == 0.25
