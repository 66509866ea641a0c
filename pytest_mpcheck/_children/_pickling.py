"""Says where inside an object the part stands that does not pickle.

Guarantees: it comes to an end, and raises nothing, whatever the object does when it is looked at.
"""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

from .._excerpts import RAISED, repr_of, type_name

__all__ = ["culprit"]

_DEPTH = 20
"""How far it looks into a value: each step pickles all parts of one."""


def culprit(value: object, path: str, attempt: Callable[[object], object], *, by_name: bool = False) -> str:
    """Find the innermost part of a value that does not pickle.

    Args:
        value: Something that `attempt` fails on.
        path: What the value is called, such as ``args[1]``.
        attempt: Pickles; raises when it cannot.
        by_name: Whether it pickles functions by their names, so that it makes no difference what they close over.

    Returns:
        ``args[1].callback: local function f``: the path to the part, and what it is.
    """
    on_the_way: list[object] = []
    for _ in range(_DEPTH):
        on_the_way.append(value)
        if by_name and isinstance(value, types.FunctionType):
            break
        for step, part in _readable_parts(value):
            if not any(part is known for known in on_the_way) and not _passes(part, attempt):
                value, path = part, path + step
                break
        else:
            break
    try:
        return f"{path}: {_describe(value)}"
    except RAISED:  # it lies even about its class
        return f"{path}: {type_name(value)}"


def _passes(value: object, attempt: Callable[[object], object]) -> bool:
    try:
        attempt(value)
    except RAISED:  # pickling runs code of any class
        return False
    return True


def _readable_parts(value: object) -> Iterator[tuple[str, Any]]:
    with contextlib.suppress(*RAISED):  # so does looking at it
        yield from _parts(value)


def _parts(value: object) -> Iterator[tuple[str, Any]]:
    """Yield what a value is made of, and how one gets there from it."""
    if isinstance(value, Mapping):
        yield from ((f" key {_short(key)}", key) for key in value)
        yield from ((f"[{_short(key)}]", item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, Set):
        yield from ((f"{{{_short(item)}}}", item) for item in value)
    elif isinstance(value, types.FunctionType):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        yield from ((f" closing over {name}", cell.cell_contents) for name, cell in cells)
    if not isinstance(value, (type, types.FunctionType, types.ModuleType)):
        yield from ((f".{name}", getattr(value, name)) for name in _attributes(value) if hasattr(value, name))


def _attributes(value: object) -> Iterator[str]:
    if isinstance(value, types.MethodType):
        yield "__self__"
    elif isinstance(value, functools.partial):
        yield from ("func", "args", "keywords")
    yield from [name for name in getattr(value, "__dict__", ()) if isinstance(name, str)]
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        yield from [slots] if isinstance(slots, str) else slots


def _describe(value: object) -> str:
    if isinstance(value, types.FunctionType):
        if value.__name__ == "<lambda>":
            return "lambda"
        return (
            f"local function {value.__name__}" if "<locals>" in value.__qualname__ else f"function {value.__qualname__}"
        )
    if isinstance(value, type):
        return f"local class {value.__name__}" if "<locals>" in value.__qualname__ else f"class {value.__qualname__}"
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    cls = type(value)
    local = "object of local class " if "<locals>" in cls.__qualname__ else ""
    return local + (cls.__name__ if local or cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}")


def _short(value: object) -> str:
    text = repr_of(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
