"""A thread that ends its process when the parent is gone, for platforms whose kernel does not do that by itself."""

from __future__ import annotations

import os
import threading
from multiprocessing.connection import wait

__all__ = ["follow_parent"]


def follow_parent(fd: int) -> None:
    """End this process, with exit code 1 and without cleaning up, as soon as ``fd`` tells that the parent is gone.

    The keeper comes later than that, so this is no moment to flush.
    """

    def watch() -> None:
        wait([fd])
        os._exit(1)

    threading.Thread(target=watch, name="mpcheck-follow-parent", daemon=True).start()
