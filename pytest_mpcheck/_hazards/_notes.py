"""What a forked child has to tell of its hazards: lines of a file in the folder of the run.

Guarantees: a note is written at once, so that it outlives the child; whatever a child makes of the file, reading it
neither blocks nor raises.
"""

from __future__ import annotations

import contextlib
import os

from .._regular_file import open_regular_file

__all__ = ["Notes"]

_MOST = 64 * 1024
"""How much of the notes of a child is read, in bytes."""


class Notes:
    """The notes of one child; both ends know them.

    Args:
        folder: The folder of the run.
        number: Which fork of the run it is.
    """

    def __init__(self, folder: str, number: int) -> None:
        self._path = os.path.join(folder, f"hazards-{number}")

    def write(self, *words: str) -> None:
        """Tell something; the words have no white space in them."""
        with contextlib.suppress(OSError):  # the run is over, or the disk is full
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(file, f"{' '.join(words)}\n".encode())
            finally:
                os.close(file)

    def read(self) -> list[list[str]]:
        """Return what was told by now."""
        with contextlib.suppress(OSError), open_regular_file(self._path) as file:
            text = file.read(_MOST).decode("utf-8", errors="replace")
            return [line.split() for line in text.splitlines() if line.strip()]
        return []
