"""Makes each call of a function a span, in code that nobody changed.

Guarantees: the function stays the object that it is, so whoever has it reaches the watch: by ``from m import f``, as
the target of a process, in a partial, as a method of a subclass. It pickles as before, and its signature, its defaults
and its kind (function, generator, coroutine, asynchronous generator) stay. All is put back when the watch ends.

A function written in Python gets another code. Any other callable of a module, such as one written in C, has none:
there a stand-in takes its place in the module, and reached is who looks it up there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, FunctionType, ModuleType

from .._errors import MpcheckError
from .._excerpts import reason_of, repr_of
from .._heard_import import find_and_hear
from ._templates import template_for
from ._watched import StandIn, Watched

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from typing import Any

__all__ = ["WatchFinder", "import_watched", "is_watching", "watch_only"]


class _Watch:
    """One watch, of a name that `parts_of` takes apart."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.module, self.path = parts_of(name)
        self._function: Any = None
        self._original: Any = None

    def start(self, *, strict: bool) -> None:
        """Begin, if the module has been imported; again, if it has been imported again."""
        module = sys.modules.get(self.module)
        if module is None:
            return
        try:
            owner, raw = _find(self.name, module, self.path)
            function = getattr(raw, "__func__", raw) if isinstance(raw, (staticmethod, classmethod)) else raw
            if isinstance(function, FunctionType) and isinstance(function.__code__, CodeType):  # PyPy has others
                self._exchange_code(function)
            elif isinstance(owner, ModuleType) and callable(function) and not isinstance(function, type):
                self._stand_in(owner, function)
            else:
                raise MpcheckError(_no_function(self.name, raw))
        except MpcheckError:
            if strict:  # elsewhere whoever asks for such a span is told that there was none
                raise

    def stop(self) -> None:
        """Put back what was there; what somebody else has put in its place since stays."""
        if isinstance(self._function, FunctionType):
            self._function.__code__ = self._original.__code__
            if vars(self._function).get("__wrapped__") is self._original:
                del self._function.__wrapped__  # type: ignore[attr-defined]
        elif self._function is not None:
            module = sys.modules.get(self.module)
            if module is not None and vars(module).get(self.path) is self._function:
                setattr(module, self.path, self._original)

    def _exchange_code(self, function: FunctionType) -> None:
        if function is self._function:
            return
        code = function.__code__
        original = FunctionType(
            code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        original.__kwdefaults__ = function.__kwdefaults__
        self._function, self._original = function, original
        vars(function).setdefault("__wrapped__", original)  # whoever asks for the signature looks there
        function.__code__ = template_for(code, Watched(self.name, original))

    def _stand_in(self, module: ModuleType, function: Any) -> None:
        if function is self._function:
            return
        self._original = function
        self._function = StandIn((self.module, self.path), Watched(self.name, function))
        setattr(module, self.path, self._function)


def parts_of(name: object) -> tuple[str, str]:
    """Take the name of a function apart.

    Args:
        name: Such as ``package.module:function`` or ``package.module:Class.method``.

    Returns:
        The name of the module, and the path in it.

    Raises:
        MpcheckError: It is not such a name.
    """
    module, colon, path = name.partition(":") if isinstance(name, str) else ("", "", "")
    if not colon or not all(part.isidentifier() for part in f"{module}.{path}".split(".")):
        raise MpcheckError(
            f"watch({repr_of(name)}): that is no name of a function; "
            "what to do: give a text such as 'package.module:function' or 'package.module:Class.method'"
        )
    return module, path


def import_watched(name: str) -> None:
    """Import, in the process of the test, the module of a function, so that a wrong name is told where it was given.

    Args:
        name: As for `watch_only`.

    Raises:
        MpcheckError: There is no such module.
    """
    from importlib import import_module

    module, _ = parts_of(name)
    try:
        import_module(module)
    except Exception as error:  # the code of a module may raise anything
        raise MpcheckError(
            f"watch({name!r}): module {module!r} cannot be imported here: {reason_of(error)}; "
            "what to do: give the name by which the children import it, and put its folder on sys.path"
        ) from error


def _find(name: str, module: ModuleType, path: str) -> tuple[Any, Any]:
    """Find what a path leads to, and in what it stands; as it stands there, not bound to anything."""
    owner: Any = module
    *ways, last = path.split(".")
    for way in ways:
        owner = _attribute(name, owner, way)
    for place in owner.__mro__ if isinstance(owner, type) else (owner,):
        if last in vars(place):
            return owner, vars(place)[last]
    return owner, _attribute(name, owner, last)


def _attribute(name: str, owner: Any, attribute: str) -> Any:
    try:
        return getattr(owner, attribute)
    except AttributeError:
        pass
    import difflib

    near = difflib.get_close_matches(attribute, dir(owner), 1)
    hint = f"; the nearest there is {near[0]!r}" if near else ""
    what = f"module {owner.__name__!r}" if isinstance(owner, ModuleType) else repr_of(owner)
    raise MpcheckError(
        f"watch({name!r}): {what} has no {attribute!r}{hint}; "
        "what to do: name a function as it stands in the module, after the colon"
    )


def _no_function(name: str, found: object) -> str:
    if isinstance(found, type):
        return f"watch({name!r}): that is a class; what to do: watch a method of it, such as '{name}.__init__'"
    return (
        f"watch({name!r}): that is no function but {repr_of(found)}; "
        "what to do: watch a function, or a method that is written in Python"
    )


class WatchFinder:
    """A meta path finder that begins the watches of a module once it has been imported.

    It stays before those that find the modules of a child, so that it hears of each import (`_children._modules`).
    """

    stays_first = True

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if all(watch.module != name for watch in list(_watches.values())):
            return None
        return find_and_hear(self, name, path, target, _begin_watches)


def _begin_watches(module: ModuleType) -> None:
    for watch in list(_watches.values()):
        if watch.module == module.__name__:
            watch.start(strict=False)


_watches: dict[str, _Watch] = {}
_finder = WatchFinder()


def watch_only(names: Iterable[str], *, strict: bool = False) -> None:
    """Make the calls of some functions spans in this process, from now on, and those of no other functions.

    Args:
        names: Such as ``package.module:function`` or ``package.module:Class.method``.
        strict: Whether a name to which there is no function is an error, if its module is imported.

    Raises:
        MpcheckError: There is such a name.
    """
    wanted = set(names)
    _stay_first(bool(wanted))  # a module that another thread imports meanwhile is heard of
    for name in wanted.difference(_watches):
        watch = _Watch(name)
        if _watches.setdefault(name, watch) is watch:  # else another thread has come in between
            try:
                watch.start(strict=strict)
            except MpcheckError:
                del _watches[name]
                _stay_first(bool(_watches))
                raise
    for name in set(_watches).difference(wanted):
        ended = _watches.pop(name, None)
        if ended is not None:
            ended.stop()


def is_watching() -> bool:
    """Return whether a function is watched in this process."""
    return bool(_watches)


def _stay_first(is_wanted: bool) -> None:
    if is_wanted != (_finder in sys.meta_path):
        if is_wanted:
            sys.meta_path.insert(0, _finder)
        else:
            sys.meta_path.remove(_finder)
