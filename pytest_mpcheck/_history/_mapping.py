"""Maps a file into memory, and has pages of it there before they are written to.

Guarantees: from Python 3.13 on, other than on Windows, which has no need of it, the mapping keeps no descriptor. One
that it kept, code under test might close, as a daemon does; its number would be another file's then, and would be
closed with the mapping: in a forked child, say, which leaves the log of its parent.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from typing import Any

__all__ = ["map_file", "populate"]

_KEEPING_NONE = {"trackfd": False} if sys.version_info >= (3, 13) and os.name == "posix" else {}


def map_file(file: int, length: int, **options: int) -> mmap.mmap:
    """Map a file.

    Args:
        file: Its descriptor, which may be closed after that.
        length: How much of it.
        options: As for `mmap.mmap`.

    Raises:
        OSError: That cannot be had.
    """
    new: Any = mmap.mmap
    mapped: mmap.mmap = new(file, length, **_KEEPING_NONE, **options)
    return mapped


_POPULATE_WRITE = 23 if sys.platform == "linux" else -1
"""`MADV_POPULATE_WRITE`, for which `mmap` has no name."""


def populate(mapped: Any, start: int, length: int) -> None:
    """Have a part of a mapping in memory that is about to be written: many pages at once cost less than one by one.

    Linux can do that since 5.14 (madvise(2)); elsewhere nothing is done.
    """
    with contextlib.suppress(AttributeError, OSError, ValueError):  # there is none, it cannot, it is unmapped
        mapped.madvise(_POPULATE_WRITE, start, length)
