"""The packages that are `multiprocessing`: that of the standard library, and what was copied from it as a whole."""

from __future__ import annotations

__all__ = ["COPIES"]

COPIES = "multiprocessing", "multiprocess", "billiard"
"""Their names. Each has start methods, pools, queues and helpers of its own, in modules of the same names."""
