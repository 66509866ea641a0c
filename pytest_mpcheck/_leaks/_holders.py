"""Which objects hold descriptors, of those that are within reach of a module.

Guarantees: nothing is asked of the garbage collector, which would show tuples that another thread is about to make, and
make that fail (cpython#59313). Code of the user's classes is not called.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections import deque
from collections.abc import Collection, Iterable
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from .._excerpts import repr_of

__all__ = ["find_holders"]

_DEPTH = 4
"""How far from the dictionary of a module to look."""

_MOST = 200_000
"""How many objects to look at."""

_CONTAINERS = list, tuple, set, frozenset, deque

_DULL = int, float, str, bytes, bool, type(None), FunctionType, BuiltinFunctionType, MethodType, ModuleType


def find_holders(numbers: Collection[int]) -> dict[int, str]:
    """Return the files and sockets that hold some descriptors, in words.

    Args:
        numbers: The descriptors.
    """
    found: dict[int, str] = {}
    layer: list[Any] = [vars(module) for module in _modules()]
    seen = {id(one) for one in layer}
    for _ in range(_DEPTH):
        following: list[Any] = []
        for thing in layer:
            number = _number(thing)
            if number in numbers:
                found.setdefault(number, repr_of(thing))
            for inner in _inside(thing):
                if type(inner) not in _DULL and id(inner) not in seen and len(seen) < _MOST:
                    seen.add(id(inner))
                    following.append(inner)
        layer = following
    return found


def _modules() -> Iterable[ModuleType]:
    entries: list[Any] = list(sys.modules.values())
    return (entry for entry in entries if isinstance(entry, ModuleType))


def _number(thing: Any) -> int:
    sort = type(thing)
    sockets = getattr(sys.modules.get("_socket"), "socket", ())
    with contextlib.suppress(AttributeError, OSError, ValueError):  # closed, or a stream without one
        if issubclass(sort, (io.FileIO, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)):
            raw = getattr(getattr(thing, "buffer", thing), "raw", thing)
            return int(thing.fileno()) if getattr(raw, "closefd", True) else -1
        if sockets and issubclass(sort, sockets):
            return int(thing.fileno())
    return -1


def _inside(thing: Any) -> Iterable[Any]:
    sort = type(thing)
    with contextlib.suppress(RuntimeError):  # another thread changes it
        if sort is dict:
            return list(thing.values())
        if sort in _CONTAINERS:
            return list(thing)
    with contextlib.suppress(AttributeError, TypeError):
        attributes = object.__getattribute__(thing, "__dict__")
        return list(attributes.values()) if type(attributes) is dict else ()
    return ()
