"""What was recorded with an event, as JSON can hold it.

Guarantees: whatever it is, there is something for it, and not much: what JSON does not know, what lies too deep and
what is too long is told by its `repr`, shortened.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from math import isfinite

from .._excerpts import repr_of, shortened, text_of

__all__ = ["arguments"]

MOST_ITEMS = 100
"""How many items of a collection are told."""

MOST_LEVELS = 5
"""How deep in one another collections are told item by item."""

MOST_CHARACTERS = 1_000
"""How much of a text is told."""

_EXACT = 2**53
"""Up to where whole numbers are what they are in JavaScript, which viewers are written in."""


def arguments(data: Mapping[str, object]) -> dict[str, object]:
    """Return data of an event as the format's arguments."""
    return {shortened(text_of(key), MOST_CHARACTERS): _plain(value, MOST_LEVELS) for key, value in data.items()}


def _plain(value: object, levels: int) -> object:
    if levels:
        if isinstance(value, dict) and type(value) is dict:
            pairs = islice(value.items(), MOST_ITEMS)
            return {shortened(text_of(key), MOST_CHARACTERS): _plain(one, levels - 1) for key, one in pairs}
        if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
            return [_plain(one, levels - 1) for one in islice(value, MOST_ITEMS)]
    if isinstance(value, str) and type(value) is str:
        return shortened(value, MOST_CHARACTERS)
    return value if _is_exact(value) else repr_of(value, MOST_CHARACTERS)


def _is_exact(value: object) -> bool:
    """Return whether a value is one that JSON has, and viewers show as it is."""
    if isinstance(value, int):
        return type(value) in (int, bool) and -_EXACT < value < _EXACT
    if isinstance(value, float):
        return type(value) is float and isfinite(value)
    return value is None
