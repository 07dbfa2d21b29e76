"""A wait for an event that is not recorded yet waits for nothing.

Run: weft check g005.py --gpu virtual
"""

import threading

import torch


def produce(done: torch.cuda.Event, handed_over: threading.Event) -> None:
    handed_over.set()
    done.record()


def consume(done: torch.cuda.Event, handed_over: threading.Event) -> None:
    handed_over.wait()
    done.wait(torch.cuda.Stream())


def main() -> None:
    done, handed_over = torch.cuda.Event(), threading.Event()
    given = (done, handed_over)
    one = threading.Thread(target=produce, args=given)
    two = threading.Thread(target=consume, args=given)
    one.start()
    two.start()
    one.join()
    two.join()


if __name__ == "__main__":
    main()
