"""A target and its arguments on their way into a child.

Guarantees: a forked child gets the very objects. For every other child the target may be any callable: functions of a
module go by name, local functions and lambdas as code that is bound to the module *of the child*, so that a child which
imported the module anew sees that module's state and not a copy of the parent's; everything else about a target is
cloudpickle's. Arguments are pickled as `multiprocessing` pickles them: queues, locks and connections go through.
"""

from __future__ import annotations

import builtins
import importlib
import io
import marshal
import pickle
import sys
from collections import ChainMap
from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any, ClassVar, NamedTuple

from .._errors import NotPicklable
from ._explainer import NAME, Explainer
from ._modules import ModuleFile, Modules, install_finder
from ._pickling import culprit
from ._pypy import import_cloudpickle

__all__ = ["Call", "PackedCall", "pack"]


_kept: list[object] = []
"""What was unpacked in this process: a queue must live on after the target, its thread may still be sending."""


class Call:
    """A target with its arguments.

    Args:
        target: Any callable.
        args: Its positional arguments.
        modules: Those that the child must be able to import whatever the import mode.
    """

    def __init__(self, target: Callable[..., object], args: tuple[object, ...], modules: Modules) -> None:
        self._target = target
        self._args = args
        self._modules = modules

    def __call__(self) -> object:
        return self._target(*self._args)

    def __reduce__(self) -> tuple[type[PackedCall], PackedCall]:
        return PackedCall, pack(self._target, self._args, self._modules)


class PackedCall(NamedTuple):
    """A `Call` as bytes; unpacked when it is called, so that whatever fails then fails inside the child.

    Attributes:
        modules: Where to find the modules that a plain import would not, or not as they should be.
        target: The target, pickled.
        args: The arguments, pickled.
    """

    modules: tuple[ModuleFile, ...]
    target: bytes
    args: bytes

    def __call__(self) -> object:
        install_finder(self.modules)
        if b"cloudpickle" in self.target:
            import_cloudpickle()
        target, args = pickle.loads(self.target), pickle.loads(self.args)
        _kept.append((target, args))
        return target(*args)


def pack(target: Callable[..., object], args: tuple[object, ...], modules: Modules) -> PackedCall:
    """Pickle a call, inside `multiprocessing.Process.start` when arguments may be locks and queues.

    Args:
        target: Any callable.
        args: Its positional arguments.
        modules: Those that go along in any case.

    Returns:
        The call as bytes.

    Raises:
        NotPicklable: Names the part that does not pickle by its path.
    """
    from multiprocessing.reduction import ForkingPickler

    names: set[str] = set()

    class ArgumentPickler(ForkingPickler):
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, (type, FunctionType)):
                names.add(obj.__module__)
            return NotImplemented

    def dump_arguments(value: object) -> bytes:
        buffer = io.BytesIO()
        ArgumentPickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
        return buffer.getvalue()

    def dump_target(value: object) -> bytes:
        buffer = io.BytesIO()
        _target_pickler()(buffer, names).dump(value)
        return buffer.getvalue()

    packed_target = _dump(
        dump_target, target, "target", "give a function of a module, or one that closes over plain data only"
    )
    packed_args = _dump(
        dump_arguments,
        args,
        "args",
        "pass plain data, or objects of classes that stand in a module; make the rest inside the child",
    )
    return PackedCall(modules.locate(names), packed_target, packed_args)


def _dump(attempt: Callable[[object], bytes], value: object, path: str, remedy: str) -> bytes:
    try:
        return attempt(value)
    except Exception as error:
        raise NotPicklable(
            f"{culprit(value, path, attempt)} does not pickle, and a child that is not forked gets only what does "
            f"({type(error).__name__}: {error}); what to do: {remedy}"
        ) from None


def _target_pickler() -> Callable[[io.BytesIO, set[str]], Any]:
    """Make the pickler for targets; cloudpickle is imported only where a child needs it."""
    from multiprocessing.reduction import ForkingPickler

    base: Any = import_cloudpickle().CloudPickler
    of_multiprocessing = ForkingPickler(io.BytesIO()).dispatch_table  # queues, locks, connections

    class TargetPickler(base):  # type: ignore[misc]
        dispatch_table: ClassVar[Any] = ChainMap(of_multiprocessing, base.dispatch_table)

        def __init__(self, buffer: io.BytesIO, names: set[str]) -> None:
            super().__init__(buffer)
            self.names = names

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, (type, FunctionType)) and obj.__module__ is not None:
                self.names.add(obj.__module__)
            if isinstance(obj, FunctionType) and not _has_name(obj) and _is_of_its_module(obj):
                return _reduce_function(obj)
            if isinstance(obj, CellType):
                return _reduce_cell(obj)
            inherited = getattr(super(), "reducer_override", None)  # cloudpickle has none on PyPy
            return NotImplemented if inherited is None else inherited(obj)

    return TargetPickler


def _has_name(function: FunctionType) -> bool:
    """Return whether a function is found under its name in its module."""
    found: object = sys.modules.get(function.__module__)
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is function


def _is_of_its_module(function: FunctionType) -> bool:
    """Return whether a function's globals are those of a module that can be imported."""
    return getattr(sys.modules.get(function.__module__), "__dict__", None) is function.__globals__


def _reduce_function(function: FunctionType) -> tuple[object, ...]:
    state = (function.__defaults__, function.__kwdefaults__, function.__dict__, function.__qualname__)
    args = (function.__module__, marshal.dumps(function.__code__), function.__name__, function.__closure__)
    return _make_function, args, state, None, None, _set_function_state


def _make_function(module: str, code: bytes, name: str, closure: tuple[CellType, ...] | None) -> FunctionType:
    namespace = vars(sys.modules.get(module) or importlib.import_module(module))
    # code that pytest rewrote refers to these two when an assertion fails; a plain import has not put them there
    namespace.setdefault("@py_builtins", builtins)
    namespace.setdefault(NAME, Explainer())
    return FunctionType(marshal.loads(code), namespace, name, None, closure)


def _set_function_state(function: FunctionType, state: tuple[Any, Any, dict[str, Any], str]) -> None:
    function.__defaults__, function.__kwdefaults__, attributes, function.__qualname__ = state
    function.__dict__.update(attributes)


def _reduce_cell(cell: CellType) -> tuple[object, ...]:
    # the content goes as state, after the cell itself is known: a local function may close over itself
    try:
        return CellType, (), (cell.cell_contents,), None, None, _set_cell
    except ValueError:  # not filled yet
        return CellType, ()


def _set_cell(cell: CellType, state: tuple[object]) -> None:
    cell.cell_contents = state[0]
