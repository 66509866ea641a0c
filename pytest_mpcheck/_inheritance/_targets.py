"""What runs inside a worker: it looks at what it has, twice."""

from __future__ import annotations

import contextlib
import os
import pickle
from importlib import import_module
from typing import Any

import pytest_mpcheck
from pytest_mpcheck._probes._probe import probe

__all__ = ["look_twice", "look_twice_from_an_interpreter"]


def look_twice(pipe: Any, names: tuple[str, ...]) -> None:
    """Tell what this process has, and once more when told to.

    Args:
        pipe: For snapshots, and for the word in between.
        names: As for `probe`.
    """
    pipe.send(probe(*names))
    pipe.recv()
    pipe.send(probe(*names))


_LOOK = """
import sys
if root not in sys.path:
    sys.path.append(root)
import pickle
from pytest_mpcheck._probes._probe import probe
queue.put(pickle.dumps(probe(*names)))
"""


def look_twice_from_an_interpreter(pipe: Any, names: tuple[str, ...]) -> None:
    """Do the same from an interpreter of its own.

    Args:
        pipe: As for `look_twice`.
        names: As for `probe`.
    """
    interpreters = import_module("concurrent.interpreters")
    queue = interpreters.create_queue()
    interpreter = interpreters.create()
    with contextlib.closing(interpreter):
        root = os.path.dirname(os.path.dirname(pytest_mpcheck.__file__))
        interpreter.prepare_main(root=root, names=names, queue=queue)
        interpreter.exec(_LOOK)
        pipe.send(pickle.loads(queue.get()))
        pipe.recv()
        interpreter.exec(_LOOK)
        pipe.send(pickle.loads(queue.get()))
