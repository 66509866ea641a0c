"""Which threads run beside the one that looks, and which locks are held."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping

from ._place import place

__all__ = ["held_locks", "threads"]

_HARNESS = "pytest_timeout ", "mpcheck-"
"""How the names of threads begin that belong to the run of the tests."""

_LOCKS = type(threading.Lock()), type(threading.RLock())


def threads(word: str) -> Mapping[str, str]:
    """Measure which threads run beside the main one and the one that looks, as far as Python has started them."""
    aside = threading.main_thread(), threading.current_thread()
    names: dict[str, list[str]] = {}
    for thread in threading.enumerate():
        if thread not in aside and not thread.name.startswith(_HARNESS):
            names.setdefault(thread.name, []).append("daemon" if thread.daemon else "no daemon")
    return {place(word, name): f"runs, {', '.join(sorted(kinds))}" for name, kinds in names.items()}


def held_locks(word: str) -> Mapping[str, str]:
    """Measure which locks of threads are held, of those that are globals of a module."""
    return {
        place(word, f"{module}:{name}"): f"held {type(lock).__name__}"
        for module, name, lock in _locks()
        if repr(lock).startswith("<locked")  # up to Python 3.13 an RLock tells it in no other way
    }


def _locks() -> Iterator[tuple[str, str, object]]:
    for module, value in list(sys.modules.items()):
        namespace = getattr(value, "__dict__", None)
        if type(namespace) is dict:
            for name, held in list(namespace.items()):
                if type(held) in _LOCKS:  # most of the time of a look is spent here
                    yield module, name, held
