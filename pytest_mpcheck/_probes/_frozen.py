"""A value as text, part by part: facts that stay as they are while the value changes, and that compare."""

from __future__ import annotations

import importlib
import re
import types
from collections.abc import Iterator, Mapping, Set
from typing import Any, cast

from .._excerpts import RAISED, reason_of, shortened
from ._importing import import_quietly

__all__ = ["NotThere", "bounded", "digest", "frozen", "named"]

_LONG = 1_000
"""Texts that are longer are kept as their ends and a digest."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class NotThere(Exception):
    """The module of a dotted name has no such attribute."""


def named(name: str) -> object:
    """Return what a dotted name stands for; imports its module.

    Args:
        name: ``"package.module"`` or ``"package.module:attribute"``, with further attributes behind dots.

    Raises:
        ImportError: There is no such module.
        NotThere: The module has no such attribute.
        ValueError: It is no name of anything.
    """
    module_name, _, attributes = name.partition(":")
    value: object = importlib.import_module(module_name)
    for attribute in attributes.split(".") if attributes else ():
        try:
            value = getattr(value, attribute)
        except AttributeError as error:
            raise NotThere(str(error)) from None
    return value


def frozen(value: object, path: str, *, by_identity: bool = True) -> dict[str, str]:
    """Take down a value as text, part by part, while it is what it is.

    Args:
        value: Anything; containers and objects are looked at through and through, modules only at the top.
        path: What to call it.
        by_identity: Whether another object that is like it counts as a change. It does within a process; two processes
            never have the same object.

    Returns:
        For the path of each part: the part, as text. Equal texts mean that nothing changed.
    """
    facts: dict[str, str] = {}
    todo: list[tuple[str, Any]] = [(path, _globals_of(value) if isinstance(value, types.ModuleType) else value)]
    seen: dict[int, Any] = {}  # holds what it has seen, so that no id comes twice
    while todo:
        where, part = todo.pop()
        facts[where] = _leaf(part, by_identity)
        if id(part) not in seen and not isinstance(part, _PLAIN):
            seen[id(part)] = part
            todo += _parts(part, where, by_identity)
    return facts


def bounded(text: str) -> str:
    """Return a text, or for a long one its ends and a digest, which is as good for comparing."""
    if len(text) <= _LONG:
        return text
    return f"{shortened(text, 200)}, {digest(text.encode('utf-8', 'surrogatepass'))}"


def digest(data: bytes) -> str:
    """Return what stands for bytes that are too many to be told."""
    hashlib = import_quietly("hashlib")
    return f"SHA-256 {hashlib.sha256(data).hexdigest()[:16]}"


def _globals_of(module: types.ModuleType) -> dict[str, Any]:
    """Return what a module itself has made: what the import system keeps in it leads all over the process."""
    return {name: value for name, value in vars(module).items() if not name.startswith(("__", "@"))}


_PLAIN = (
    str,
    bytes,
    int,
    float,
    complex,
    bool,
    type(None),
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
)


def _leaf(part: Any, by_identity: bool) -> str:
    """Tell a part without its own parts."""
    if isinstance(part, (Mapping, Set, list, tuple)):
        return f"{type(part).__name__} of {len(part)}"
    try:
        data = memoryview(part)
    except TypeError:
        data = None
    if data is not None:
        return f"{type(part).__name__} of {data.nbytes} bytes, {digest(data.tobytes())}"
    is_function = isinstance(part, types.FunctionType)
    if is_function and not by_identity:
        return f"function {part.__module__}.{part.__qualname__} of line {part.__code__.co_firstlineno}"
    if is_function or type(part).__repr__ == cast(object, object.__repr__):
        name = type(part).__qualname__
        return f"{name} at {id(part):#x}" if by_identity else f"object of {type(part).__module__}.{name}"
    return _text(part, by_identity)


def _text(value: object, by_identity: bool) -> str:
    try:
        text = repr(value)
    except RAISED as error:  # it is anybody's
        text = f"{type(value).__qualname__}, whose repr() raised {reason_of(error)}"
    return bounded(text if by_identity or isinstance(value, str) else _ADDRESS.sub("", text))


def _parts(part: Any, where: str, by_identity: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(part, Mapping):
        yield from ((f"{where}[{_text(key, by_identity)}]", item) for key, item in list(part.items()))
    elif isinstance(part, (list, tuple)):
        yield from ((f"{where}[{index}]", item) for index, item in enumerate(part))
    elif isinstance(part, Set):
        yield from ((f"{where}{{{_text(item, by_identity)}}}", item) for item in part)
    for name in list(getattr(part, "__dict__", ())):
        yield f"{where}.{name}", part.__dict__[name]
    for cls in type(part).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(part, name):
                yield f"{where}.{name}", getattr(part, name)
