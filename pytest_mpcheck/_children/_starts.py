"""Counts the processes that are started by anybody through the standard library."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from .._keeper._launch import is_at_work

__all__ = ["StartLog", "record_starts"]


class StartLog:
    """How many processes were started since it was opened.

    Attributes:
        count: Their number; one that is started by way of another interface may count twice.
    """

    def __init__(self) -> None:
        self.count = 0

    def _counted(self, start: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(start)
        def counting(*args: Any, **kwargs: Any) -> Any:
            self.count += not is_at_work()
            return start(*args, **kwargs)

        return counting


_DOORS: tuple[tuple[object, str], ...] = (
    (BaseProcess, "start"),
    (subprocess.Popen, "__init__"),
    (os, "fork"),
    (os, "forkpty"),
    (os, "posix_spawn"),
    (os, "posix_spawnp"),
    (os, "system"),
)
"""Where the standard library starts processes; `concurrent.futures` and `asyncio` come through these."""


@contextmanager
def record_starts() -> Iterator[StartLog]:
    """Count starts while the context is open; a test's own replacement of one of the functions stays untouched."""
    log = StartLog()
    originals = [(owner, name, getattr(owner, name)) for owner, name in _DOORS if hasattr(owner, name)]
    counting = [(owner, name, log._counted(original)) for owner, name, original in originals]
    for owner, name, replacement in counting:
        setattr(owner, name, replacement)
    try:
        yield log
    finally:
        for (owner, name, original), (_, _, replacement) in zip(originals, counting, strict=True):
            if getattr(owner, name) is replacement:
                setattr(owner, name, original)
