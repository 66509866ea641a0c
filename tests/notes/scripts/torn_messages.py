"""Question 5 in slow motion: no worker ends its line before all four have written their message."""

import multiprocessing
from types import SimpleNamespace
from typing import Any

here = SimpleNamespace()


def take(meeting: Any) -> None:
    here.meeting = meeting


def announce(number: int) -> None:
    print(f"Process {number} working", end="")
    here.meeting.wait()
    print()


if __name__ == "__main__":
    with multiprocessing.Pool(4, take, (multiprocessing.Barrier(4),)) as pool:
        pool.map(announce, range(4), chunksize=1)
        pool.close()
        pool.join()
