"""Opens for reading what should be a file, and may have become anything in the hands of a child.

Guarantees: opening and reading never wait: a pipe or a device in the place of the file is refused.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import IO

__all__ = ["open_regular_file"]


@contextlib.contextmanager
def open_regular_file(path: str) -> Iterator[IO[bytes]]:
    """Open a file for reading.

    Args:
        path: The file.

    Raises:
        OSError: There is none, or it is no regular file.
    """
    opener = lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # noqa: E731
    with open(path, "rb", opener=opener) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no file any more")
        yield file
