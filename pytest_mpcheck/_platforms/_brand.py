"""A number that each descendant of a process inherits, whatever it closes, forgets or runs: a limit without effect.

RLIMIT_RTTIME (`getrlimit(2)`) bounds the processor time, in microseconds, that a real-time process takes without a
pause. A brand is a limit of 36,000 years or more. Forks and `exec` pass it on, nobody meets it but who looks at that
very limit, and that of others may be looked at (`/proc/PID/limits`). Linux alone has it.
"""

from __future__ import annotations

import os
import sys

__all__ = ["brand_of", "new_brand", "set_brand"]

_RTTIME = 15
"""RLIMIT_RTTIME; PyPy does not name it."""

_LEAST = 1 << 60

_LINE = b"\nMax realtime timeout "


def new_brand() -> int:
    """Return a brand that nobody has."""
    return _LEAST | int.from_bytes(os.urandom(7), "big")


def set_brand(brand: int | None) -> int | None:
    """Give this process a brand, or take it away. Where the limit is not there, or in use, nothing happens.

    Args:
        brand: The brand; ``None`` for none.

    Returns:
        The brand that it had.
    """
    if sys.platform == "win32":  # pragma: needs windows
        return None
    import resource

    try:
        soft, hard = resource.getrlimit(_RTTIME)
        if hard == resource.RLIM_INFINITY and (soft == hard or soft >= _LEAST):
            resource.setrlimit(_RTTIME, (hard if brand is None else brand, hard))
            return None if soft == hard else soft
    except (OSError, ValueError):  # a sandbox that lacks it
        return None
    return None


def brand_of(pid: int) -> int | None:
    """Return the brand of a process."""
    try:
        with open(f"/proc/{pid}/limits", "rb", buffering=0) as file:
            soft = file.read(4096).partition(_LINE)[2][:30].split()[0]
    except (OSError, IndexError):  # gone, or not ours to look at
        return None
    return int(soft) if soft.isdigit() and int(soft) >= _LEAST else None
