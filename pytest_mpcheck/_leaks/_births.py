"""`Births`: which line made a thing, for as long as the thing lives.

Guarantees: nothing is kept alive by it; what has no weak references, or was made before anybody looked, has no line.
"""

from __future__ import annotations

import itertools
import weakref
from typing import Any

__all__ = ["Births"]


class Births:
    """Remembers things by their identity, which ends with them: they may be unhashable, or equal to each other."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._known: dict[int, tuple[weakref.ref[Any], int, str]] = {}

    def remember(self, thing: object, place: str) -> None:
        """Remember a thing, and the line that made it."""
        address = id(thing)

        def forget(gone: object, known: dict[int, Any] = self._known) -> None:
            known.pop(address, None)  # before another one can have the address

        self._known[address] = weakref.ref(thing, forget), next(self._numbers), place

    def number_of(self, thing: object) -> int:
        """Return a number that no other thing ever has."""
        if self._entry(thing) is None:
            self.remember(thing, "")
        return self._known[id(thing)][1]

    def place_of(self, thing: object) -> str:
        """Return the line that made a thing; empty when nobody knows."""
        entry = self._entry(thing)
        return entry[2] if entry else ""

    def _entry(self, thing: object) -> tuple[weakref.ref[Any], int, str] | None:
        entry = self._known.get(id(thing))
        return entry if entry is not None and entry[0]() is thing else None
