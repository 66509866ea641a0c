"""What a forked process takes along and a spawned one could not: it does not pickle.

Guarantees: told is a process that was started without a word on the start method, or by a test; a library that asks for
fork may do otherwise under spawn. No code of the user's runs: an object whose class says itself how it pickles counts
as one that does, and so do those of C code outside of the standard library, and those of `multiprocessing`, which
pickle only on their way. Of what is large the beginning is looked at.
"""

from __future__ import annotations

import contextlib
import copyreg
import pickle
import sys
from collections.abc import Iterator
from types import FrameType, FunctionType
from typing import Any

from .._children._pickling import culprit
from .._copies import COPIES
from .._excerpts import RAISED, reason_of
from .._finding import Finding
from ._reach import own_variables
from ._sorts import bases_of, module_of

__all__ = ["Preflight"]

_MOST = 128 * 1024
"""How much is pickled of a process, in bytes."""

_MOST_OBJECTS = 2_000

_HOOKS = frozenset(f"__{name}__" for name in ("reduce_ex", "reduce", "getstate", "getnewargs_ex", "getnewargs")) | {
    "__getattr__",
    "__getattribute__",
}
"""Methods of a class that take part in pickling."""

_OF_CONTAINERS = frozenset(("__iter__", "items"))
"""Those of a subclass of a list or a dictionary that do so too."""


class Preflight:
    """Looks at processes that are forked; what it has found once it does not tell again."""

    def __init__(self) -> None:
        self._told: set[tuple[object, str]] = set()

    def look(self, process: Any, frame: FrameType) -> str:
        """Return which part would fail and how; empty when none would, or it was told before.

        Args:
            process: A process of `multiprocessing` that is about to be forked.
            frame: The innermost one, outside of the standard library, of those that start it.
        """
        if not _is_told_of(process, frame):
            return ""
        code = getattr(getattr(process, "_target", None) or type(process).run, "__code__", None)
        for path, value in _handed_over(process):
            try:
                _attempt(value)
            except RAISED as error:
                part = culprit(value, path, _attempt, by_name=True)
                if (code, part) in self._told:
                    return ""
                self._told.add((code, part))
                return f"{part} does not pickle ({reason_of(error)})"
        return ""


def _is_told_of(process: Any, frame: FrameType) -> bool:
    """Return whether nobody has asked for fork, or a test has; who else asks for it may do otherwise under spawn."""
    from multiprocessing.context import Process
    from multiprocessing.process import BaseProcess

    if not isinstance(process, BaseProcess):  # other libraries pickle in ways of their own
        return False
    module = str(frame.f_globals.get("__name__", "")).rpartition(".")[2]
    return isinstance(process, Process) or module.startswith(("test_", "conftest")) or module.endswith("_test")


def finding(obstacle: str, where: str) -> Finding:
    """Tell of something that does not pickle."""
    return Finding(
        kind="unpicklable",
        what=f"would fail under spawn: {obstacle}",
        where=where,
        evidence="the process was forked, so nothing was pickled; spawn (the default on macOS and Windows) and "
        "forkserver (on Linux from Python 3.14 on) pickle target and arguments",
        remedy="hand over plain data, and functions and classes that stand in a module; make the rest inside the child",
    )


def _handed_over(process: Any) -> Iterator[tuple[str, Any]]:
    """Yield what would be pickled, and how it is called."""
    cls = type(process)
    if _says_itself(cls):
        return
    if "<locals>" in cls.__qualname__:
        yield cls.__name__, cls
    yield "target", getattr(process, "_target", None)
    yield from ((f"args[{index}]", value) for index, value in enumerate(getattr(process, "_args", ())))
    yield from ((f"kwargs[{name!r}]", value) for name, value in getattr(process, "_kwargs", {}).items())
    yield from ((f"{cls.__name__}.{name}", value) for name, value in own_variables(process).items())


def _attempt(value: object) -> None:
    with contextlib.suppress(_Enough):
        _Pickler(_Sink(), pickle.HIGHEST_PROTOCOL).dump(value)


class _Enough(BaseException):  # no part of what is pickled takes it for its own
    """What has been seen goes through, and there is more of it."""


class _Sink:
    """Takes a limited number of bytes, and keeps none."""

    def __init__(self) -> None:
        self._room = _MOST

    def write(self, data: Any) -> int:
        size = len(data)
        self._room -= size
        if self._room < 0:
            raise _Enough
        return size


class _Pickler(pickle.Pickler):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._left = _MOST_OBJECTS

    def reducer_override(self, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _Enough
        cls = type(value)
        if issubclass(cls, (type, FunctionType)):  # they go by name, and nothing is imported to find them
            return NotImplemented if value.__module__ in sys.modules else (object, ())
        return (object, ()) if _is_opaque(cls) else NotImplemented


def _is_opaque(cls: type) -> bool:
    """Return whether nobody but its class knows how an object pickles."""
    if cls in copyreg.dispatch_table or any(_package(base) in _CARRIED for base in bases_of(cls)):
        return True
    return _package(cls) not in sys.stdlib_module_names and _says_itself(cls)


_CARRIED = frozenset((*COPIES, "ctypes", "joblib", "loky", "socket", "torch"))
"""Packages whose objects pickle on their way to a child, if at all."""


def _says_itself(cls: type) -> bool:
    hooks = _HOOKS | _OF_CONTAINERS if issubclass(cls, (list, dict)) else _HOOKS
    return any(
        _package(base) not in sys.stdlib_module_names and not hooks.isdisjoint(type.__dict__["__dict__"].__get__(base))
        for base in bases_of(cls)
    )


def _package(cls: type) -> str:
    return module_of(cls).partition(".")[0]
