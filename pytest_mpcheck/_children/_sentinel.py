"""The descriptors by which the end of a process was waited for, once it has ended.

Guarantees: a test that starts a thousand children one after another does not hold thousands of them open. Whoever
waits for the sentinel of a child that has ended finds it ready, as ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from typing import Any

from .._keeper._descriptor import Descriptor

__all__ = ["Ready", "let_go"]


class Ready(Descriptor):
    """The reading end of a pipe that nobody writes to: always ready. It lives as long as somebody refers to it."""

    def __init__(self) -> None:
        number, write = os.pipe()
        os.close(write)
        super().__init__(number)

    def __del__(self) -> None:
        self.close()


_latest: weakref.ref[Ready] | None = None


def let_go(process: Any) -> Ready | None:
    """Close what was open for waiting for a process of `multiprocessing`, which has ended, and been joined.

    Args:
        process: The process.

    Returns:
        What stands in the place of its sentinel, to be kept; ``None`` on Windows, where the sentinel is the process.
    """
    if sys.platform == "win32":  # pragma: needs windows
        return None
    global _latest  # noqa: PLW0603 (one is enough for all)
    ready = _latest() if _latest is not None else None
    if ready is None or not ready.is_ours():  # nobody refers to it any more, or a test has closed it
        ready = Ready()
        _latest = weakref.ref(ready)
    with contextlib.suppress(OSError):  # a test has closed them
        process._popen.finalizer()
    process._popen.sentinel = process._sentinel = ready.number
    return ready
