"""A task waits for another one of its pool, whose only worker it occupies.

Run: weft check d005.py
"""

from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(max_workers=1)


def parse() -> int:
    return 3


def load() -> int:
    return pool.submit(parse).result()


def main() -> None:
    with pool:
        pool.submit(load).result()


if __name__ == "__main__":
    main()
