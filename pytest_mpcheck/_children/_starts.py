"""Counts the processes that are started by anybody through the standard library, and remembers where."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from .._autopsy._examination import Known
from .._autopsy._origin import origin
from .._keeper._launch import is_at_work

__all__ = ["DOORS", "StartLog", "record_starts", "replaced"]


class StartLog:
    """Which processes were started since it was opened.

    Attributes:
        count: Their number; one that is started by way of another interface may count twice.
        known: By pid, what is known of those that the test's own code has started; of their objects nothing is kept.
    """

    def __init__(self) -> None:
        self.count = 0
        self.known: dict[int, Known] = {}

    def _counted(self, start: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(start)
        def counting(*args: Any, **kwargs: Any) -> Any:
            self.count += not is_at_work()
            where = origin()
            result = start(*args, **kwargs)
            if getattr(start, "__name__", "") != "system":  # what that returns is no pid, and its process has ended
                self._remember(args[0] if args else None, result, where)
            return result

        return counting

    def _remember(self, started: object, result: object, where: str) -> None:
        pid = result if isinstance(result, int) else getattr(started, "pid", None)
        if pid:  # none in a forked child
            name = started.name if isinstance(started, BaseProcess) else ""
            method = getattr(started, "_start_method", "") or ""
            self.known[pid] = Known(name, method, where, None)  # the outermost door knows most: it comes last


DOORS: tuple[tuple[object, str], ...] = (
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
    """Count starts while the context is open."""
    log = StartLog()
    with replaced(DOORS, log._counted):
        yield log


@contextmanager
def replaced(doors: Iterable[tuple[object, str]], wrap: Callable[[Callable[..., Any]], Any]) -> Iterator[None]:
    """Wrap functions while the context is open; a test's own replacement of one of them stays untouched.

    Args:
        doors: Who has them, and their names; those that are not there are left out.
        wrap: Gives the replacement of a function.
    """
    originals = [(owner, name, getattr(owner, name)) for owner, name in doors if hasattr(owner, name)]
    replacements = [(owner, name, wrap(original)) for owner, name, original in originals]
    for owner, name, replacement in replacements:
        if isinstance(owner, ModuleType):
            replacement.__module__ = owner.__name__  # not that of C: it is to pickle by the name it stands under
        setattr(owner, name, replacement)
    try:
        yield
    finally:
        for (owner, name, original), (_, _, replacement) in zip(originals, replacements, strict=True):
            if getattr(owner, name) is replacement:
                setattr(owner, name, original)
