"""Question 5, the trap: a pool is left while its workers have work, and messages that they have not yet written.

``pool_left_early.py leave`` loses every message. ``flush``: each message is written at once. ``close``: the workers
are waited for. Standard error tells how many of the messages' tasks were done before the pool was left.
"""

import multiprocessing
import sys
from types import SimpleNamespace
from typing import Any

here = SimpleNamespace()


def take(meeting: Any, leave: Any) -> None:
    here.meeting, here.leave = meeting, leave


def announce(number: int, flush: bool) -> None:
    here.meeting.wait()  # one message a worker
    print(f"Process {number} working", flush=flush)


def stay(_: int) -> None:
    here.meeting.wait()
    here.leave.wait()


def main(how: str) -> None:
    meeting, leave = multiprocessing.Barrier(5), multiprocessing.Event()  # four workers and this process
    with multiprocessing.Pool(4, take, (meeting, leave)) as pool:
        announced = pool.starmap_async(announce, [(number, how == "flush") for number in range(4)], chunksize=1)
        meeting.wait()
        print(len(announced.get()), "tasks done", file=sys.stderr)
        pool.map_async(stay, range(4), chunksize=1)
        meeting.wait()  # now no worker can come to its end before the pool is terminated
        if how == "close":
            leave.set()
            pool.close()
            pool.join()


if __name__ == "__main__":
    main(sys.argv[1])
