"""Notes every process that is started by way of the standard library.

Guarantees: a note is in the folder of the scope before the start returns, by one write that never mixes with another.
Forked children note themselves, and what they start in turn. Once closed, the functions are what they were. Nothing
heavy is imported here: the children of the fixtures note what they start, so that a grandchild is known though its
parent has ended, its environment is empty and it holds nothing that is open.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from .. import _platforms
from .._records import ProcessId

__all__ = ["NOTES", "Doors", "add_notes"]

NOTES = "started"
"""The file in the folder of a scope in which starts are noted."""


_MOST_TICKS = 100
"""How long a start may take for the clock to tell which process it was."""


def add_notes(folder: str, processes: Iterable[ProcessId]) -> None:
    """Note that processes belong to a scope, as far as there is room; there are other marks.

    Args:
        folder: The folder of the scope.
        processes: The processes.
    """
    lines = "".join(f"{process.pid} {process.start_token}\n" for process in processes)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0)  # a child may make a pipe of it
    with contextlib.suppress(OSError):  # whoever starts a process must hear that it has started
        file = os.open(os.path.join(folder, NOTES), flags, 0o600)
        try:
            os.write(file, lines.encode("ascii"))
        finally:
            os.close(file)


class Doors:
    """Watches the starts of processes.

    Args:
        folder: The folder of the scope.
        before: Is called before a start; returns whether the start is to be noted.
    """

    def __init__(self, folder: str, before: Callable[[], bool] = lambda: True) -> None:
        self._folder = folder
        self._before = before
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def prepare(self) -> None:
        """Make what stands in the place of the functions; `open` does it where nobody has done it before."""
        for module_name, name, pid_of in _platforms.doors():
            if module_name == "subprocess" and module_name not in sys.modules:
                continue  # it will take the function from where it is replaced here
            module = sys.modules.get(module_name) or importlib.import_module(module_name)
            door = getattr(module, name, None)
            if door is not None:
                self._replaced.append((module, name, door, self._watched(door, pid_of)))

    def open(self) -> None:
        """Begin."""
        if not self._replaced:
            self.prepare()
        for module, name, _, watched in self._replaced:
            setattr(module, name, watched)
        _watchers.append(self)
        _watch_forks()

    def close(self) -> None:
        """End; a test's own replacement of one of the functions stays untouched."""
        _watchers.remove(self)
        doors = {watched: door for _, _, door, watched in self._replaced}
        places = {(id(module), name): module for module, name, _, _ in self._replaced}
        if subprocess := sys.modules.get("subprocess"):
            places[id(subprocess), "_fork_exec"] = subprocess
        for (_, name), module in places.items():
            present = getattr(module, name, None)
            if present in doors:
                setattr(module, name, doors[present])
        self._replaced.clear()

    def note(self, pid: int, since: int | None = None) -> None:
        """Note a process that was started.

        Args:
            pid: The process.
            since: What `_platforms.start_clock` told before the start. Where it tells anything, the process itself is
                not looked at: that may hold up an `exec`, and who looks next would see one that is not through.
        """
        now = _platforms.start_clock() if since is not None else None
        if since is None or now is None or now - since > _MOST_TICKS:
            tokens = [_platforms.start_token(pid)]
        else:
            tokens = [str(tick) for tick in range(since, now + 1)]
        add_notes(self._folder, [ProcessId(pid, token) for token in tokens])

    def _watched(self, door: Callable[..., Any], pid_of: Callable[[Any], int]) -> Callable[..., Any]:
        @functools.wraps(door)
        def watched(*args: Any, **kwargs: Any) -> Any:
            is_to_be_noted = self._before()
            since = _platforms.start_clock()
            result = door(*args, **kwargs)
            if is_to_be_noted:
                self.note(pid_of(result), since)
            return result

        return watched

    def before_fork(self) -> None:
        """Do what is to be done before a fork."""
        self._is_to_be_noted = self._before()

    def in_forked_child(self) -> None:
        """Note this process."""
        if self._is_to_be_noted:
            self.note(os.getpid())


_watchers: list[Doors] = []

_forks_are_watched = False


def _watch_forks() -> None:
    global _forks_are_watched  # noqa: PLW0603 (it cannot be taken back, so it is done once)
    if not _forks_are_watched and hasattr(os, "register_at_fork"):
        _forks_are_watched = True
        os.register_at_fork(before=_before_fork, after_in_child=_in_forked_child)


def _before_fork() -> None:
    for doors in list(_watchers):
        doors.before_fork()


def _in_forked_child() -> None:
    for doors in list(_watchers):
        doors.in_forked_child()
