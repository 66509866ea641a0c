"""Hears of the import of some modules.

Guarantees: the modules are found and loaded as they would be without it, and have their own loaders afterwards.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

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
        self._asked: set[tuple[int, str]] = set()

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
        this = threading.get_ident(), name
        if name not in self._names or this in self._asked:  # another finder like this one asks back
            return None
        self._asked.add(this)
        try:
            for finder in sys.meta_path:
                find = None if finder is self else getattr(finder, "find_spec", None)
                spec: ModuleSpec | None = find(name, path, target) if find else None
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = _Loader(spec.loader, self._then)  # type: ignore[assignment]
                    return spec
        finally:
            self._asked.remove(this)
        return None


class _Loader:
    """Loads a module as its own loader does, and tells."""

    def __init__(self, loader: Any, then: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._then = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._then(module)
