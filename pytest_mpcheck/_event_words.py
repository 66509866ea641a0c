"""Events become text here, a line for each: for the message about a child, and for what was seen of a process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ._excerpts import repr_of, shortened, text_of

if TYPE_CHECKING:  # it stands above this module
    from ._history._chronicle import Event

__all__ = ["data_words", "event_lines"]

MOST_DATA = 8
"""How many of the data of an event are told."""

_LENGTH = 80
"""How much is told of a name, and of each of the data, in characters."""

_VERBS = {"point": "", "begin": " begins", "end": " ends"}


def event_lines(events: Iterable[Event], until: int) -> list[str]:
    """Tell events: how long before a moment, the name, the data.

    Args:
        events: The events.
        until: The moment, in nanoseconds of their clock.
    """
    times = [f"{(event.at - until) / 1e9:+.6f} s" for event in events]
    width = max(map(len, times), default=0)
    return [
        f"{time:>{width}}  {shortened(event.name, _LENGTH)}{_VERBS[event.kind]}{data_words(event.data)}"
        for time, event in zip(times, events, strict=True)
    ]


def data_words(data: Mapping[str, object]) -> str:
    """Tell the data of an event, such as ``  item=3``; nothing when there are none."""
    pairs = [f"{shortened(text_of(key), _LENGTH)}={repr_of(value, _LENGTH)}" for key, value in data.items()]
    left = len(pairs) - MOST_DATA
    return "".join(f"  {pair}" for pair in pairs[:MOST_DATA]) + (f"  ... ({left} more)" if left > 0 else "")
