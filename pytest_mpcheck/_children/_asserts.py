"""Makes, for children, the code of those modules whose assertions pytest has rewritten here.

A child that imports a test module by itself gets the plain one, and a bare ``AssertionError`` of it. So the process of
the test rewrites each such module once more, once in a run, and leaves the code in the folder of the test; in the child
the finder of `_modules` runs that code under the module's name. It is what pytest itself would run, but for one thing:
it does not import pytest, nor does ``import pytest`` at its top, until something of it is used (`_lazy_pytest`).
"""

from __future__ import annotations

import ast
import contextlib
import marshal
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FunctionType, ModuleType

from ._explainer import EXPLANATION, NAME
from ._lazy_pytest import NAME as LAZY_PYTEST

__all__ = ["Assertions", "RewrittenCode"]

_OUTSIDERS = ("pytest_mpcheck", "_pytest", "pytest", "xdist")
"""Packages that pytest rewrites as plugins; their assertions are not about what a user tests."""

_made: dict[str, tuple[object, bytes]] = {}
"""For each file what it looked like, and the code that was made of it."""


@dataclass(frozen=True)
class Assertions:
    """What pytest hands in.

    Attributes:
        rewrite: Rewrites a syntax tree; its arguments are the tree, the source, and the file's path.
        registered: Names of modules and packages that somebody registered for rewriting.
        explanation: Makes the content of the file `EXPLANATION`.
    """

    rewrite: Callable[[ast.Module, bytes, str], None]
    registered: Iterable[str]
    explanation: Callable[[], bytes]


class RewrittenCode:
    """The code of rewritten modules, as files for the children of one test.

    Args:
        assertions: What pytest hands in.
        folder: Returns the folder of the test.
    """

    def __init__(self, assertions: Assertions, folder: Callable[[], str]) -> None:
        self._assertions = assertions
        self._folder = folder
        self._paths: dict[str, str] = {}
        self._seen = 0
        self._found: list[str] = []

    def reached_from(self, names: Iterable[str]) -> set[str]:
        """Add to names of modules those of the rewritten modules that children of these may need.

        They are what these modules refer to by their globals, and theirs, and so on; and what was registered.
        """
        found: set[str] = set()
        ahead = [*names, *self._registered()]
        while ahead:
            name = ahead.pop()
            if name not in found:
                found.add(name)
                ahead += _neighbours(name)
        return found

    def path(self, name: str) -> str:
        """Return the path of a module's code; empty when a plain import will do."""
        if name not in self._paths:
            code = self._code(name) if _is_rewritten(name) else b""
            self._paths[name] = self._write(f"{len(self._paths)}.code", code) if code else ""
        return self._paths[name]

    def _registered(self) -> list[str]:
        if self._seen != len(sys.modules):  # looking at all of them for each child would take longer than its start may
            self._seen = len(sys.modules)
            registered = frozenset(self._assertions.registered)
            mine = [name for name in tuple(sys.modules) if _is_rewritten(name) and "site-packages" not in _file(name)]
            self._found = [
                name for name in mine if any(name == one or name.startswith(f"{one}.") for one in registered)
            ]
        return self._found

    def _code(self, name: str) -> bytes:
        path = _file(name)
        try:
            status = os.stat(path)
            stamp = (status.st_mtime_ns, status.st_size)
            if _made.get(path, (None,))[0] != stamp:
                _made[path] = stamp, _rewrite(path, self._assertions.rewrite)
        except Exception:  # the file is gone or broken by now, or pytest's parts are no longer what they were
            return b""
        return _made[path][1]

    def _write(self, what: str, content: bytes) -> str:
        folder = self._folder()
        explanation = os.path.join(folder, EXPLANATION)
        if not os.path.exists(explanation):
            with open(explanation, "wb") as file:
                file.write(self._assertions.explanation())
        path = os.path.join(folder, what)
        with open(path, "wb") as file:
            file.write(content)
        return path


def _rewrite(path: str, rewrite: Callable[[ast.Module, bytes, str], None]) -> bytes:
    with open(path, "rb") as file:
        source = file.read()
    if b"assert" not in source and b"import pytest" not in source:
        return b""
    with warnings.catch_warnings(action="ignore"):  # pytest has told them
        tree = ast.parse(source, path)
        rewrite(tree, source, path)
        body = [statement for statement in tree.body if not _imports_pytest(statement)]
        if len(body) == len(tree.body):  # the module asks not to be rewritten
            return b""
        tree.body = [other for statement in body for other in _made_lazy(statement)]
        return marshal.dumps(compile(tree, path, "exec", dont_inherit=True))


def _imports_pytest(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import) and statement.names[0].asname == NAME


def _made_lazy(statement: ast.stmt) -> list[ast.stmt]:
    """Return what stands for a statement in a child: pytest is imported there when it is used."""
    if not isinstance(statement, ast.Import) or all(alias.name != "pytest" for alias in statement.names):
        return [statement]
    parts: list[ast.stmt] = []
    for alias in statement.names:
        part: ast.stmt = ast.Import([alias])
        if alias.name == "pytest":
            target = ast.Name(alias.asname or "pytest", ast.Store())
            part = ast.Assign([target], ast.Name(LAZY_PYTEST, ast.Load()))
        parts.append(ast.fix_missing_locations(ast.copy_location(part, statement)))
    return parts


def _is_rewritten(name: str) -> bool:
    loader = getattr(getattr(sys.modules.get(name), "__spec__", None), "loader", None)
    return type(loader).__module__ == "_pytest.assertion.rewrite" and name.partition(".")[0] not in _OUTSIDERS


def _file(name: str) -> str:
    return getattr(sys.modules[name], "__file__", None) or ""


def _neighbours(name: str) -> set[str]:
    """Name the rewritten modules that a rewritten module refers to by its globals."""
    if not _is_rewritten(name):
        return set()
    found: set[str] = set()
    for value in tuple(vars(sys.modules[name]).values()):
        if isinstance(value, ModuleType):
            found.add(value.__name__)
        elif isinstance(value, (FunctionType, type)):
            with contextlib.suppress(Exception):  # a metaclass may have made anything of it
                found.add(str(value.__module__))
    return {other for other in found if _is_rewritten(other)}
