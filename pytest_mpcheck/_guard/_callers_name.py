"""A call that looks, to warnings, as if the caller's caller had made it.

Python warns of a fork while there are threads, in the name of the line that forks. Users allow or refuse such a warning
by module; with a function of ours in between it would be ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FrameType, FunctionType
from typing import Any

__all__ = ["in_callers_name", "is_disguised"]


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return function(*args, **kwargs)


def is_disguised(frame: FrameType) -> bool:
    """Return whether a frame is that of such a call, which says of itself that it is its caller's."""
    return frame.f_code.co_code == _call.__code__.co_code


def in_callers_name(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call a function in the name of the one that has called the caller of this.

    Args:
        function: The function.
        args: Its positional arguments.
        kwargs: Its keyword arguments.

    Returns:
        What it returns.
    """
    __tracebackhide__ = True
    frame = sys._getframe(2)
    code = _call.__code__.replace(
        co_name=frame.f_code.co_name,
        co_filename=frame.f_code.co_filename,
        co_firstlineno=frame.f_lineno - 1,  # the call stands a line below
    )
    return FunctionType(code, frame.f_globals)(function, args, kwargs)
