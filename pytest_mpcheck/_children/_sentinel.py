"""The descriptors by which the end of a process was waited for, once it has ended.

Guarantees: a test that starts a thousand children one after another does not hold thousands of them open. Whoever waits
for the sentinel of a child that has ended finds it ready, as ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from .._keeper._descriptor import Descriptor

__all__ = ["let_go"]


class _Ended:
    """Stands in the place of a sentinel: whoever waits for it opens the reading end of a pipe that nobody writes to."""

    def __init__(self) -> None:
        self._descriptor: Descriptor | None = None

    def fileno(self) -> int:
        if self._descriptor is None or not self._descriptor.is_ours():  # a test may have closed it
            number, write = os.pipe()
            os.close(write)
            self._descriptor = Descriptor(number)
        return self._descriptor.number

    __index__ = fileno

    def __del__(self) -> None:
        if self._descriptor is not None:
            self._descriptor.close()


def let_go(process: Any) -> None:
    """Close what was open for waiting for a process of `multiprocessing`, which has ended. Idempotent.

    On Windows the sentinel is the process itself, and stays.

    Args:
        process: The process; the test may have closed it.
    """
    popen = process._popen
    if sys.platform != "win32" and popen is not None and not isinstance(popen.sentinel, _Ended):
        with contextlib.suppress(OSError):  # a test has closed whatever was open
            popen.finalizer()
        popen.sentinel = process._sentinel = _Ended()
