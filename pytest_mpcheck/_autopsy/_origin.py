"""Where the test's own code asked for something."""

from __future__ import annotations

import contextlib
import os
import sys

__all__ = ["origin"]

_ON_THE_WAY = frozenset(
    (__name__.partition(".")[0], "asyncio", "concurrent", "multiprocessing", "socket", "subprocess")
)
"""Packages in which nobody looks for the line that started something."""


def origin() -> str:
    """Return the place that the call comes from, such as ``test_prices.py:12 in test_it``; past those packages."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] in _ON_THE_WAY:
        frame = frame.f_back
    path = frame.f_code.co_filename
    with contextlib.suppress(FileNotFoundError):  # the test has taken its own working directory away
        path = path.removeprefix(os.path.join(os.getcwd(), ""))
    return f"{path}:{frame.f_lineno} in {frame.f_code.co_name}"
