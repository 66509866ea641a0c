"""What this process holds of the system, as far as every platform tells it."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterable

__all__ = ["descriptors", "ignored_signals", "open_descriptors", "thread_count", "umask"]

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
}

_MOST = 512
"""How many descriptors the C library of Windows has room for, if nobody asks for more."""


def descriptors() -> dict[int, str]:
    """Return what is open in this process, by descriptor: its kind and the numbers by which the system knows it."""
    try:
        numbers: Iterable[int] = sorted(map(int, os.listdir("/dev/fd")))
    except OSError:
        numbers = range(_MOST)
    found: dict[int, str] = {}
    for number in numbers:
        with contextlib.suppress(OSError):  # not open, or the one by which the list was read
            status = os.fstat(number)
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something")
            found[number] = f"{kind} {status.st_dev}:{status.st_ino}"
    return found


open_descriptors = descriptors
"""The same, without what each is open for; here it costs no more to tell."""


def ignored_signals() -> frozenset[int]:
    """Return nothing: only Python tells."""
    return frozenset()


def thread_count() -> int:
    """Return how many threads Python knows of."""
    return threading.active_count()


def umask() -> int:
    """Return the file mode creation mask; nothing tells it without setting it, so it is a stricter one for a moment."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
