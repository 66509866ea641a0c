"""`Recording`: that one test is listened to."""

from __future__ import annotations

import os

from ._chronicle import Chronicle
from ._control import Control
from ._reading import read_chronicle

__all__ = ["Recording"]


class Recording:
    """What is recorded in one test; it begins with the making.

    Args:
        folder: The folder of the log.
        control: What says in it that somebody listens.
        epoch: The number of the test.
        timeout: The deadline of every wait in it, in seconds.
    """

    def __init__(self, folder: str, control: Control, epoch: int, timeout: float) -> None:
        self.folder = folder
        self.control = control
        self.epoch = epoch
        self.timeout = timeout
        self._pid = os.getpid()
        control.epoch = epoch

    def chronicle(self) -> Chronicle:
        """Read what was recorded up to now."""
        return read_chronicle(self.folder, self.epoch)

    def close(self) -> None:
        """Listen no more. What was recorded may still be read, until the next test is recorded. Idempotent.

        A forked child of pytest that comes this far changes nothing.
        """
        if self.control.epoch == self.epoch and os.getpid() == self._pid:
            self.control.epoch = 0
