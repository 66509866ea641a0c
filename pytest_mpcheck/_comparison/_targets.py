"""What runs inside a worker: importable functions and nothing else.

A spawned worker imports this module before it can begin, so it imports only what multiprocessing itself has
loaded already: no dataclasses, no typing, and certainly no pytest. Anything else would be measured as the
price of a process.

No worker outlives the process that started it: where it waits, it also waits for the end of its parent, and
never longer than ``PATIENCE_SECONDS``.
"""

from __future__ import annotations

import multiprocessing
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from multiprocessing import connection as connections
    from socket import socket
    from typing import Any, TextIO

    Connection = connections.Connection[Any, Any]

PATIENCE_SECONDS = 30.0
"""How long a worker waits for its next order before it goes."""

CHANGED = "changed by a worker"
UNCHANGED = "as it was"
notice_board = UNCHANGED
"""The module's global that a worker changes, to see who else sees it."""

_thread_clock: Callable[[], float] | None = getattr(time, "thread_time", None)


def idle() -> None:
    """Do nothing: what is left is the price of the worker itself."""


def change_memory(connection: Connection, argument: list[str]) -> None:
    """Change a global and the argument, then tell what this worker sees of it."""
    global notice_board  # noqa: PLW0603  that a global changes is what is tried here
    with connection:
        notice_board = CHANGED
        argument.append(CHANGED)
        connection.send((notice_board, argument))


def burn(iterations: int) -> int:
    """Do CPU-bound work: a plain loop whose result depends on each step, so that no compiler drops it."""
    total = 1
    for step in range(iterations):
        total = (total * 31 + step) % 65521
    return total


def wait_for_device(seconds: float) -> int:
    """Do I/O-bound work: ``time.sleep`` stands in for a slow device; like any wait it lets go of the GIL."""
    time.sleep(seconds)
    return 0


def serve(connection: Connection, warm_up: int) -> None:
    """Say that it is ready, then work on each order until the order to stop (None), or until nobody is left.

    Args:
        connection: This worker's end. An order is ``(function, argument)``; the answer to it is ``(result,
            wall seconds, CPU seconds or None)``.
        warm_up: So many steps of ``burn`` come first: a just-in-time compiler that starts cold in each new
            process would otherwise be measured as a weakness of processes.
    """
    with connection:
        burn(warm_up)
        connection.send("ready")
        while (order := _next_order(connection)) is not None:
            function, argument = order
            began, cpu_began = time.perf_counter(), _thread_clock() if _thread_clock else None
            result = function(argument)
            wall = time.perf_counter() - began
            cpu = _thread_clock() - cpu_began if _thread_clock and cpu_began is not None else None
            connection.send((result, wall, cpu))


def _next_order(connection: Connection) -> Any:
    # The parent's sentinel is watched too: under fork a sibling may hold a copy of the parent's end of this
    # connection, and then the end of the parent alone would not be an end of file here.
    from multiprocessing import connection as connections

    waits: list[Any] = [connection]
    parent = multiprocessing.parent_process()
    if parent is not None and threading.current_thread() is threading.main_thread():
        waits.append(parent.sentinel)
    if connection not in connections.wait(waits, PATIENCE_SECONDS):
        return None
    try:
        return connection.recv()
    except (EOFError, ConnectionError):
        return None


class Holder:
    """Something with a method to hand over."""

    def __init__(self, value: int) -> None:
        self.value = value

    def check(self) -> None:
        """Fail where the object has not arrived whole."""
        _expect(self.value, 42)


def use_data(data: dict[str, list[int]]) -> None:
    """Use plain data."""
    _expect(data, {"numbers": [1, 2, 3]})


def use_instance(instance: Any) -> None:
    """Use an object of a class that only its maker knows."""
    _expect(instance.value, 42)


def use_file(file: TextIO) -> None:
    """Read on in an open file."""
    _expect(file.read(), "second line\n")


def use_generator(generator: Iterator[int]) -> None:
    """Take the next item of a generator that is under way."""
    _expect(next(generator), 2)


def use_lock(lock: AbstractContextManager[bool]) -> None:
    """Take a lock and give it back."""
    with lock:
        pass


def use_socket(end: socket) -> None:
    """Read what waits in a connected socket."""
    end.settimeout(PATIENCE_SECONDS)
    _expect(end.recv(5), b"hello")


def _expect(got: object, wanted: object) -> None:
    # Not an assert statement: under python -O this must be checked all the same.
    if got != wanted:
        raise ValueError(f"the worker wanted {wanted!r} and got {got!r}")
