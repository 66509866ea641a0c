"""What a meta path finder does that only wants to hear that a module has been imported.

Guarantees: the module is found and loaded as it would be without such finders, and has its own loader afterwards.
Several of them may want to hear of the same one. Children load this module.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from typing import Any

__all__ = ["find_and_hear"]

_asked: set[tuple[int, int, str]] = set()
"""Which thread has asked which finder for which module: one that is asked back gives nothing."""


def find_and_hear(
    finder: object,
    name: str,
    path: Sequence[str] | None,
    target: ModuleType | None,
    then: Callable[[ModuleType], None],
) -> ModuleSpec | None:
    """Find a module as the other finders do.

    Args:
        finder: Who asks; it is on `sys.meta_path`.
        name: As for ``find_spec``, like the next two.
        path: Where its package is.
        target: What is reloaded.
        then: Is called with the module once it has been loaded.

    Returns:
        What the others find; ``None`` when that is nothing.
    """
    this = get_ident(), id(finder), name
    if this in _asked:
        return None
    _asked.add(this)
    try:
        for other in sys.meta_path:
            find = None if other is finder else getattr(other, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):  # else a namespace package, or a loader of olden times
                    spec.loader = _Loader(spec.loader, then)  # type: ignore[assignment]
                return spec
    finally:
        _asked.remove(this)
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
