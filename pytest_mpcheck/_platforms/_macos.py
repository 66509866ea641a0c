"""macOS."""

from __future__ import annotations

import signal

from ._anywhere import end, find, is_alive, kin, memory_kills, stacks_file, start_token, tree_of, waits_of
from ._posix import doors, end_group, end_self, first_end, group_members, start_apart
from ._watcher import follow_parent

__all__ = [
    "STACK_SIGNAL",
    "doors",
    "end",
    "end_group",
    "end_self",
    "exit_handle",
    "find",
    "first_end",
    "follow_parent",
    "group_members",
    "is_alive",
    "kin",
    "memory_kills",
    "stacks_file",
    "start_apart",
    "start_token",
    "tree_of",
    "waits_of",
]

STACK_SIGNAL: int | None = getattr(signal, "SIGINFO", None)
"""The signal that asks for a status report (Ctrl-T); ignored by whoever does not know it."""


def exit_handle(pid: int) -> int | None:
    """Return ``None``: a kqueue is nothing that `multiprocessing.connection.wait` takes."""
    return None
