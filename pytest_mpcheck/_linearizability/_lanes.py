"""Lanes: operations that are to be placed one after the other, so that how far each has come is one number.

Guarantees: in a lane of operations with an end, each ends before the next one starts; there are as few such lanes as
operations that went on at once. In a lane of operations without an end, all are alike.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator

from .._errors import MpcheckError
from ._operation import UNKNOWN, Operation
from ._values import frozen

__all__ = ["LAST", "NEVER", "Entry", "chains", "fields", "kinds", "lefts", "linked"]

NEVER = 1 << 200
"""Later than any time."""


class Entry:
    """An operation that is to be placed.

    Attributes:
        start: When it started.
        end: When it ended; `NEVER` when it did not.
        operation: The operation, as the model is to have it.
        reads: Whether it changes nothing, whatever the state.
        number: Which one it is, for the caller.
        next: What comes after it in its lane.
    """

    __slots__ = ("end", "next", "number", "operation", "reads", "start")

    def __init__(self, number: int, operation: Operation, reads: bool) -> None:
        self.number = number
        self.operation = operation
        self.reads = reads
        self.start = operation.start
        self.end = NEVER if operation.end is None else operation.end
        self.next = self


LAST = Entry(-1, Operation("", {}, UNKNOWN, NEVER, None), reads=False)
"""What stands at the end of each lane."""


def chains(entries: list[Entry]) -> list[list[Entry]]:
    """Divide operations, sorted by their starts, into as few lanes as there can be."""
    lanes: list[list[Entry]] = []
    free: list[tuple[int, int]] = []
    for entry in entries:
        if free and free[0][0] < entry.start:
            lane = heapq.heappop(free)[1]
        else:
            lane = len(lanes)
            lanes.append([])
        lanes[lane].append(entry)
        heapq.heappush(free, (entry.end, lane))
    return lanes


def kinds(entries: list[Entry], *, alike: bool) -> list[list[Entry]]:
    """Divide operations without an end, sorted by their starts, into lanes of which each holds what is alike.

    Args:
        entries: The operations.
        alike: Whether the model takes those of one name and with the same arguments as alike.
    """
    lanes: dict[Hashable, list[Entry]] = {}
    for entry in entries:
        lanes.setdefault(_kind(entry.operation) if alike else None, []).append(entry)
    alone = [[entry] for entry in lanes.pop(None, [])]
    return [*lanes.values(), *alone]


def _kind(operation: Operation) -> Hashable:
    """Return what is the same for all operations that are alike; ``None``: nobody can tell."""
    try:
        return operation.name, frozen(dict(operation.arguments)), frozen(operation.result), operation.raised
    except MpcheckError:  # of data that the model has no use for
        return None


def linked(lane: list[Entry]) -> Entry:
    """Let each operation of a lane know the next one; return the first."""
    for entry, following in zip(lane, [*lane[1:], LAST], strict=True):
        entry.next = following
    return lane[0]


def fields(lanes: list[list[Entry]]) -> tuple[list[int], int]:
    """Return what to add to a number for a step in each lane, and the bits between the lanes."""
    units, guards, shift = [], 0, 0
    for lane in lanes:
        width = len(lane).bit_length()
        units.append(1 << shift)
        guards |= 1 << (shift + width)
        shift += width + 1
    return units, guards


def lefts(lanes: list[list[Entry]], packed: int) -> Iterator[Entry]:
    """Yield what is left of lanes, where a number made of the steps of `fields` tells how far each has come."""
    for lane in lanes:
        width = len(lane).bit_length()
        yield from lane[packed & ((1 << width) - 1) :]
        packed >>= width + 1
