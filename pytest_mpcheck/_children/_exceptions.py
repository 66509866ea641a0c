"""Exceptions as bytes: with traceback, cause, context and notes, of any class that can be rebuilt at all.

An exception's own way of pickling calls its class with ``args`` again; that fails, or gives another text, where the
class has an ``__init__`` of its own. So it is tried here first, in the child, and where the copy is not the original
the object is made without that ``__init__``. Tracebacks are tblib's; its way with exceptions is not used since it
loses what builtin ones keep outside of ``args`` (`SystemExit.code`, `SyntaxError.lineno`).
"""

from __future__ import annotations

import io
import pickle
from types import TracebackType
from typing import Any

from .._excerpts import text_of, type_name
from ._pypy import ReducingPickler

__all__ = ["dump_exception"]


def dump_exception(error: BaseException) -> bytes:
    """Pickle an exception, and make sure that it can be read back.

    Args:
        error: The exception.

    Returns:
        What `pickle.loads` makes an equal exception of.

    Raises:
        Exception: It cannot be done: whatever the class of the exception raises on the way, or `TypeError`.
    """
    buffer = io.BytesIO()
    _ExceptionPickler(buffer, pickle.HIGHEST_PROTOCOL).dump(error)
    copy = pickle.loads(
        buffer.getvalue()
    )  # what cannot be read back must not reach the parent (cpython#79492, #103061)
    if not _is_like(copy, error):
        raise TypeError(f"it came back from pickling as {type_name(copy)}: {text_of(copy)}")
    return buffer.getvalue()


class _ExceptionPickler(ReducingPickler):  # type: ignore[misc]
    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, BaseException):
            return _reduce(obj)
        if isinstance(obj, TracebackType):
            return _reduce_traceback(obj)
        return NotImplemented


def _reduce_traceback(tb: TracebackType) -> tuple[Any, ...]:
    # as a flat list: tblib nests them, and a RecursionError would meet another one in being pickled
    from tblib import Traceback

    links, link = [], Traceback(tb)
    while link is not None:
        links.append((link.tb_frame, link.tb_lineno))
        link = link.tb_next
    return _make_traceback, (links,)


def _make_traceback(links: list[tuple[Any, int]]) -> Any:
    from tblib import Traceback

    first: Any = None
    for frame, line in reversed(links):
        link = object.__new__(Traceback)
        link.tb_frame, link.tb_lineno, link.tb_next = frame, line, first
        first = link
    return first.as_traceback()


def _reduce(error: BaseException) -> tuple[Any, ...]:
    reduced: Any = error.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    make, args, attributes = (*reduced, None)[:3]
    if make is type(error) and not _rebuilds(error, args, attributes):
        make, args = _make_without_init, (type(error), args)
    state = (attributes, error.__traceback__, error.__cause__, error.__context__, error.__suppress_context__)
    return make, args, state, None, None, _set_state


def _rebuilds(error: BaseException, args: tuple[Any, ...], attributes: Any) -> bool:
    """Return whether the class makes the same exception again of what it pickles as."""
    try:
        copy = type(error)(*args)
        _set_attributes(copy, attributes)
        return _is_like(copy, error)
    except Exception:  # an __init__ of anybody's
        return False


def _is_like(copy: object, error: BaseException) -> bool:
    return type(copy) is type(error) and str(copy) == str(error)


def _make_without_init(cls: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    error = cls.__new__(cls, *args)
    builtin: Any = next(base for base in cls.__mro__ if base.__module__ == "builtins")
    builtin.__init__(error, *args)  # sets what the builtin class keeps outside of args
    return error


def _set_attributes(error: BaseException, attributes: Any) -> None:
    if attributes:
        error.__setstate__(attributes)


def _set_state(error: BaseException, state: tuple[Any, TracebackType | None, Any, Any, bool]) -> None:
    attributes, error.__traceback__, error.__cause__, error.__context__, error.__suppress_context__ = state
    _set_attributes(error, attributes)
