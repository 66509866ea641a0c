"""Which threads a span has left running.

Guarantees: no thread is touched or kept alive. What others keep running on purpose is known by what it is, and no
leak. A thread that was started by one that was there before is the business of that one.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from typing import Any

from .._copies import COPIES
from .._finding import Finding
from .._guard._passage import place
from .._guard._replacements import Place, Replacements
from .._guard._watcher import Span
from ._births import Births
from ._parts import OWNERS_MODULES, Parts

__all__ = ["Threads"]

_HARNESS = "pytest_timeout ", "mpcheck-"
"""How the names of threads begin that belong to the run of the tests."""

_SERVICES = (
    "IPython.",
    "_pydevd",
    "debugpy.",
    "execnet.",
    *(f"{package}.resource_sharer" for package in COPIES),
    "pydevd",
    "pytest_",
    "tqdm.",
    "xdist.",
)
"""How the names of modules begin whose threads stay until the end of the process, by design."""


class Threads:
    """Watches threads that Python has started."""

    kinds: tuple[str, ...] = ("thread-leak",)
    may_pass = True

    def __init__(self) -> None:
        self._births = Births()
        self._starters: dict[int, int] = {}
        self._replacements = Replacements([Place("threading", "Thread", "start", self._noting)])

    def open(self) -> None:
        """Note from now on which line starts a thread."""
        self._replacements.open()

    def close(self) -> None:
        """Note it no more."""
        self._replacements.close()

    def begin(self) -> Collection[Hashable]:
        """Return those that run."""
        return {self._births.number_of(thread) for thread in threading.enumerate()}

    def end(self, span: Span, before: Collection[Hashable]) -> Iterable[Finding]:
        """Tell of those that run and did not."""
        return self._findings(span, before)

    def _noting(self, start: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(start)
        def noting(thread: threading.Thread, *args: Any, **kwargs: Any) -> Any:
            self._births.remember(thread, place(1))
            starter = threading.current_thread()
            if starter is not threading.main_thread():
                self._starters[self._births.number_of(thread)] = self._births.number_of(starter)
            return start(thread, *args, **kwargs)

        return noting

    def _findings(self, span: Span, before: Collection[Hashable]) -> Iterator[Finding]:
        threads = threading.enumerate()
        numbers = [self._births.number_of(thread) for thread in threads]
        self._starters = {number: self._starters[number] for number in numbers if number in self._starters}
        fresh = [
            thread
            for thread, number in zip(threads, numbers, strict=True)
            if not self._is_of_others(number, before) and not _stays(thread)
        ]
        if not fresh:
            return
        parts = Parts(span)
        for thread in fresh:
            module = _module_of(thread)
            is_over = module in OWNERS_MODULES or (module.endswith(".queues") and thread.ident not in parts.feeders)
            if thread.ident not in parts.threads and not is_over and thread.is_alive():
                yield _leak(thread, self._births.place_of(thread))

    def _is_of_others(self, number: int, before: Collection[Hashable]) -> bool:
        seen: set[int] = set()
        while number not in before and number in self._starters and number not in seen:
            seen.add(number)
            number = self._starters[number]
        return number in before


def _stays(thread: threading.Thread) -> bool:
    return (
        thread is threading.main_thread()
        or thread is threading.current_thread()
        or isinstance(thread, threading._DummyThread)  # Python has not started it
        or thread.name.startswith(_HARNESS)
        or getattr(thread, "is_pydev_daemon_thread", False)
        or _module_of(thread).startswith(_SERVICES)
    )


def _module_of(thread: threading.Thread) -> str:
    """Return the module whose code a thread runs: that of its target, or of its class."""
    target = getattr(thread, "_target", None)  # gone once the thread has ended
    target = getattr(target, "func", target)  # of a `functools.partial`
    return str(getattr(target, "__module__", None) or type(thread).__module__)


def _leak(thread: threading.Thread, where: str) -> Finding:
    kind = "a daemon" if thread.daemon else "no daemon: the process cannot end before it does"
    frame = sys._current_frames().get(thread.ident or 0)
    now = f"; it is at {_place(frame)}" if frame is not None else ""
    if _module_of(thread).endswith(".queues"):
        what = f"thread {thread.name!r}, which feeds a queue, still runs"
        remedy = "close() the queue, and join_thread() it; empty it first where nobody reads it any more"
    else:
        what = f"thread {thread.name!r} still runs"
        remedy = "tell it to end, and join() it before the test ends"
    return Finding("thread-leak", what, where, f"it is {kind}{now}", remedy)


def _place(frame: Any) -> str:
    """Return where a thread is, in the first line outside of `threading`, which holds the locks that it waits for."""
    while frame.f_back is not None and os.path.basename(frame.f_code.co_filename) in ("threading.py", "queue.py"):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
