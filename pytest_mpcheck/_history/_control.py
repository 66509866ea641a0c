"""The control word: which test listens, for every process that could record something.

Guarantees: to look costs a read of memory. A word is there as a whole: it is written by a single store.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence

from ._layout import CONTROL, EPOCH_MASK
from ._mapping import map_file

__all__ = ["Control", "open_word"]


def open_word(folder: str) -> Sequence[int]:
    """Return the control word of a log, as something whose first item it is.

    Args:
        folder: The folder of the log.

    Raises:
        OSError: There is no such log.
    """
    with open(os.path.join(folder, CONTROL), "rb") as file:
        mapped = map_file(file.fileno(), 8, access=mmap.ACCESS_READ)
    return memoryview(mapped).cast("Q")


class Control:
    """The end of it that says something: of the process of the tests.

    Args:
        folder: The folder of the log; it is there.
    """

    def __init__(self, folder: str) -> None:
        with open(os.path.join(folder, CONTROL), "ab") as file:
            file.truncate(8)
        with open(os.path.join(folder, CONTROL), "r+b") as file:
            self._word = memoryview(map_file(file.fileno(), 8)).cast("Q")

    @property
    def epoch(self) -> int:
        """The number of the test that listens; 0 when none does."""
        return self._word[0] & EPOCH_MASK

    @epoch.setter
    def epoch(self, number: int) -> None:
        self._word[0] = self._word[0] & ~EPOCH_MASK | number

    @property
    def generation(self) -> int:
        """How often the rules have changed."""
        return self._word[0] >> 32

    @generation.setter
    def generation(self, number: int) -> None:
        self._word[0] = self._word[0] & EPOCH_MASK | number << 32
