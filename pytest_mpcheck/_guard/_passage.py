"""The way that a call has come: the line of the user's code, and the libraries in between."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import FrameType
from typing import NamedTuple

from .._autopsy._origin import is_installed, line_of
from .._copies import COPIES

__all__ = ["Passage", "passage", "place"]

_LIBRARIES = frozenset(
    (
        __name__.partition(".")[0],
        *("asyncio", "concurrent", "socket", "subprocess", "threading"),
        *(*COPIES, "joblib", "loky", "torch"),
    )
)
"""Packages in which nobody looks for the line that started something."""


class Passage(NamedTuple):
    """How something came to be made.

    Attributes:
        where: The line of the user's code, such as ``test_prices.py:12 in test_it``.
        through: The modules of libraries in between, the innermost first.
        makers: The identities of the objects whose methods were called there.
    """

    where: str
    through: tuple[str, ...]
    makers: frozenset[int]


def passage(depth: int) -> Passage:
    """Return how the calling thread has come here.

    Args:
        depth: How many callers, of our own, are not to be looked at.
    """
    first = frame = sys._getframe(depth + 1)
    passed: list[FrameType] = []
    while _is_library(frame) and frame.f_back is not None:
        passed.append(frame)
        frame = frame.f_back
    if _is_library(frame):  # a thread of a library, or a test of one
        frame = first
    elif is_installed(frame.f_code.co_filename):
        beyond = list(_beyond_packages(frame))
        if beyond[-1].f_back is not None:
            passed += beyond
            frame = beyond[-1].f_back
    through: dict[str, None] = {}
    makers: set[int] = set()
    for one in passed:
        through[str(one.f_globals.get("__name__", ""))] = None
        code = one.f_code
        if code.co_argcount and code.co_varnames[0] == "self":
            makers.add(id(one.f_locals.get("self")))
    return Passage(line_of(frame), tuple(through), frozenset(makers))


def place(depth: int) -> str:
    """Return the line of the user's code that the call comes from; empty where a thread of a library has none.

    Args:
        depth: How many callers, of our own, are not to be looked at.
    """
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None and _is_library(frame):
        frame = frame.f_back
    return "" if frame is None else passage(depth + 1).where


def _beyond_packages(frame: FrameType) -> Iterator[FrameType]:
    """Yield a frame of an installed package, and its callers up to the last before the user's code, or to the last."""
    while True:
        yield frame
        if frame.f_back is None or _is_users(frame.f_back):
            return
        frame = frame.f_back


def _is_users(frame: FrameType) -> bool:
    path = frame.f_code.co_filename
    return not (is_installed(path) or path.startswith(_STANDARD))


_STANDARD = os.path.join(os.path.dirname(os.__file__), ""), "<frozen "


def _is_library(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] in _LIBRARIES and ".test" not in name
