"""macOS."""

from __future__ import annotations

import signal

from ._anywhere import kin, memory_kills, stacks_file, start_token, tree_of, waits_of
from ._posix import end_group, group_members
from ._watcher import follow_parent

__all__ = [
    "STACK_SIGNAL",
    "end_group",
    "exit_handle",
    "follow_parent",
    "group_members",
    "kin",
    "memory_kills",
    "stacks_file",
    "start_token",
    "tree_of",
    "waits_of",
]

STACK_SIGNAL: int | None = getattr(signal, "SIGINFO", None)
"""The signal that asks for a status report (Ctrl-T); ignored by whoever does not know it."""


def exit_handle(pid: int) -> int | None:
    """Return ``None``: a kqueue is nothing that `multiprocessing.connection.wait` takes."""
    return None
