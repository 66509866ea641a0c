"""`State`: the globals that a test and its children refer to, as they are when a child is started.

A child that is not forked imports modules anew. So what it would find is what a fresh process finds that imports them,
and `missing` asks one. Which globals matter is read off the code: the names that the functions of the test, the target
and its arguments refer to, and in turn the functions of those names.

Guarantees: no code of a value is run. Bounded in how much it looks at, and in time.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from multiprocessing import get_context
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from .._excerpts import shortened
from ._values import told

__all__ = ["State"]

_LOOKS = 10
"""At how many starts of a test it looks."""

_FUNCTIONS = 300
"""How many functions are followed at each."""

_LENGTH = 60
"""How much of a value is shown, in characters."""

_SECONDS = 15.0
"""How long a fresh process may take to import the modules, in seconds."""

_MOMENT = 1.0
"""How long it may take to end once it has told, in seconds."""

_NOT_THERE = "nothing of that name"


class State:
    """What children may have relied on.

    Args:
        functions: Those of the test itself.
    """

    def __init__(self, functions: Iterable[object]) -> None:
        self._functions = tuple(functions)
        self._looks = 0
        self._values: dict[tuple[str, str], str] = {}

    def look(self, process: Any) -> None:
        """Take down what a process that is about to be started may refer to."""
        if self._looks < _LOOKS:
            self._looks += 1
            given = vars(process)
            roots = [given.get("_target"), *given.get("_args", ()), *given.get("_kwargs", {}).values()]
            for module, name, value in _globals(deque([*self._functions, *roots])):
                self._values[module, name] = told(value)

    def missing(self) -> tuple[str, ...]:
        """Return what a fresh process finds otherwise, a line each; nothing where none can be asked."""
        if not self._values:
            return ()
        there = _in_a_fresh_process(tuple(self._values))
        return tuple(
            f"{name} of {module} was {shortened(here, _LENGTH)}, and is {shortened(there[module, name], _LENGTH)} "
            f"in a process that imports {module}"
            for (module, name), here in self._values.items()
            if there.get((module, name), here) != here
        )


def _globals(waiting: deque[object]) -> Iterator[tuple[str, str, object]]:
    """Yield the globals that functions refer to, and those that these refer to: module, name, value."""
    seen: set[int] = set()
    while waiting and len(seen) < _FUNCTIONS:
        function = _function_of(waiting.popleft(), waiting)
        if function is None or id(function) in seen:
            continue
        seen.add(id(function))
        names, space = _names(function.__code__), function.__globals__
        modules = [space[name] for name in names if isinstance(space.get(name), ModuleType)]
        for module in (space, *map(vars, modules)):
            here = str(module.get("__name__"))
            if not _is_of_a_library(here):
                for name in names.intersection(module):
                    waiting.append(module[name])
                    if not isinstance(module[name], ModuleType):
                        yield here, name, module[name]


def _function_of(value: object, waiting: deque[object]) -> FunctionType | None:
    """Return the function of a callable; the methods of a class, or of the object of a method, are to be looked at."""
    if isinstance(value, partial):
        waiting.extend((value.func, *value.args))
    elif isinstance(value, MethodType):
        waiting.append(type(value.__self__))
        return _function_of(value.__func__, waiting)
    elif isinstance(value, type) and not _is_of_a_library(value.__module__):
        waiting.extend(one for one in vars(value).values() if isinstance(one, FunctionType))
    return value if isinstance(value, FunctionType) else None


def _names(code: CodeType) -> set[str]:
    """Return the names that a code and the functions in it look up outside of themselves."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _is_of_a_library(module: str) -> bool:
    top = module.partition(".")[0]
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return top in sys.stdlib_module_names or top in ("__main__", "None") or "site-packages" in file


def _in_a_fresh_process(names: tuple[tuple[str, str], ...]) -> dict[tuple[str, str], str]:
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_tell, args=(there, names), daemon=True)
    process.start()
    there.close()
    try:
        found: dict[tuple[str, str], str] = here.recv() if here.poll(_SECONDS) else {}
    except (EOFError, OSError):  # it has ended before it could tell
        found = {}
    process.join(_MOMENT)
    process.kill()
    process.join()
    here.close()
    return found


def _tell(connection: Any, names: tuple[tuple[str, str], ...]) -> None:
    """Import modules, and tell what they have; runs in the fresh process."""
    found = {}
    for module, name in names:
        try:
            space = vars(__import__(module, fromlist=[name]))
        except BaseException:  # whatever it is, nothing can be said of this module
            continue
        found[module, name] = told(space[name]) if name in space else _NOT_THERE
    connection.send(found)
    connection.close()
