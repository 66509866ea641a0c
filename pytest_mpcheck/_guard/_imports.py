"""Hears of the import of some modules."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from .._heard_import import find_and_hear

__all__ = ["Imports"]


class Imports:
    """A meta path finder that calls somebody once one of some modules has been imported.

    Args:
        names: The modules.
        then: Is called with the module.
    """

    def __init__(self, names: Collection[str], then: Callable[[ModuleType], None]) -> None:
        self._names = frozenset(names)
        self._then = then

    def open(self) -> None:
        """Begin."""
        sys.meta_path.insert(0, self)

    def close(self) -> None:
        """End. Idempotent."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find what the others find, and load it with an ear to it."""
        return find_and_hear(self, name, path, target, self._then) if name in self._names else None
