"""What a child can reach: by its target and arguments, and by the line that starts it.

Guarantees: it comes to an end, whatever refers to itself; it runs no code of the objects that it meets, and keeps none
of them longer than its caller does.
"""

from __future__ import annotations

import functools
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any, Literal, NamedTuple

from .._autopsy._origin import is_installed
from ._sorts import CODE, DATA, bases_of, module_of

__all__ = ["Part", "is_library", "own_variables", "reach_of_frame", "reach_of_process"]

_MOST = 200
"""How many objects are looked at."""

_WIDEST = 30
"""How many parts of one object are looked at."""

_DEPTH = 5

_OF_A_PROCESS = frozenset(
    f"_{name}"
    for name in (
        *("args", "authkey", "closed", "config", "daemonic", "identity", "kwargs", "name", "parent_name"),
        *("parent_pid", "popen", "sentinel", "target", "tempdir"),
    )
)
"""What a process of `multiprocessing` has by itself."""


class Part(NamedTuple):
    """Something that a child can reach.

    Attributes:
        path: How: ``args[0].lock``, ``global STOCK of shop``.
        value: What it is.
        is_given: Whether it was handed over, as an argument or inside of one.
        is_near: Whether code of the user's that the child runs has it or names it; else it stands in the same module
            as the line that starts the child, or belongs to an installed package.
        home: Where it stands, if that is a module, and under which name.
    """

    path: str
    value: Any
    is_given: bool = False
    is_near: bool = True
    home: tuple[dict[str, Any], str] | None = None

    def is_still_there(self) -> bool:
        """Return whether nobody has put something else in its place."""
        return self.home is None or self.home[0].get(self.home[1]) is self.value


def reach_of_process(process: Any) -> Iterator[Part]:
    """Yield what a process that is being started can reach, nearest first.

    Args:
        process: The process of `multiprocessing`, or of a library that copies it.
    """
    run = getattr(type(process), "run", None)
    roots = [Part("target", getattr(process, "_target", None))]
    if isinstance(run, FunctionType) and _is_users(run):
        roots.append(Part("run", run))
    roots += [Part(f"args[{index}]", value, True) for index, value in enumerate(getattr(process, "_args", ()))]
    roots += [Part(f"kwargs[{name!r}]", value, True) for name, value in getattr(process, "_kwargs", {}).items()]
    roots += [Part(f"self.{name}", value, True) for name, value in own_variables(process).items()]
    yield from _walk(roots)


def own_variables(process: Any) -> dict[str, Any]:
    """Return what a process has beside what every process of `multiprocessing` has."""
    return {name: value for name, value in _variables(process).items() if name not in _OF_A_PROCESS}


def reach_of_frame(frame: FrameType, *, forks: bool) -> Iterator[Part]:
    """Yield what stands in the module of a frame, and in the frame itself where it forks.

    Args:
        frame: The frame.
        forks: Whether the child goes on in this frame.
    """
    if forks:
        for name, value in frame.f_locals.items():
            yield Part(f"local {name} of {frame.f_code.co_name}", value)
    namespace = frame.f_globals
    for name, value in [(name, value) for name, value in namespace.items() if type(value) not in CODE]:
        yield Part(_of_module(name, namespace), value, is_near=False, home=(namespace, name))


@functools.lru_cache(maxsize=1024)
def is_library(path: str) -> bool:
    """Return whether a file is one of Python's, or of this package."""
    if path.startswith("<frozen"):
        return True
    return path.startswith(_OURS) or (path.startswith(_LIBRARY) and not is_installed(path))


_LIBRARY = os.path.join(os.path.dirname(os.__file__), "")

_OURS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


def _walk(roots: Iterable[Part]) -> Iterator[Part]:
    waiting = deque((part, 0) for part in roots)
    met: set[int] = set()
    while waiting and len(met) < _MOST:
        part, depth = waiting.popleft()
        if id(part.value) in met or type(part.value) in DATA:
            continue
        met.add(id(part.value))
        yield part
        if depth < _DEPTH:
            waiting += ((inner, depth + 1) for inner in _parts(part))


def _parts(part: Part) -> Iterable[Part]:
    value, path = part.value, part.path
    cls = type(value)
    if (parts := _PARTS.get(cls)) is not None:
        return parts(part)
    if cls.__name__ == "Call" and module_of(cls) == _CALL:
        return _of_call(part)
    origin = _origin(module_of(cls))
    if origin == "library" or issubclass(cls, (type, ModuleType)):
        return ()
    is_near = part.is_near and origin == "user"
    is_derived = any(_origin(module_of(base)) != "user" for base in bases_of(cls)[:-1])
    return (
        part._replace(path=f"{path}.{name}", value=item, is_near=is_near, home=None)
        for name, item in _first(_variables(value))
        if not (is_derived and str(name).startswith("_"))  # a base class knows how to look after what is its own
    )


@functools.lru_cache(maxsize=1024)
def _origin(module: str) -> Literal["library", "installed", "user"]:
    """Return whose the classes of a module are: Python's or this package's, an installed package's, or the user's."""
    package = module.partition(".")[0]
    if not module or package in sys.stdlib_module_names or package == __name__.partition(".")[0]:
        return "library"
    path = getattr(sys.modules.get(module), "__file__", None) or ""
    return "installed" if is_installed(path) else "user"


_CALL = f"{__name__.partition('.')[0]}._children._call"
"""The module of what children of the fixtures are started with; it is loaded when there is one."""


def _of_sequence(part: Part) -> Iterator[Part]:
    for index, item in enumerate(part.value[:_WIDEST]):
        if type(item) in DATA:
            continue
        yield part._replace(path=f"{part.path}[{index}]", value=item, home=None)


def _of_dictionary(part: Part) -> Iterator[Part]:
    for key, item in _first(part.value):
        yield part._replace(path=f"{part.path}[{_key(key)}]", value=item, home=None)


def _first(items: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """Return the first items of a dictionary that could lead further."""
    return [(key, item) for key, item in islice(items.items(), _WIDEST) if type(item) not in DATA]


def _of_partial(part: Part) -> Iterator[Part]:
    yield Part(f"{part.path}.func", part.value.func)
    yield Part(f"{part.path}.args", part.value.args, True)
    yield Part(f"{part.path}.keywords", part.value.keywords, True)


def _of_method(part: Part) -> Iterator[Part]:
    yield Part(f"{part.path}.__self__", part.value.__self__, True)
    yield Part(part.path, part.value.__func__)


def _of_call(part: Part) -> Iterator[Part]:
    yield Part("target", part.value._target)
    yield Part("args", part.value._args, True)


def _is_users(function: FunctionType) -> bool:
    code: object = function.__code__  # PyPy has functions with another kind of it
    return isinstance(code, CodeType) and not is_library(code.co_filename)


def _of_function(part: Part) -> Iterator[Part]:
    function = part.value
    if not _is_users(function):
        return
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield Part(f"{name}, closed over by {function.__name__}", cell.cell_contents)
        except ValueError:  # it is empty
            continue
    for index, value in enumerate(function.__defaults__ or ()):
        yield Part(f"default {index} of {function.__name__}", value)
    is_near = part.is_near and not is_installed(function.__code__.co_filename)
    namespace = function.__globals__
    names = _names(function.__code__)
    for name in names:
        value = namespace.get(name)
        if isinstance(value, ModuleType):
            if not is_library(getattr(value, "__file__", None) or "<frozen"):
                inner = vars(value)
                yield from (
                    Part(_of_module(attribute, inner), inner[attribute], is_near=is_near, home=(inner, attribute))
                    for attribute in names
                    if attribute in inner
                )
        elif type(value) not in DATA:
            yield Part(_of_module(name, namespace), value, is_near=is_near, home=(namespace, name))


def _names(code: CodeType) -> list[str]:
    """Return the names of globals and attributes in a code, and in the functions inside of it."""
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in _names(constant)]
    return list(dict.fromkeys([*code.co_names, *inner]))


def _of_module(name: str, namespace: dict[str, Any]) -> str:
    return f"global {name} of {namespace.get('__name__', '?')}"


def _variables(value: object) -> dict[str, Any]:
    try:
        variables = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return variables if type(variables) is dict else {}


def _key(key: object) -> str:
    return repr(key) if type(key) in (str, int) else "..."


_PARTS: dict[type, Callable[[Part], Iterable[Part]]] = {
    list: _of_sequence,
    tuple: _of_sequence,
    dict: _of_dictionary,
    functools.partial: _of_partial,
    MethodType: _of_method,
    FunctionType: _of_function,
}
