"""Where the test's own code asked for something."""

from __future__ import annotations

import contextlib
import os
import sys
from types import FrameType

__all__ = ["is_installed", "line_of", "origin"]

_ON_THE_WAY = frozenset(
    (__name__.partition(".")[0], "asyncio", "concurrent", "multiprocessing", "socket", "subprocess")
)
"""Packages in which nobody looks for the line that started something."""

_INSTALLED = "site-packages", "dist-packages"


def is_installed(path: str) -> bool:
    """Return whether a path, or a place that begins with one, is in a folder of installed packages."""
    return any(folder in path for folder in _INSTALLED)


def origin() -> str:
    """Return the place that the call comes from, such as ``test_prices.py:12 in test_it``; past those packages."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] in _ON_THE_WAY:
        frame = frame.f_back
    return line_of(frame)


def line_of(frame: FrameType) -> str:
    """Return the line that a frame is at, as `origin` tells it."""
    path = frame.f_code.co_filename
    with contextlib.suppress(OSError):  # the test has taken its own working directory away
        path = path.removeprefix(os.path.join(os.getcwd(), ""))
    return f"{path}:{frame.f_lineno} in {frame.f_code.co_name}"
