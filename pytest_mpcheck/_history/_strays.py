"""Threads of the process of the test that a test has left, or that work for one: whose are they?

Guarantees: what such a thread records counts to its own test, whichever runs. While no thread is left nobody pays for
that. A thread is told by itself, not by its number, which another one may get.
"""

from __future__ import annotations

import threading
import weakref
from _thread import get_ident
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

__all__ = ["Strays", "working_for"]

_Record: TypeAlias = Callable[[int, str, Mapping[Any, object], int], int]

_tests: dict[int, tuple[threading.Thread, int | None]] = {}
"""By its number, a thread and the test that it belongs to; ``None``: whichever runs."""


class Strays:
    """Notes to which test each thread belongs, by when it came. Those that are there already belong to none."""

    def __init__(self) -> None:
        self._tests: weakref.WeakKeyDictionary[threading.Thread, int | None] = weakref.WeakKeyDictionary()
        self._before = dict(_tests)  # of a run of pytest that a test of this one is part of
        _tests.clear()
        self.note(None)

    def note(self, test: int | None) -> Callable[[_Record], _Record] | None:
        """Note that the threads which have come since the last time belong to a test.

        Args:
            test: The number of the test; ``None``: to none.

        Returns:
            What makes of a function that records one that knows of threads; ``None`` when nobody needs to.
        """
        alive = threading.enumerate()
        for thread in alive:
            owner = self._tests.setdefault(thread, test)
            if owner is not None and thread.ident is not None:
                _tests.setdefault(thread.ident, (thread, owner))
        for number, (thread, _) in list(_tests.items()):
            if thread not in alive:
                _tests.pop(number, None)
        return _knowing if _tests else None

    def close(self) -> Callable[[_Record], _Record] | None:
        """Forget all of them, and return as `note` what was known before."""
        _tests.clear()
        _tests.update(self._before)
        return _knowing if _tests else None


@contextmanager
def working_for(test: int | None) -> Iterator[None]:
    """Let what this thread records meanwhile count to a test.

    Args:
        test: The number of the test; ``None``: to whichever runs.
    """
    number = get_ident()
    before = _tests.get(number)
    _tests[number] = threading.current_thread(), test
    try:
        yield
    finally:
        if before is None:
            _tests.pop(number, None)  # the run may have ended meanwhile, and all be forgotten
        else:
            _tests[number] = before


def _knowing(record: _Record) -> _Record:
    def record_knowing(kind: int, name: str, data: Mapping[Any, object], epoch: int) -> int:
        thread, test = _tests.get(get_ident(), (None, None))
        if thread is not None and test is not None and thread is threading.current_thread():
            epoch = test
        return record(kind, name, data, epoch)

    return record_knowing
