"""`Imports`: takes down what happens while the fork server preloads, as far as it is not for the server itself.

Guarantees: once the context is closed, all is as it was before but for the modules that are imported. Filters of
warnings that they have added, and what they want to be called at the end of the process, are for those children that
use them.
"""

from __future__ import annotations

import atexit
import builtins
import os
import sys
import warnings
from collections.abc import Callable, Container, Iterable
from importlib.util import resolve_name
from typing import Any

from ._surroundings import filters_of_warnings

__all__ = ["Imports"]


class Imports:
    """What imports what; while the context is open it is added to, and so are reads of the environment.

    Attributes:
        of: By name of a module, the names of those that it imports.
        read: By name of a variable of the environment, the value that an import has read, or ``None``.
        filters: Filters of warnings that were added.
        at_exit: The module that has registered something with `atexit`, and that with its arguments.
    """

    def __init__(self) -> None:
        self.of: dict[str, set[str]] = {}
        self.read: dict[str, str | None] = {}
        self.filters: tuple[Any, ...] = ()
        self._is_open = False
        self.at_exit: list[tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []

    def __enter__(self) -> Imports:
        self.read, self.at_exit, self._is_open = {}, [], True
        environ: Any = type(os.environ)
        self._originals: tuple[Any, ...] = builtins.__import__, environ.__getitem__, atexit.register
        self._quiet = warnings.catch_warnings(action="ignore")  # the process of the tests has told them
        self._quiet.__enter__()
        self._before = filters_of_warnings()
        builtins.__import__ = _Statement(self._note, builtins.__import__)
        environ.__getitem__ = self._reading(environ.__getitem__)
        atexit.register = self._registering(atexit.register)
        return self

    def __exit__(self, *error: object) -> None:
        environ: Any = type(os.environ)
        builtins.__import__, environ.__getitem__, atexit.register = self._originals
        self._is_open = False  # somebody may have kept one of them
        self.filters = tuple(one for one in filters_of_warnings() if one not in self._before)
        self._quiet.__exit__(None, None, None)

    def reach(self, names: Iterable[str], among: Container[str]) -> set[str]:
        """Return the modules that others need: what they import, and that imports, with the packages of all.

        Args:
            names: The others.
            among: Those that may be in it.
        """
        found: set[str] = set()
        ahead = list(names)
        while ahead:
            name = ahead.pop()
            if name not in found:
                if name in among:
                    found.add(name)
                    ahead += self.of.get(name, ())
                package = name.rpartition(".")[0]
                if package:
                    ahead.append(package)
        return found

    def _note(self, importer: object, names: Iterable[str]) -> None:
        if self._is_open and isinstance(importer, str):
            self.of.setdefault(importer, set()).update(names)

    def _registering(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def register(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            if not self._is_open:
                return original(function, *args, **kwargs)
            self.at_exit.append((str(sys._getframe(1).f_globals.get("__name__")), function, args, kwargs))
            return function

        return register

    def _reading(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __getitem__(environ: Any, key: Any) -> Any:  # noqa: N807
            try:
                value = original(environ, key)
            except KeyError:
                self.read.setdefault(str(key), None)
                raise
            self.read.setdefault(str(key), value)
            return value

        return __getitem__


class _Statement:
    """Stands for the function behind the statement ``import``; pickles as that, should a module keep it."""

    def __init__(self, note: Callable[[object, Iterable[str]], None], original: Callable[..., Any]) -> None:
        self._note = note
        self._original = original

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("__import__",)

    def __call__(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """Import, and note who imports what."""
        module = self._original(name, globals, locals, fromlist, level)
        if globals:
            package = globals.get("__package__") or str(globals.get("__name__", "")).rpartition(".")[0]
            full = resolve_name("." * level + name, package) if level else name
            parts = [f"{full}.{part}" for part in fromlist or () if f"{full}.{part}" in sys.modules]
            self._note(globals.get("__name__"), [full, *parts])
        return module
