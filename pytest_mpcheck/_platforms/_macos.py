"""macOS."""

from __future__ import annotations

import signal

from ._anywhere import (
    end,
    find,
    is_alive,
    kin,
    memory_kills,
    new_brand,
    set_brand,
    stacks_file,
    start_token,
    tree_of,
    waits_of,
)
from ._holdings import descriptors, ignored_signals, umask
from ._posix import doors, end_group, first_end, group_members, start_apart
from ._watcher import follow_parent

__all__ = [
    "STACK_SIGNAL",
    "descriptors",
    "doors",
    "end",
    "end_group",
    "exit_handle",
    "find",
    "first_end",
    "follow_parent",
    "group_members",
    "ignored_signals",
    "is_alive",
    "kin",
    "memory_kills",
    "new_brand",
    "set_brand",
    "stacks_file",
    "start_apart",
    "start_token",
    "tree_of",
    "umask",
    "waits_of",
]

STACK_SIGNAL: int | None = getattr(signal, "SIGINFO", None)
"""The signal that asks for a status report (Ctrl-T); ignored by whoever does not know it."""


def exit_handle(pid: int) -> int | None:
    """Return ``None``: a kqueue is nothing that `multiprocessing.connection.wait` takes."""
    return None
