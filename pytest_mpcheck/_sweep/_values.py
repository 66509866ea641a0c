"""A value as text that compares between processes.

Guarantees: no code of the value is run: plain data are told in full, an object by its type and its plain attributes.
However large a value is, little of it is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from types import FunctionType
from typing import Any

__all__ = ["told"]

_WIDTH = 300
"""How many parts of a container are told."""

_DEPTH = 4
"""How deep in containers they are told."""

_PLAIN = (bool, int, float, complex, str, bytes, bytearray, type(None))

_BRACKETS: dict[object, tuple[str, str]] = {
    dict: ("{", "}"),
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("{", "}"),
    deque: ("[", "]"),
}


def told(value: Any, depth: int = 0) -> str:
    """Tell a value; two processes tell equal ones alike."""
    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if kind in _BRACKETS:
        return "..." if depth > _DEPTH else _container(value, depth + 1)
    if isinstance(value, (FunctionType, type)):
        return f"{kind.__name__} {value.__module__}.{value.__qualname__}"
    return f"{kind.__module__}.{kind.__qualname__} object{_attributes(value)}"


def _container(value: Any, depth: int) -> str:
    kind = type(value)
    parts = list(islice(_parts(value, depth), _WIDTH))
    if kind in (set, frozenset):
        parts.sort()
    if len(value) > _WIDTH:
        parts.append(f"... ({len(value)} in all)")
    begin, end = _BRACKETS[kind]
    return f"{begin}{', '.join(parts)}{end}"


def _parts(value: Any, depth: int) -> Iterator[str]:
    if type(value) is dict:
        yield from (f"{told(key, depth)}: {told(part, depth)}" for key, part in list(value.items()))
    else:
        yield from (told(part, depth) for part in list(value))


def _attributes(value: object) -> str:
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return ""
    plain = {name: one for name, one in attributes.items() if type(one) in _PLAIN}
    return f" with {plain}" if plain else ""
