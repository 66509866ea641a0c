"""Does what a child was asked for, and makes a fact of how it went. Light enough for any process or interpreter.

Guarantees: whatever the target returns or raises, there is an outcome, and it has a bounded text. Every method of an
exception is its author's: any of them may raise, whatever it likes.
"""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from types import TracebackType

from .._errors import MpcheckError, NotPicklable
from .._excerpts import RAISED, reason_of, shortened, text_of, type_name
from .._records import Outcome, Raised, Returned

__all__ = ["attempt", "describe", "without_payload"]

_TRACEBACK_LIMIT = 100_000
"""How much of a traceback is told as text, in characters."""

_TRACEBACK_OF: Callable[[BaseException], TracebackType | None] = vars(BaseException)["__traceback__"].__get__
"""Reads the attribute past the class of the exception, which may have its own ways with attributes."""


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
        raised = error
    # not while it is being handled: PyPy then puts the frames back that are taken off
    return describe(raised), raised


def without_payload(outcome: Outcome, obstacle: BaseException) -> tuple[Outcome, BaseException]:
    """Tell an outcome that could not be left where the test finds it, in so few bytes that there may be room for it.

    Args:
        outcome: The outcome.
        obstacle: Why it could not be left.

    Returns:
        An outcome in its place, and the exception to end the child with.
    """
    if isinstance(outcome, Raised):
        what = f"what the target raised ({outcome.type_name}: {shortened(outcome.text, 200)})"
    else:
        assert isinstance(outcome, Returned)
        what = f"what the target returned ({len(outcome.value):,} bytes)"
    error = MpcheckError(
        f"{what} could not be handed over: {reason_of(obstacle)}; what to do: let the target give back what it took "
        "(limits of files and memory, space on the disk, rights), or return less"
    )
    error.__cause__ = obstacle
    return describe(error), error


def _dump_value(value: object) -> bytes:
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except RAISED as error:
        from ._pickling import culprit

        where = culprit(value, "return value", pickle.dumps)
        raise NotPicklable(
            f"what the target returned does not pickle: {where} ({reason_of(error)}); "
            f"what to do: return plain data, or an object of a class that stands in a module"
        ) from None


def describe(error: BaseException, *, as_itself: bool = True) -> Raised:
    """Tell an exception: as itself where it pickles, as text always.

    Args:
        error: The exception; our own frames are taken off its traceback.
        as_itself: Whether to pickle it.
    """
    name = type_name(error)
    try:
        error.__traceback__ = _without_our_frames(error.__traceback__)
        payload, obstacle = _dump(error) if as_itself else (None, "")
        text = text_of(error)
        lines = "".join(traceback.format_exception(error))
    except BaseException as reason:  # pickling and formatting run code of anybody's, and import modules
        return Raised(name, "", _frames_of(error), None, f"telling of it raised {reason_of(reason)}")
    return Raised(name, text, shortened(lines, _TRACEBACK_LIMIT), payload, obstacle)


def _dump(error: BaseException) -> tuple[bytes | None, str]:
    from ._exceptions import dump_exception

    try:
        return dump_exception(error), ""
    except BaseException as reason:
        return None, reason_of(reason)


def _frames_of(error: BaseException) -> str:
    """Tell where an exception was raised that cannot tell it itself; without a file or a module that must be opened."""
    frames = traceback.walk_tb(_without_our_frames(_TRACEBACK_OF(error)))
    lines = [f'  File "{frame.f_code.co_filename}", line {n}, in {frame.f_code.co_name}\n' for frame, n in frames]
    return shortened("".join(lines), _TRACEBACK_LIMIT)


def _without_our_frames(tb: TracebackType | None) -> TracebackType | None:
    here = os.path.dirname(__file__)
    while tb is not None and os.path.dirname(tb.tb_frame.f_code.co_filename) == here:
        tb = tb.tb_next
    return tb
