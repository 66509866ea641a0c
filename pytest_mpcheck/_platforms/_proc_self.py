"""What this process holds of the system, as Linux shows it in `/proc/self`.

Guarantees: nothing here changes anything, it only reads.
"""

from __future__ import annotations

import contextlib
import os
import re

__all__ = ["descriptors", "ignored_signals", "thread_count", "umask"]

_ENDS = "read", "write", "read and write"


def descriptors() -> dict[int, str]:
    """Return what is open in this process, by descriptor: a path, or the number of a pipe or socket; and what for."""
    found: dict[int, str] = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one by which the list was read
            target = os.readlink(f"/proc/self/fd/{name}")
            found[int(name)] = f"{target} ({_end(name)})"
    return found


def _end(name: str) -> str:
    flags = re.search(r"^flags:\s*([0-7]+)$", _read(f"/proc/self/fdinfo/{name}"), re.MULTILINE)
    return _ENDS[int(flags[1], 8) & 3] if flags else "open"


def thread_count() -> int:
    """Return how many threads this process has, those that Python knows nothing of included."""
    return len(os.listdir("/proc/self/task"))


def umask() -> int:
    """Return the file mode creation mask."""
    mask = _status("Umask")
    if mask is None:  # Linux before 4.7, and what only looks like it
        from . import _holdings

        return _holdings.umask()
    return int(mask, 8)


def ignored_signals() -> frozenset[int]:
    """Return the numbers of the signals that this process ignores, though Python may not know."""
    mask = int(_status("SigIgn") or "0", 16)
    return frozenset(number + 1 for number in range(mask.bit_length()) if mask >> number & 1)


def _status(name: str) -> str | None:
    found = re.search(rf"^{name}:\s*(\w+)$", _read("/proc/self/status"), re.MULTILINE)
    return found[1] if found else None


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
