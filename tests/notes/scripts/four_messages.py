"""Question 5: a pool of four workers prints four messages.

Without an argument the pool is left as soon as all results are there. With the word ``close`` its workers are first
given the time to come to their own end, which is when they write what they have printed.
"""

import multiprocessing
import sys


def announce(number: int) -> None:
    print(f"Process {number} working")


if __name__ == "__main__":
    with multiprocessing.Pool(4) as pool:
        pool.map(announce, range(4))
        if "close" in sys.argv[1:]:
            pool.close()
            pool.join()
