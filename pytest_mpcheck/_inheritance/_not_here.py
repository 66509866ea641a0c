"""`NotHere`: why a mark cannot be set."""

from __future__ import annotations

__all__ = ["NotHere"]


class NotHere(Exception):
    """This machine lacks what a mark needs; the text says what."""
