"""Threads that run beside the one that forks.

The child has a copy of all memory and of one thread. What the others were about to do nobody will do there: release a
lock, fill a queue, finish a file.

Guarantees: threads that belong to the run of the tests, or by their very design to a pool or a queue of processes, are
not told; nor are those of an installed package that itself forks beside them; nor is the main thread, when another one
forks; nor what a thread of a pool forks.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any
from weakref import WeakSet

from .._autopsy._origin import is_installed
from .._copies import COPIES
from .._excerpts import shortened
from .._finding import Finding
from ._reach import is_library

__all__ = ["Neighbours", "is_of_a_pool"]

_HARNESS_NAMES = ("pytest_timeout ", "mpcheck-", "pydevd.")
"""How the names of threads begin that belong to the run of the tests, or to a debugger."""

_HARNESS = frozenset(
    ("_pytest", "coverage", "execnet", "pydevd", "pytest", "pytest_mpcheck", "pytest_timeout", "xdist")
)

_POOLS = ("concurrent.futures.process", "connection", "pool", "queues", "resource_sharer", "managers")
"""Modules of `multiprocessing`, and of what copies it, whose threads forking takes into account."""

_PACKAGES = *COPIES, "loky", "torch.multiprocessing"


_MOST = 3
"""How many processes are named."""


class Neighbours:
    """Looks who runs beside a thread that forks; tells each thread once."""

    def __init__(self) -> None:
        self._told: WeakSet[threading.Thread] = WeakSet()

    def look(self, frame: FrameType) -> tuple[str, ...]:
        """Return a line for each thread that runs beside this one and was not met before.

        Args:
            frame: The innermost one, outside of the standard library, of those that fork.
        """
        if threading.active_count() == 1 or is_of_a_pool(threading.current_thread()):
            return ()
        forker = (
            str(frame.f_globals.get("__name__", "")).partition(".")[0]
            if is_installed(frame.f_code.co_filename)
            else None
        )
        beside = [
            thread
            for thread in threading.enumerate()
            if _counts(thread) and thread not in self._told and _module_of(thread).partition(".")[0] != forker
        ]
        frames = sys._current_frames() if beside else {}
        self._told.update(beside)
        return tuple(_line(thread, frames.get(thread.ident or 0)) for thread in beside)


def finding(lines: list[str], where: list[str]) -> Finding:
    """Tell of threads that ran when processes forked.

    Args:
        lines: A line for each thread.
        where: For each process, which and where.
    """
    forks = f"{len(where)} processes were forked" if len(where) > 1 else "a process was forked"
    threads = f"{len(lines)} other threads" if len(lines) > 1 else "another thread"
    more = f"; and {len(where) - _MOST} more" if len(where) > _MOST else ""
    return Finding(
        kind="fork-with-threads",
        what=f"{forks} while {threads} ran",
        where="; ".join(where[:_MOST]) + more,
        evidence="\n".join(lines),
        remedy="start processes before threads, or end the threads first; or start by spawn or forkserver, which copy "
        "no memory: a lock that such a thread holds at that moment is held in the child for ever",
    )


def is_of_a_pool(thread: threading.Thread) -> bool:
    """Return whether a thread serves a pool of processes, or a queue: `multiprocessing` forks from such, and beside."""
    module = _module_of(thread)
    package, _, name = module.rpartition(".")
    return module == _POOLS[0] or (name in _POOLS and package.startswith(_PACKAGES)) or "loky" in module


def _counts(thread: threading.Thread) -> bool:
    return not (
        thread is threading.main_thread()
        or thread is threading.current_thread()
        or isinstance(thread, threading._DummyThread)  # nobody knows whose it is; execnet's is one
        or not thread.is_alive()
        or _is_about_to_end(thread)
        or (isinstance(thread, threading.Timer) and thread.finished.is_set())  # it was cancelled, and is about to end
        or thread.name.startswith(_HARNESS_NAMES)
        or _module_of(thread).partition(".")[0] in _HARNESS
        or is_of_a_pool(thread)
    )


def _is_about_to_end(thread: threading.Thread) -> bool:
    """Return whether what a thread had to do is done: it forgets its target then."""
    return type(thread).run is threading.Thread.run and not hasattr(thread, "_target")


def _function_of(thread: threading.Thread) -> Callable[..., Any]:
    target: Callable[..., Any] = getattr(thread, "_target", None) or thread.run
    return getattr(target, "__func__", target)


def _module_of(thread: threading.Thread) -> str:
    function = _function_of(thread)
    module = getattr(function, "__module__", None)
    return module if type(module) is str else ""


def _line(thread: threading.Thread, frame: FrameType | None) -> str:
    function = _function_of(thread)
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", None) or type(function).__name__
    target = f"target {name}" + (f" of {code.co_filename}:{code.co_firstlineno}" if isinstance(code, CodeType) else "")
    kind = "daemon thread" if thread.daemon else "thread"
    at = next(_users(frame), None)
    return shortened(f"{kind} {thread.name!r}, {target}" + (f"; it is at {at}" if at else ""), 1000)


def _users(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if not is_library(frame.f_code.co_filename):
            yield f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
        frame = frame.f_back
