"""Question 3 as the cell of a notebook: `__main__` has the function, and no file that a child could import.

The exit code of the child goes to standard error: the program itself takes no notice of it.
"""

import sys
from types import ModuleType

CELL = """
import multiprocessing, sys

def speak():
    print("This is a child process")

child = multiprocessing.Process(target=speak)
child.start()
child.join()
print(f"the child's exit code: {child.exitcode}", file=sys.stderr)
"""

if __name__ == "__main__":
    notebook = sys.modules["__main__"] = ModuleType("__main__")
    exec(CELL, vars(notebook))
