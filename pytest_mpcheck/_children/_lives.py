"""Remembers when the processes that a test starts through the standard library begin, and when they are seen to end.

Guarantees: nothing is kept of their objects, and nobody is waited for: an end is noted by whoever collects the exit
status anyway.
"""

from __future__ import annotations

import functools
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from multiprocessing.process import BaseProcess
from typing import Any

from .. import _platforms
from .._autopsy._origin import origin
from .._keeper._launch import is_at_work
from .._records import ProcessId
from .._trace._life import Life
from ._starts import DOORS, replaced

__all__ = ["LifeLog", "record_lives"]


class LifeLog:
    """The processes that were started since it was opened."""

    def __init__(self) -> None:
        self.clock = _platforms.event_clock()
        self._former: list[Life] = []
        self._latest: dict[int, Life] = {}  # by pid, which another process may get later

    def lives(self) -> tuple[Life, ...]:
        """Return what is known of all of them."""
        return (*self._former, *self._latest.values())

    def starting(self, start: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap something that starts a process, and returns its pid or is a method of an object that has it then."""

        @functools.wraps(start)
        def noting(*args: Any, **kwargs: Any) -> Any:
            begin, where, ours = self.clock(), origin(), is_at_work()
            result = start(*args, **kwargs)
            started = args[0] if args else None
            pid = result if isinstance(result, int) else getattr(started, "pid", None)
            if pid and not ours:  # none in a forked child
                self._begun(pid, begin, where, started)
            return result

        return noting

    def collecting(self, collect: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a method that collects the exit status of a process, and keeps it as ``returncode``."""

        @functools.wraps(collect)
        def noting(popen: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return collect(popen, *args, **kwargs)
            finally:
                if popen.returncode is not None:
                    self._seen(popen.pid, popen.returncode)

        return noting

    def reaping(self, reap: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap `os.waitpid`."""

        @functools.wraps(reap)
        def noting(*args: Any, **kwargs: Any) -> Any:
            pid, status = reap(*args, **kwargs)
            with suppress(ValueError):  # it has stopped, or goes on
                self._seen(pid, os.waitstatus_to_exitcode(status))
            return pid, status

        return noting

    def _begun(self, pid: int, begin: int, where: str, started: object) -> None:
        method = getattr(started, "_start_method", "") or ""
        known = {"begin": begin, "name": _name_of(started), "start_method": method, "origin": where}
        inner = self._latest.get(pid)
        if inner is not None and inner.begin < begin:
            self._former.append(inner)
            inner = None
        if inner is None:
            inner = Life(ProcessId(pid, _platforms.start_token(pid)), begin, threading.get_ident())
        # one interface starts by way of another: the outermost comes last, and knows most
        self._latest[pid] = replace(inner, **known)  # type: ignore[arg-type]

    def _seen(self, pid: int, code: int) -> None:
        life = self._latest.get(pid)
        if life is not None and life.end is None:
            self._latest[pid] = replace(life, end=self.clock(), end_thread=threading.get_ident(), exitcode=code)


def _name_of(started: object) -> str:
    """Return the name of a process of `multiprocessing`, or of a program that of its file."""
    if isinstance(started, BaseProcess):
        return started.name
    program = started.args if isinstance(started, subprocess.Popen) else started
    while isinstance(program, (list, tuple)) and program:
        program = program[0]
    return os.path.basename(os.fsdecode(program)) if isinstance(program, (str, bytes, os.PathLike)) else ""


@contextmanager
def record_lives() -> Iterator[LifeLog]:
    """Note lives while the context is open."""
    log = LifeLog()
    starts = (door for door in DOORS if door[1] != "system")  # what that returns is no pid
    with replaced(starts, log.starting), replaced(_collectors(), log.collecting), replaced(_REAPERS, log.reaping):
        yield log


_REAPERS = ((os, "waitpid"),)


def _collectors() -> Iterator[tuple[object, str]]:
    """Yield who collects exit statuses, and by which method."""
    yield subprocess.Popen, "poll"
    yield subprocess.Popen, "wait"
    for module, name in (("popen_fork", "poll"), ("popen_forkserver", "poll"), ("popen_spawn_win32", "wait")):
        with suppress(ImportError):  # the platform has it not
            yield import_module(f"multiprocessing.{module}").Popen, name
