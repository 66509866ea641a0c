"""`Descriptor`: an open file that a test may have closed behind our back."""

from __future__ import annotations

import os

__all__ = ["Descriptor"]


class Descriptor:
    """A descriptor that we own, for as long as it is the file that it was.

    A test that closes every descriptor closes ours too, and its number may be somebody else's file after that.

    Args:
        number: Its number.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._identity = _identity(number)

    def is_ours(self) -> bool:
        """Return whether it is still the file that it was."""
        return self._identity is not None and _identity(self.number) == self._identity

    def close(self) -> None:
        """Close it, if it is ours. Idempotent."""
        if self.is_ours():
            os.close(self.number)
        self._identity = None


def _identity(number: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino
