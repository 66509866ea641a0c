"""Notes every process that is started by way of the standard library, while the guard is on.

Guarantees: a note is in the run's folder before the start returns, by one write that never mixes with another. Forked
children note themselves and what they start in turn. When the last watcher is gone, the functions are what they were.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from .. import _platforms
from ._launch import is_at_work
from ._scope import NOTES

__all__ = ["Doors"]


class Doors:
    """Watches the starts of processes.

    Args:
        folder: The run's folder.
        before: What to do before a start, in the process that made this.
    """

    def __init__(self, folder: str, before: Callable[[], None]) -> None:
        self._folder = folder
        self._before = before
        self._pid = os.getpid()
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def open(self) -> None:
        """Begin."""
        for module_name, name, pid_of in _platforms.doors():
            if module_name == "subprocess" and module_name not in sys.modules:
                continue  # it will take the function from where it is replaced here
            module = importlib.import_module(module_name)
            door = getattr(module, name, None)
            if door is not None:
                watched = self._watched(door, pid_of)
                setattr(module, name, watched)
                self._replaced.append((module, name, door, watched))
        _watchers.append(self)
        _watch_forks()

    def close(self) -> None:
        """End."""
        _watchers.remove(self)
        watched_doors = {watched: door for _, _, door, watched in self._replaced}
        places = [(module, name) for module, name, _, _ in self._replaced]
        if "subprocess" in sys.modules:
            places.append((sys.modules["subprocess"], "_fork_exec"))
        for module, name in places:
            present = getattr(module, name, None)
            if present in watched_doors:
                setattr(module, name, watched_doors[present])
        self._replaced.clear()

    def prepare(self) -> None:
        """Do what is to be done before a start."""
        if os.getpid() == self._pid and not is_at_work():
            self._before()

    def note(self, pid: int) -> None:
        """Note a process that was started."""
        if pid and not is_at_work():
            line = f"{pid} {_platforms.start_token(pid)}\n"
            try:
                file = os.open(os.path.join(self._folder, NOTES), os.O_WRONLY | os.O_APPEND)
            except OSError:
                return  # the run is over, or no descriptor is left; there are other marks
            try:
                os.write(file, line.encode("ascii"))
            finally:
                os.close(file)

    def _watched(self, door: Callable[..., Any], pid_of: Callable[[Any], int]) -> Callable[..., Any]:
        @functools.wraps(door)
        def watched(*args: Any, **kwargs: Any) -> Any:
            self.prepare()
            result = door(*args, **kwargs)
            self.note(pid_of(result))
            return result

        return watched


_watchers: list[Doors] = []

_forks_are_watched = False


def _watch_forks() -> None:
    global _forks_are_watched  # noqa: PLW0603 (it cannot be taken back, so it is done once)
    if not _forks_are_watched and hasattr(os, "register_at_fork"):
        _forks_are_watched = True
        os.register_at_fork(before=_before_fork, after_in_child=_in_forked_child)


def _before_fork() -> None:
    for doors in list(_watchers):
        doors.prepare()


def _in_forked_child() -> None:
    for doors in list(_watchers):
        doors.note(os.getpid())
