"""Lets a child import the modules that pytest imported in its own way.

Under ``--import-mode=importlib`` a test module stands in `sys.modules` under a name by which nobody else could import
it (pytest-dev/pytest#12178). The parent names the file of every such module; in the child a finder answers for exactly
these names, before all others, so that both processes run the same file under the same name.

Under every import mode the same finder answers for modules whose assertions pytest has rewritten: it runs the code that
the parent made of them (`_asserts`).
"""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import SOURCE_SUFFIXES, ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import CodeType, ModuleType
from typing import NamedTuple, Protocol

from ._explainer import NAME, Explainer
from ._lazy_pytest import NAME as LAZY_PYTEST
from ._lazy_pytest import LazyPytest

__all__ = ["ModuleFile", "Modules", "install_finder", "known_file", "locate", "remove_finder"]


class ModuleFile(NamedTuple):
    """Where a module that cannot be imported by its name alone comes from.

    Attributes:
        name: Its full name.
        origin: Its source file; ``None`` for a package without one.
        search: Where its submodules are; ``None`` when it is no package.
        code: A file with its code, in which assertions explain themselves; empty when its own file is to be run.
    """

    name: str
    origin: str | None
    search: tuple[str, ...] | None
    code: str = ""


class _Codes(Protocol):
    def reached_from(self, names: Iterable[str]) -> set[str]: ...
    def path(self, name: str) -> str: ...


class Modules:
    """The modules that the workers of a test may need.

    Args:
        names: Those that the test's own functions may stand in; they go along in any case.
        codes: The code of those that pytest rewrote; ``None`` when it rewrites nothing.
    """

    def __init__(self, names: Iterable[str], codes: _Codes | None = None) -> None:
        self._names = tuple(names)
        self._codes = codes

    def locate(self, names: Iterable[str] = ()) -> tuple[ModuleFile, ...]:
        """Find what a child needs of them, and of others.

        Args:
            names: Names of others.

        Returns:
            As `locate`.
        """
        wanted = {*self._names, *names}
        if self._codes is None:
            return locate(sorted(wanted))
        return locate(sorted(self._codes.reached_from(wanted)), self._codes)


def locate(names: Iterable[str], codes: _Codes | None = None) -> tuple[ModuleFile, ...]:
    """Find, for a child, the files of those modules that a plain import would not find, or would find elsewhere.

    Args:
        names: Names of modules that are imported here. Parent packages are seen to as well.
        codes: The code of those that pytest rewrote.

    Returns:
        A record for each one that needs it; under the ``prepend`` and ``append`` import modes that is only what was
        rewritten.
    """
    found: dict[str, ModuleFile] = {}
    for name in names:
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            ancestor = ".".join(parts[:length])
            module = sys.modules.get(ancestor)
            if ancestor in found or module is None:
                continue
            code = codes.path(ancestor) if codes is not None else ""
            if code or _needs_help(ancestor, module):
                search = getattr(module, "__path__", None)
                origin = getattr(module, "__file__", None)
                found[ancestor] = ModuleFile(ancestor, origin, None if search is None else tuple(search), code)
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


class _CodeLoader(SourceFileLoader):
    """Runs the code that was made of a source file; in all else it loads that file.

    Args:
        name: The module's name.
        path: The source file.
        code: The file with the code.
    """

    def __init__(self, name: str, path: str, code: str) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType | None:
        try:
            with open(self._code, "rb") as file:
                code: CodeType = marshal.load(file)
        except (OSError, EOFError, ValueError, TypeError):  # a process that outlives its test: the folder has gone
            return super().get_code(fullname)
        return code

    def exec_module(self, module: ModuleType) -> None:
        vars(module)[NAME] = Explainer(os.path.dirname(self._code))
        vars(module)[LAZY_PYTEST] = LazyPytest()
        super().exec_module(module)


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
            loader = _CodeLoader(name, file.origin, file.code) if file.code else None
            return spec_from_file_location(name, file.origin, loader=loader, submodule_search_locations=search)
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = search
        return spec


def install_finder(files: Iterable[ModuleFile]) -> None:
    """Make modules importable in this process by the files that `locate` found for them."""
    finder = _finder()
    new = {file.name: file for file in files}
    if new and finder is None:
        finder = _Finder()
        stay_first = [number for number, other in enumerate(sys.meta_path, 1) if hasattr(other, "stays_first")]
        sys.meta_path.insert(max(stay_first, default=0), finder)  # a watch hears of these imports too
    if finder is not None:
        finder.files |= new


def known_file(name: str) -> ModuleFile | None:
    """Return what the finder of this process knows of a module."""
    finder = _finder()
    return None if finder is None else finder.files.get(name)


def remove_finder() -> None:
    """Let modules be found by a plain import again; those that were imported stay."""
    finder = _finder()
    if finder is not None:
        sys.meta_path.remove(finder)


def _finder() -> _Finder | None:
    return next((finder for finder in sys.meta_path if isinstance(finder, _Finder)), None)
