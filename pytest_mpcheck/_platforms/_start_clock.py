"""The clock by which Linux tells when a process started.

Field 22 of `/proc/PID/stat` is the start in ticks by CLOCK_BOOTTIME. Whoever has just started a process learns it from
the clock itself, without a look at the process: the first look waits for an `exec` that is under way, and whoever comes
second no longer does, and sees a program that has no command line yet.
"""

from __future__ import annotations

import os
import time
from typing import Any

__all__ = ["start_clock"]

_system: Any = os
_clock: Any = time

_TICKS: int = _system.sysconf("SC_CLK_TCK")

_BOOTTIME = 7
"""Not every Python names it."""


def start_clock() -> int | None:
    """Return the start token of a process that would start now, as a number."""
    nanoseconds: int = _clock.clock_gettime_ns(_BOOTTIME)
    return nanoseconds * _TICKS // 1_000_000_000
