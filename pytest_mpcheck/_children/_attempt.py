"""Does what a child was asked for, and makes a fact of how it went. Light enough for any process or interpreter."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from types import TracebackType

from .._errors import NotPicklable
from .._records import Outcome, Raised, Returned

__all__ = ["attempt"]


def attempt(call: Callable[[], object]) -> tuple[Outcome, BaseException | None]:
    """Call, and tell how it went.

    Args:
        call: What to do.

    Returns:
        The outcome, and the exception when there was one.
    """
    try:
        return Returned(_dump_value(call())), None
    except BaseException as error:
        return _describe(error), error


def _dump_value(value: object) -> bytes:
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        from ._pickling import culprit

        where = culprit(value, "return value", pickle.dumps)
        raise NotPicklable(
            f"what the target returned does not pickle: {where} ({type(error).__name__}: {error}); "
            f"what to do: return plain data, or an object of a class that stands in a module"
        ) from None


def _describe(error: BaseException) -> Raised:
    """Tell an exception: as itself where it pickles, as text always."""
    from ._exceptions import dump_exception, type_name

    error.__traceback__ = _without_our_frames(error.__traceback__)
    payload, obstacle = None, ""
    try:
        payload = dump_exception(error)
    except Exception as reason:  # pickling runs code of the exception's class, which may raise anything
        obstacle = f"{type(reason).__name__}: {_text_of(reason)}"
    return Raised(
        type_name=type_name(error),
        text=_text_of(error),
        traceback="".join(traceback.format_exception(error)),
        exception=payload,
        obstacle=obstacle,
    )


def _without_our_frames(tb: TracebackType | None) -> TracebackType | None:
    here = os.path.dirname(__file__)
    while tb is not None and os.path.dirname(tb.tb_frame.f_code.co_filename) == here:
        tb = tb.tb_next
    return tb


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as reason:  # a __str__ of anybody's
        return f"<str() of it raised {type(reason).__name__}>"
