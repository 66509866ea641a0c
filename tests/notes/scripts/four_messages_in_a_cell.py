"""Question 5 as the cell of a notebook: `__main__` has the function, and no file that a worker could import.

Standard error tells which came first: the results, or the end of a worker that should have made some.
"""

import sys
from types import ModuleType

CELL = """
import multiprocessing, sys
from multiprocessing.connection import wait

def announce(number):
    print(f"Process {number} working", flush=True)

with multiprocessing.Pool(4) as pool:
    workers = multiprocessing.active_children()
    results, arrive = multiprocessing.Pipe(duplex=False)
    pool.map_async(announce, range(4), callback=arrive.send)
    first = wait([results, *(worker.sentinel for worker in workers)])
    print("first:", "the results" if results in first else "the end of a worker", file=sys.stderr)
"""

if __name__ == "__main__":
    notebook = sys.modules["__main__"] = ModuleType("__main__")
    exec(CELL, vars(notebook))
