"""Did anything change here while children worked?"""

from __future__ import annotations

import hashlib
import importlib
import os
import reprlib
import types
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Any, cast

__all__ = ["assert_isolated", "frozen"]

_WORDS: dict[str, Callable[[], object]] = {"cwd": os.getcwd, "environ": lambda: dict(os.environ)}
"""What of a process can be watched by a word."""


@contextmanager
def assert_isolated(*watched: object) -> Iterator[None]:
    """Assert that nothing watched changes in this process while the block runs.

    Workers that are processes have memory of their own (a thread has not, shared memory is none); this proves it for
    what you name::

        with assert_isolated("shop.stock:LEVELS", "cwd", os.environ):
            mp_process(sell).result()

    Args:
        watched: At least one of: a dotted name (``"package.module"`` for all of a module's globals,
            ``"package.module:attribute"`` for one of them); one of the words ``"cwd"`` and ``"environ"``; any object,
            looked at through and through.

    Raises:
        AssertionError: Something changed; names each place with what was there before and is there now.
        ValueError: Nothing is watched, or a name leads nowhere.
    """
    __tracebackhide__ = True
    if not watched:
        raise ValueError("assert_isolated() that watches nothing proves nothing: name a module or an object")
    before = _look(watched)
    yield
    after = _look(watched)
    changes = [
        f"  {path}: was {before.get(path, '(not there)')}, is {after.get(path, '(not there)')}"
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    ]
    if changes:
        raise AssertionError("\n".join(["changed in this process while children worked:", *changes]))


def _look(watched: tuple[object, ...]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for index, thing in enumerate(watched):
        path, value = _resolve(thing, index)
        facts |= frozen(value, path)
    return facts


def _resolve(thing: object, index: int) -> tuple[str, object]:
    if thing is os.environ:
        return "environ", dict(os.environ)  # itself it holds everything twice
    if not isinstance(thing, str):
        return f"{type(thing).__name__} #{index + 1}", thing
    if thing in _WORDS:
        return thing, _WORDS[thing]()
    module_name, _, attribute = thing.partition(":")
    try:
        value: object = importlib.import_module(module_name)
        for name in attribute.split(".") if attribute else ():
            value = getattr(value, name)
    except (ImportError, AttributeError, ValueError) as error:
        words = ", ".join(map(repr, _WORDS))
        raise ValueError(
            f"nothing to watch under {thing!r} ({error}): "
            f"give 'module' or 'module:attribute', one of {words}, or an object"
        ) from None
    return thing, value


def frozen(value: object, path: str) -> dict[str, str]:
    """Take down a value as text, part by part, while it is what it is.

    Args:
        value: Anything; containers and objects are looked at through and through, modules only at the top.
        path: What to call it.

    Returns:
        For the path of each part: the part, as text. Equal texts mean that nothing changed.
    """
    facts: dict[str, str] = {}
    todo: list[tuple[str, Any]] = [(path, _globals_of(value) if isinstance(value, types.ModuleType) else value)]
    seen: dict[int, Any] = {}  # holds what it has seen, so that no id comes twice
    while todo:
        where, part = todo.pop()
        facts[where] = _leaf(part)
        if id(part) not in seen and not isinstance(part, _PLAIN):
            seen[id(part)] = part
            todo += _parts(part, where)
    return facts


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


def _leaf(part: Any) -> str:
    """Tell a part without its own parts."""
    if isinstance(part, (Mapping, Set, list, tuple)):
        return f"{type(part).__name__} of {len(part)}"
    try:
        data = memoryview(part)
    except TypeError:
        data = None
    if data is not None:
        return (
            f"{type(part).__name__} of {data.nbytes} bytes, SHA-256 {hashlib.sha256(data.tobytes()).hexdigest()[:16]}"
        )
    if isinstance(part, str):
        return repr(part)
    if type(part).__repr__ == cast(object, object.__repr__) or isinstance(part, types.FunctionType):
        return f"{type(part).__qualname__} at {id(part):#x}"
    return repr(part)


def _parts(part: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(part, Mapping):
        yield from ((f"{where}[{reprlib.repr(key)}]", item) for key, item in list(part.items()))
    elif isinstance(part, (list, tuple)):
        yield from ((f"{where}[{index}]", item) for index, item in enumerate(part))
    elif isinstance(part, Set):
        yield from ((f"{where}{{{reprlib.repr(item)}}}", item) for item in part)
    for name in list(getattr(part, "__dict__", ())):
        yield f"{where}.{name}", part.__dict__[name]
    for cls in type(part).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(part, name):
                yield f"{where}.{name}", getattr(part, name)
