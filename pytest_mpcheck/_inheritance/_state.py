"""Globals that are there to be changed; nothing else knows this module."""

from __future__ import annotations

import threading

__all__ = ["LOCKS", "board", "lock_a", "lock_b", "lock_s"]

board = "as imported"

lock_s, lock_a, lock_b = threading.Lock(), threading.Lock(), threading.Lock()

LOCKS = {"s": lock_s, "a": lock_a, "b": lock_b}
"""By mark."""
