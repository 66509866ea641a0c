"""`Offers`: modules that the fork server has imported, and that its children need not import.

Guarantees: a child begins without them, as if nobody had preloaded anything. When it imports one, it gets it as the
server has it, with all that this one imports; so a module that only other tests need is not there. A module of a
user's is offered only where an import would find the very same file, unchanged, and where working directory and the
variables of the environment that were read during its import are what they were; else the child imports it anew.
Libraries (what stands in the standard library or in ``site-packages``) stay as the server has imported them.
"""

from __future__ import annotations

import atexit
import contextlib
import copy
import importlib
import os
import sys
from collections.abc import Collection, Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, NamedTuple

from ._explainer import NAME, Explainer
from ._imports import Imports
from ._modules import known_file
from ._request import stamp
from ._surroundings import add_filters

__all__ = ["Circumstances", "Offers"]

_LIBRARIES = os.path.dirname(os.__file__) + os.sep


class Circumstances(NamedTuple):
    """Under which circumstances modules were imported.

    Attributes:
        path: `sys.path`.
        cwd: The working directory.
        read: The variables of the environment that were read, with their values.
        filters: Filters of warnings that were added.
        at_exit: As of `Imports`.
    """

    path: list[str]
    cwd: str
    read: dict[str, str | None]
    filters: tuple[Any, ...]
    at_exit: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]]


class _Mark(NamedTuple):
    """What a user's module was imported from, and how."""

    origin: str | None
    search: tuple[str, ...]
    stamp: tuple[int, int] | None


class _Group(NamedTuple):
    """A module with all that it imports, directly or not.

    Attributes:
        modules: They, by name.
        of_users: The names of those that are a user's.
        under: The circumstances of their imports.
    """

    modules: dict[str, ModuleType]
    of_users: tuple[str, ...]
    under: tuple[Circumstances, ...]


class Offers:
    """What a server offers; in a child also the finder that gives it out."""

    stays_first = True  # before the finder of `_modules`, which would import anew

    def __init__(self) -> None:
        self.imports = Imports()
        self._modules: dict[str, ModuleType] = {}
        self._specs: dict[str, Any] = {}
        self._marks: dict[str, _Mark] = {}
        self._under: dict[str, Circumstances] = {}
        self._applied: list[Circumstances] = []
        self._seeds_numpy = False
        self._groups: dict[str, _Group] = {}
        self._is_giving = False

    def add(self, names: Collection[str], circumstances: Circumstances) -> None:
        """Offer modules that have just been imported."""
        for name in names:
            module = sys.modules[name]
            if module is None:  # an import of it is to fail
                continue
            self._modules[name] = module
            self._specs[name] = getattr(module, "__spec__", None)
            self._under[name] = circumstances
            if not _is_library(name, module):
                origin = getattr(module, "__file__", None)
                self._marks[name] = _Mark(origin, tuple(getattr(module, "__path__", ())), stamp(origin))

    def has_another(self, name: str, origin: str | None) -> bool:
        """Return whether a user's module is offered, and its file is another one now."""
        mark = self._marks.get(name)
        return mark is not None and (mark.origin != origin or mark.stamp != stamp(origin))

    @property
    def of_users(self) -> tuple[str, ...]:
        """The modules of users that are offered."""
        return tuple(self._marks)

    def forget(self, names: Iterable[str]) -> None:
        """Offer modules of users no more, and import none of them from memory."""
        for name in names:
            sys.modules.pop(name, None)
            del self._modules[name], self._specs[name], self._marks[name], self._under[name]
            self.imports.of.pop(name, None)

    def withdraw(self, names: Iterable[str], places: Collection[tuple[str, str]]) -> dict[str, str]:
        """Offer no longer what keeps something that is another thing in each process, and what imports that.

        Args:
            names: The modules that were asked for.
            places: By module and name, what was another thing in another process.

        Returns:
            Those of them that are not offered, and why.
        """
        self._seeds_numpy |= ("numpy.random", "") in places
        differing = {module: name for module, name in sorted(places, reverse=True) if module in self._marks}
        if not differing:
            return {}
        why = {
            user: f"keeps {module}.{differing[module]}, which is another thing in each process"
            for user in self._marks
            for module in self.imports.reach([user], self._modules).intersection(differing)
        }
        self.forget(why)
        return {name: why[name] for name in names if name in why}

    def show(self) -> None:
        """Have them all, in the server, and be no finder: more is about to be imported."""
        sys.meta_path.remove(self)
        sys.modules.update(self._modules)

    def hide(self, wanted: Iterable[str]) -> None:
        """Have none of them, in the server and all its children, until somebody imports one.

        Args:
            wanted: Those that children will begin with.
        """
        self._groups = {name: self._group(name) for name in wanted if name in self._modules}
        for name in self._modules:
            del sys.modules[name]
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Answer an import: by what is offered, or not at all."""
        if name not in self._modules or target is not None:
            return None
        group = self._groups.get(name) or self._group(name)
        if not all(self._holds(member) for member in group.of_users):
            return None
        self._give_others(name, group)
        for member in group.of_users:
            file = known_file(member)
            if file is not None and file.code:  # assertions are explained as those of the test at hand
                vars(self._modules[member])[NAME] = Explainer(os.path.dirname(file.code))
        self._catch_up(group)
        return _given(name, self._modules[name], self._specs[name])

    def _give_others(self, name: str, group: _Group) -> None:
        """Give out what a module imports along with it."""
        others = {member: module for member, module in group.modules.items() if member != name}
        if getattr(sys.meta_path[0], "stays_first", False) and sys.meta_path[0] is not self:
            if self._is_giving:  # whoever began it gives all
                return
            self._is_giving = True
            try:
                for member, module in others.items():  # somebody wants to hear of each import
                    if not self._is_importable(member):
                        sys.modules.setdefault(member, module)
                    elif member not in sys.modules and not name.startswith(f"{member}."):
                        importlib.import_module(member)
            finally:
                self._is_giving = False
            return
        if "logging" in others and "logging" not in sys.modules:
            importlib.import_module("logging")  # whoever waits for it is to hear of it: see `_voice`
        for member, module in others.items():  # not the module itself: its import would take its own loader
            sys.modules.setdefault(member, module)

    def _is_importable(self, name: str) -> bool:
        """Return whether a module may be in a package at all; others put themselves into `sys.modules`."""
        parent = name.rpartition(".")[0]
        return not parent or hasattr(self._modules.get(parent, sys.modules.get(parent)), "__path__")

    def _group(self, name: str) -> _Group:
        names = self.imports.reach([name], self._modules)
        return _Group(
            {member: self._modules[member] for member in names},
            tuple(names.intersection(self._marks)),
            tuple({id(self._under[member]): self._under[member] for member in names}.values()),
        )

    def _catch_up(self, group: _Group) -> None:
        """Do what the import of these modules would have done besides."""
        for under in group.under:
            if under not in self._applied:
                self._applied.append(under)
                if under.filters:
                    add_filters(under.filters)
            for module, function, args, kwargs in list(under.at_exit):
                if module in group.modules:
                    under.at_exit.remove((module, function, args, kwargs))
                    atexit.register(function, *args, **kwargs)
        if self._seeds_numpy and "numpy.random" in group.modules:
            self._seeds_numpy = False
            self._modules["numpy.random"].seed()

    def _holds(self, name: str) -> bool:
        mark = self._marks.get(name)
        if mark is None or sys.modules.get(name) is self._modules[name]:
            return True
        here = self._under[name]
        if name in sys.modules or _cwd() != here.cwd or stamp(mark.origin) != mark.stamp:
            return False
        if any(os.environ.get(key) != value for key, value in here.read.items()):
            return False
        file = known_file(name)
        if file is None:
            return sys.path == here.path or self._is_found(name, mark)
        is_there = file.origin == mark.origin and file.search in (None, mark.search)
        return is_there and (not file.code or NAME in vars(self._modules[name]))

    def _is_found(self, name: str, mark: _Mark) -> bool:
        """Return whether an import would find a module where it has come from."""
        parent = name.rpartition(".")[0]
        package = sys.modules.get(parent) or self._modules.get(parent)
        spec = PathFinder.find_spec(name, getattr(package, "__path__", ()) if parent else None)
        if spec is None:
            return False
        if mark.origin is None:
            return tuple(spec.submodule_search_locations or ()) == mark.search
        return spec.origin == mark.origin


class _Given:
    """The loader of a module that is there already; in all else the module's own."""

    def __init__(self, module: ModuleType, spec: ModuleSpec | None) -> None:
        self._module = module
        self._spec = spec

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spec.loader if self._spec else None, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Let it be as it was: it has been run in the server."""
        with contextlib.suppress(AttributeError):  # it may be anything that somebody has put there
            module.__spec__ = self._spec
            module.__loader__ = self._spec.loader if self._spec else None


def _given(name: str, module: ModuleType, spec: ModuleSpec | None) -> ModuleSpec:
    """Return a spec that looks like a module's own, and loads what is there."""
    given = copy.copy(spec) if spec is not None and spec.name == name else ModuleSpec(name, None)
    loader: Any = _Given(module, spec)
    given.loader = loader
    return given


def _is_library(name: str, module: ModuleType) -> bool:
    """Return whether a module is none of a user's, and stays what it is."""
    origin = getattr(module, "__file__", None)
    if origin is None:
        return not hasattr(module, "__path__")  # built in; else a package without a file, which may be anywhere
    parts = origin.split(os.sep)
    is_installed = "site-packages" in parts or "dist-packages" in parts or origin.startswith(_LIBRARIES)
    return is_installed or name.partition(".")[0] == "pytest_mpcheck"


def _cwd() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it is gone
        return None
