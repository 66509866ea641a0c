"""Maps a file into memory.

Guarantees: from Python 3.13 on, other than on Windows, which has no need of it, the mapping keeps no descriptor. One
that it kept, code under test might close, as a daemon does; its number would be another file's then, and would be
closed with the mapping: in a forked child, say, which leaves the log of its parent.
"""

from __future__ import annotations

import mmap
import os
import sys

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from typing import Any

__all__ = ["map_file"]

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
