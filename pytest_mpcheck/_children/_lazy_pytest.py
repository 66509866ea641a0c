"""Stands for pytest in those modules of a child that pytest has rewritten, and costs nothing until it is needed.

A test module says ``import pytest`` for its marks and fixtures, which nobody asks for in a child. Guarantees: a mark on
a function or a class, and a fixture, leave it as it is there; whatever else is taken from pytest, and whatever is read
of a mark, imports pytest and is the real thing. ``from pytest import ...``, an import within a function, and an import
by any other module are not concerned.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["NAME", "LazyPytest"]

NAME = "@pytest"
"""What the code of a rewritten module calls it."""


class LazyPytest(ModuleType):
    """The module pytest, to be imported when something of it is used."""

    def __init__(self) -> None:
        super().__init__("pytest")
        self.mark = _Marks()
        self.fixture = _fixture
        self.param = _Deferred("param")

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module("pytest"), name)


class _Marks:
    """`pytest.mark`: any name is a mark."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            return getattr(import_module("pytest").mark, name)
        return _Deferred("mark", name)


def _fixture(function: Any = None, /, **options: object) -> Any:
    return (lambda function: function) if function is None else function


class _Deferred:
    """Something of pytest's, perhaps called, that is made when somebody reads it."""

    def __init__(self, *path: str) -> None:
        self.__path = path
        self.__calls: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def __call__(self, /, *args: object, **kwargs: object) -> Any:
        if self.__path[0] == "mark" and len(args) == 1 and not kwargs and _is_marked(args[0]):
            return args[0]
        called = _Deferred(*self.__path)
        called.__calls = [*self.__calls, (args, kwargs)]
        return called

    def __getattr__(self, name: str) -> Any:
        made = import_module("pytest")
        for step in self.__path:
            made = getattr(made, step)
        for args, kwargs in self.__calls:
            made = made(*args, **kwargs)  # type: ignore[operator]
        return getattr(made, name)


def _is_marked(value: object) -> bool:
    """Return whether a mark is put on something, and not given it as an argument; pytest tells it in this way."""
    return callable(value) and getattr(value, "__name__", "<lambda>") != "<lambda>"
