"""Who asks `multiprocessing` for its default context, and who starts processes: the test, or a fixture of wider scope.

Guarantees: while it watches, contexts, processes and functions are those that were there; nothing is different but that
the attribute in which `multiprocessing` keeps the default in effect notes who reads it, and that starts are counted.
What `multiprocessing` itself reads when it starts a spawned child is no question of anybody's.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import DefaultContext
from multiprocessing.process import BaseProcess
from typing import Any

from .. import _platforms
from .._children._starts import replaced
from .._records import ProcessId

__all__ = ["Ledger", "Uses"]

_ATTRIBUTE = "_actual_context"
"""Where a `DefaultContext` keeps what was chosen, or was taken as nobody chose."""

_ASKING = ("get_context", "get_start_method")
"""The methods of a `DefaultContext` that read it on somebody's behalf."""

_NO_QUESTION = ("multiprocessing.spawn", __name__.partition(".")[0])
"""Modules, or packages, whose questions are not those of the code under test."""


@dataclass(slots=True, eq=False)
class Uses:
    """What a test, or a fixture of wider scope, has done.

    Attributes:
        method: The default start method that it was told; empty when it did not ask.
        chose: Whether it has set the start method, so that no default has any effect on what follows.
        starts: How often it has begun to start a process of `multiprocessing`; some starts fail.
        started: Those that it has started.
        look: Told of each process that is about to be started.
    """

    method: str = ""
    chose: bool = False
    starts: int = 0
    started: list[ProcessId] = field(default_factory=list)
    look: Callable[[object], None] | None = None


class Ledger:
    """Notes whose each question and each start is."""

    def __init__(self) -> None:
        self._owners = [Uses()]
        self._pid = os.getpid()

    @contextmanager
    def of(self, uses: Uses) -> Iterator[None]:
        """Let what happens meanwhile be that of `uses`, but for what is another's in between."""
        self._owners.append(uses)
        try:
            yield
        finally:
            self._owners.remove(uses)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take notice while the context is open."""
        owner: Any = DefaultContext
        setattr(owner, _ATTRIBUTE, property(self._read, self._written))
        try:
            with replaced(((BaseProcess, "start"),), self._counted):
                yield
        finally:
            delattr(owner, _ATTRIBUTE)

    def _read(self, context: Any) -> Any:
        value = vars(context)[_ATTRIBUTE]
        asked = sys._getframe(1)
        if asked.f_code.co_name in _ASKING and not _is_no_question(asked.f_back):
            self._owners[-1].method = (value or context._default_context)._name
        return value

    def _written(self, context: Any, value: Any) -> None:
        vars(context)[_ATTRIBUTE] = value
        if sys._getframe(1).f_code.co_name == "set_start_method":
            self._owners[-1].chose = True

    def _counted(self, start: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(start)
        def counting(process: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            uses = self._owners[-1]
            if os.getpid() == self._pid:
                uses.starts += 1
                if uses.look is not None:
                    uses.look(process)
            result = start(process, *args, **kwargs)
            if os.getpid() == self._pid:
                uses.started.append(ProcessId(process.pid, _platforms.start_token(process.pid)))
            return result

        return counting


def _is_no_question(frame: Any) -> bool:
    module = str(frame.f_globals.get("__name__", "")) if frame is not None else ""
    return module in _NO_QUESTION or module.partition(".")[0] in _NO_QUESTION
