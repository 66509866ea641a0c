"""Question 6: four processes, a number each, and a closing line that stands outside the guard.

Standard error tells which processes run this file, as what, and which ones print a number; each with its parent.
"""

import multiprocessing
import os
import sys


def say(number: int) -> None:
    print(f"Process {number}")
    print("number", os.getpid(), os.getppid(), file=sys.stderr)


if __name__ == "__main__":
    team = [multiprocessing.Process(target=say, args=(number,)) for number in range(4)]
    for member in team:
        member.start()
    for member in team:
        member.join()
print("This code creates 4 processes, each assigned a unique number to print.")
print(__name__, os.getpid(), os.getppid(), file=sys.stderr)
