"""macOS."""

from __future__ import annotations

import errno
import os
import signal
import sys

from ._anywhere import (
    end,
    family,
    find,
    is_alive,
    kin,
    memory_kills,
    named_memory_exists,
    new_brand,
    set_brand,
    stacks_file,
    start_clock,
    start_token,
    tree_of,
    waits_of,
)
from ._holdings import descriptors, ignored_signals, open_descriptors, thread_count, umask
from ._posix import doors, end_group, end_self, event_clock, first_end, group_members, start_apart, uncollected
from ._watcher import follow_parent

__all__ = [
    "STACK_SIGNAL",
    "clock_is_shared",
    "descriptors",
    "doors",
    "end",
    "end_group",
    "end_self",
    "event_clock",
    "exit_handle",
    "family",
    "find",
    "first_end",
    "follow_parent",
    "group_members",
    "ignored_signals",
    "is_alive",
    "kin",
    "memory_kills",
    "named_memory_exists",
    "new_brand",
    "open_descriptors",
    "reserve",
    "set_brand",
    "stacks_file",
    "start_apart",
    "start_clock",
    "start_token",
    "thread_count",
    "tree_of",
    "umask",
    "uncollected",
    "waits_of",
]

STACK_SIGNAL: int | None = getattr(signal, "SIGINFO", None)
"""The signal that asks for a status report (Ctrl-T); ignored by whoever does not know it."""


def exit_handle(pid: int) -> int | None:
    """Return ``None``: a kqueue is nothing that `multiprocessing.connection.wait` takes."""
    return None


def clock_is_shared() -> bool:
    """Return that it is one for all processes; Python documents it so, from 3.10 on for macOS too."""
    return True


def reserve(file: int, start: int, length: int) -> None:
    """Insist that there is room for a part of a file; by then it may be somebody else's, for nothing can be reserved.

    Args:
        file: The file.
        start: Where the part begins.
        length: How long it is, in bytes.

    Raises:
        OSError: There is none.
    """
    if sys.platform != "win32":
        room = os.fstatvfs(file)
        if room.f_bavail * room.f_frsize < length:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
