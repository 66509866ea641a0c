"""Spans of one thread, laid out so that those of one lane never overlap unless one lies within the other.

The format asks for that: slices of a thread are calls within calls. Spans need not be such: of two generators or tasks
the first may end before the second does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["Slice", "in_lanes"]


class Slice(NamedTuple):
    """What lies between two moments.

    Attributes:
        begin: The first one, in nanoseconds.
        end: The last one; not before the first.
        order: Which one came first of two that have the same moments: the outer one.
        name: What it is called.
        category: What it is.
        arguments: What else is known of it.
    """

    begin: int
    end: int
    order: int
    name: str
    category: str
    arguments: dict[str, object]


def in_lanes(slices: Iterable[Slice]) -> Iterator[tuple[int, Slice]]:
    """Lay slices of a thread out.

    Args:
        slices: The slices.

    Yields:
        The number of its lane, for each slice: the lowest in which it overlaps none but those that it lies within.
    """
    lanes: list[list[int]] = []  # for each: when those end that are open, the outermost first
    for one in sorted(slices, key=lambda one: (one.begin, -one.end, one.order)):
        for number, ends in enumerate(lanes):
            while ends and ends[-1] <= one.begin:
                ends.pop()
            if not ends or one.end <= ends[-1]:
                ends.append(one.end)
                yield number, one
                break
        else:
            yield len(lanes), one
            lanes.append([one.end])
