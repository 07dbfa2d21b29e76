"""The inner step is a plain call: no task waits for another one.

Run: weft check d005_cured.py
"""

from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(max_workers=1)


def parse() -> int:
    return 3


def load() -> int:
    return parse()


def main() -> None:
    with pool:
        pool.submit(load).result()


if __name__ == "__main__":
    main()
