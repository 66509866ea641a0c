"""How a place in a word of `Snapshot` is called."""

from __future__ import annotations

from ._frozen import bounded

__all__ = ["Unmeasurable", "place"]


class Unmeasurable(Exception):
    """A word cannot be measured in this process; the text says why."""


def place(word: str, key: object) -> str:
    """Return the name of a place, such as ``environ['HOME']``."""
    return f"{word}[{bounded(repr(key))}]"
