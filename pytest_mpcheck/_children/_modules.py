"""Lets a child import the modules that pytest imported in its own way.

Under ``--import-mode=importlib`` a test module stands in `sys.modules` under a name by which nobody else could import
it (pytest-dev/pytest#12178). The parent names the file of every such module; in the child a finder answers for exactly
these names, before all others, so that both processes run the same file under the same name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import SOURCE_SUFFIXES, ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import NamedTuple

__all__ = ["ModuleFile", "install_finder", "locate"]


class ModuleFile(NamedTuple):
    """Where a module that cannot be imported by its name alone comes from.

    Attributes:
        name: Its full name.
        origin: Its source file; ``None`` for a package without one.
        search: Where its submodules are; ``None`` when it is no package.
    """

    name: str
    origin: str | None
    search: tuple[str, ...] | None


def locate(names: Iterable[str]) -> tuple[ModuleFile, ...]:
    """Find, for a child, the files of those modules that a plain import would not find, or would find elsewhere.

    Args:
        names: Names of modules that are imported here. Parent packages are seen to as well.

    Returns:
        A record for each one that needs it; nothing under the ``prepend`` and ``append`` import modes.
    """
    found: dict[str, ModuleFile] = {}
    for name in names:
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            ancestor = ".".join(parts[:length])
            module = sys.modules.get(ancestor)
            if ancestor not in found and module is not None and _needs_help(ancestor, module):
                search = getattr(module, "__path__", None)
                origin = getattr(module, "__file__", None)
                found[ancestor] = ModuleFile(ancestor, origin, None if search is None else tuple(search))
    return tuple(found.values())


def _needs_help(name: str, module: ModuleType) -> bool:
    origin = getattr(module, "__file__", None)
    if origin is None:  # built in, or a namespace package: pytest makes such parents up out of nothing
        return hasattr(module, "__path__") and _find(name) is None
    if not origin.endswith(tuple(SOURCE_SUFFIXES)):
        return False
    spec = _find(name)
    return spec is None or spec.origin != origin


def _find(name: str) -> ModuleSpec | None:
    """Find a module as a plain import would, without importing anything."""
    parent = name.rpartition(".")[0]
    path = getattr(sys.modules.get(parent), "__path__", None) if parent else None
    return PathFinder.find_spec(name, path)


class _Finder:
    """A meta path finder that knows some modules by their files."""

    def __init__(self) -> None:
        self.files: dict[str, ModuleFile] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self.files.get(name)
        if file is None:
            return None
        search = None if file.search is None else list(file.search)
        if file.origin is not None:
            return spec_from_file_location(name, file.origin, submodule_search_locations=search)
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = search
        return spec


def install_finder(files: Iterable[ModuleFile]) -> None:
    """Make modules importable in this process by the files that `locate` found for them."""
    finder = next((finder for finder in sys.meta_path if isinstance(finder, _Finder)), None)
    new = {file.name: file for file in files}
    if new and finder is None:
        finder = _Finder()
        sys.meta_path.insert(0, finder)
    if finder is not None:
        finder.files |= new
