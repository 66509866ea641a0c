"""Locks of threads that are held at the moment of a fork, and that the child would wait for in vain.

A `Lock` is held by nobody in particular: whoever took it, nobody in the child will release it, unless the child does so
itself. An `RLock` is the child's own if the thread that forks held it.

Guarantees: told is a lock that the child's target has, or that its code names, and that was still held in the child
just before the target began. What Python makes new after a fork is not told: the locks of `logging`, of imports, and of
the standard streams. Of a child that a test has forked by `os.fork` nobody knows what it will call: no lock is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._finding import Finding
from ._reach import Part

__all__ = ["finding", "held_locks"]


def held_locks(parts: Iterable[Part]) -> list[Part]:
    """Return the locks that are held so that this thread could not take them.

    Args:
        parts: Locks.
    """
    return [part for part in parts if part.is_near and part.is_still_there() and _is_held(part.value)]


def finding(path: str, lock: str, where: str) -> Finding:
    """Tell of a lock that was held when a process was forked."""
    return Finding(
        kind="fork-with-lock",
        what=f"a lock was held when a process was forked that may take it: {path} ({lock})",
        where=where,
        evidence="it was still held in the child when its target began, and whoever held it does not exist there",
        remedy="start processes while nobody holds the lock, make it anew in the child (os.register_at_fork), or start "
        "this one by spawn or forkserver; between processes use a lock of multiprocessing",
    )


def _is_held(lock: Any) -> bool:
    if not repr(lock).startswith("<locked"):  # up to Python 3.13 an RLock tells it in no other way
        return False
    return not (hasattr(lock, "_is_owned") and lock._is_owned())
