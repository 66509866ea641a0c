"""Calls something that may never return, and lets the caller choose how long to wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["in_background"]


def in_background(function: Callable[[], object]) -> threading.Thread:
    """Call a function in a daemon thread.

    Args:
        function: What to call.

    Returns:
        The thread, started; join it with a timeout.
    """
    thread = threading.Thread(
        target=function, name=f"mpcheck-{getattr(function, '__name__', 'background')}", daemon=True
    )
    thread.start()
    return thread
