"""The child's end of a worker of a pool or an executor of the standard library.

The worker's own loop is the standard library's. Around it stands what stands around every child (`_inside.settle_in`),
and before the queue of its tasks somebody who notes which task it has taken, so that the death of a worker can be told
with it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import reprlib
import sys
from collections.abc import Callable
from typing import Any

from .._excerpts import reason_of, shortened
from ._call import Call, PackedCall
from ._inside import settle_in
from ._station import Station
from ._surroundings import Surroundings

__all__ = ["run_worker", "serve"]


def run_worker(station: Station, call: Call | PackedCall, surroundings: Surroundings) -> None:
    """Be a worker: settle in, then run the loop that `call` holds."""
    settle_in(station, surroundings)
    call()


def serve(station: Station, loop: Callable[..., object], tasks: Any, *rest: object) -> None:
    """Run the standard library's loop over tasks.

    Args:
        station: Where to note the task at hand.
        loop: `multiprocessing.pool.worker`, or its like in `concurrent.futures.process`.
        tasks: The queue that the loop takes its tasks from.
        rest: What else the loop wants; first the queue that it puts its results into.
    """
    with open(station.path("task"), "wb", buffering=0) as note:

        def put(text: str) -> None:
            note.truncate(0)
            note.seek(0)
            note.write(text.encode("utf-8", errors="replace"))

        results, *more = rest
        loop(_NotedTasks(tasks, put), _OwnResults(results), *more)
        put("")


class _OwnResults:
    """A queue into which the worker puts results, and no copy of it which a task has forked; in all else the queue.

    A copy that comes out of the task would answer once more, and then be one more worker.
    """

    def __init__(self, results: Any) -> None:
        self._results = results
        self._pid = os.getpid()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._results, name)

    def put(self, *args: Any, **kwargs: Any) -> None:
        if os.getpid() != self._pid:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            os._exit(0)
        self._results.put(*args, **kwargs)


class _NotedTasks:
    """A queue whose `get` notes what was taken; in all else the queue itself."""

    def __init__(self, tasks: Any, put: Callable[[str], None]) -> None:
        self._tasks = tasks
        self._put = put

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tasks, name)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        self._put("")
        task = self._tasks.get(*args, **kwargs)
        if task is not None:
            self._put(_describe(task))
        return task


def _describe(task: Any) -> str:
    """Tell a task in a line, such as ``square(3)``; it is made of objects of anybody's, and must not end the worker."""
    try:
        return shortened(_words(task))
    except Exception as error:
        return f"(a task: telling it raised {reason_of(error)})"


def _words(task: Any) -> str:
    if isinstance(task, tuple):  # of a pool: (job, index, function, args, kwargs)
        _, _, function, args, kwargs = task
    else:  # of an executor: a _CallItem
        function, args, kwargs = task.fn, task.args, task.kwargs
    if getattr(function, "__name__", "") in ("mapstar", "starmapstar"):
        function, args = args[0]
        return f"{_name(function)} for {_short(tuple(args))}"
    if isinstance(function, functools.partial) and getattr(function.func, "__name__", "") == "_process_chunk":
        items = tuple(item[0] if len(item) == 1 else item for item in args[0])  # map() of one iterable is zipped too
        return f"{_name(function.args[0])} for {_short(items)}"
    words = [_short(arg) for arg in args] + [f"{key}={_short(value)}" for key, value in kwargs.items()]
    return f"{_name(function)}({', '.join(words)})"


def _name(function: Any) -> str:
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) and name else _short(function)


def _short(value: object) -> str:
    try:
        return reprlib.repr(value)
    except (Exception, SystemExit) as error:  # repr runs code of any class
        return f"<repr() of it raised {type(error).__name__}>"
