# expect: R002
"""A pool trains one model with one optimizer: gradients of different batches are mixed and steps are lost."""

from concurrent.futures import ThreadPoolExecutor


class Model:
    def __init__(self):
        self.weight = 1.0
        self.gradient = 0.0


class Optimizer:
    def __init__(self, model):
        self.model = model

    def zero_grad(self):
        self.model.gradient = 0.0

    def step(self):
        self.model.weight -= 0.5 * self.model.gradient


model = Model()
optimizer = Optimizer(model)


def train(batch):
    optimizer.zero_grad()
    loss = model.weight * batch
    model.gradient += loss
    optimizer.step()


with ThreadPoolExecutor(2) as pool:
    list(pool.map(train, [1.0, 0.5]))
