"""What can be wrong with a queue, by looking at its items instead of trying orders.

After T. A. Henzinger, A. Sezgin and V. Vafeiadis, Aspect-Oriented Linearizability Proofs, CONCUR 2013: a history of a
queue in which every item is another one has an order exactly when none of these is found:

* *fresh*: an item was got that nobody had put by then;
* *repeat*: an item was got more often than it was put;
* *order*: one item was put before another one was, and got after it, or not at all while the other was;
* *empty*: a `get` found the queue empty while at every moment some item must have been in it.

For a queue with a bound two more show that there is no order; that they are not found does not show that there is one:

* *crowd*: more items must have been in the queue than it takes, or as many while a `put` went through;
* *room*: a `put` found the queue full while at every moment fewer items can have been in it.

An item must be in the queue between the end of its `put` and the start of its `get`, and can be in it from the start of
its `put` to the end of its `get`.

Guarantees: takes n log n steps. What it finds is a handful of calls, as few as show it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Literal, NamedTuple

from ._items import Call, Item, Items

__all__ = ["Aspect", "Violation", "crowded", "roomy", "violation"]

Aspect = Literal["fresh", "repeat", "order", "empty", "crowd", "room"]


class Violation(NamedTuple):
    """What is wrong.

    Attributes:
        aspect: Which aspect.
        calls: The calls that show it, the one that cannot be first.
    """

    aspect: Aspect
    calls: tuple[Call, ...]


def violation(items: Items) -> Violation | None:
    """Find out what is wrong with a queue, its bound aside."""
    if items.surplus:
        puts_and_gets = items.surplus
        return Violation("repeat" if len(puts_and_gets) > 1 else "fresh", puts_and_gets[::-1])
    for item in items.items:
        if item.get.end < item.put.start:
            return Violation("fresh", (item.get, item.put))
    return _order(items.items) or _empty(items)


def crowded(items: Items, bound: int) -> Violation | None:
    """Find out whether more was in a queue than it takes."""
    if items.takers:
        return None
    must = [Item(item.put, item.get, None) for item in items.items if item.put.end < item.get.start]
    for start, _ in _stretches(((one.put.end, one.get.start) for one in must), bound + 1, closed=False):
        inside = [one for one in must if one.put.end <= start < one.get.start]
        return Violation("crowd", tuple(call for one in inside for call in (one.put, one.get)))
    full = _stretches(((one.put.end, one.get.start) for one in must), bound, closed=False)
    for item in items.items:
        if _around(full, item.put):
            inside = [one for one in must if one.put.end < item.put.end and one.get.start > item.put.start]
            return Violation("crowd", (item.put, *(call for one in inside for call in (one.put, one.get))))
    return None


def roomy(items: Items, bound: int) -> Violation | None:
    """Find out whether a queue was found full when it cannot have been."""
    can = [(item.put.start, item.get.end) for item in items.items] + [(put.start, put.end) for put in items.spare]
    filled = _stretches(can, bound, closed=True)
    for call in items.full:
        if not _meets(filled, call):
            return Violation("room", (call,))
    return None


def _order(items: Sequence[Item]) -> Violation | None:
    by_end = sorted(items, key=lambda item: item.put.end)
    last: Item | None = None
    place = 0
    for item in sorted(items, key=lambda item: item.put.start):
        while by_end[place].put.end < item.put.start:
            if last is None or by_end[place].get.start > last.get.start:
                last = by_end[place]
            place += 1
        if last is not None and item.get.end < last.get.start:
            return Violation("order", (item.get, last.put, item.put, last.get))
    return None


def _empty(items: Items) -> Violation | None:
    must = [(one.put.end, one.get.start, one) for one in items.items if one.put.end < one.get.start]
    stretches = _stretches(((start, end) for start, end, _ in must), 1, closed=False)
    for call in items.empty:
        if _around(stretches, call):
            must.sort(key=itemgetter(0))
            chain = tuple(_chain(must, call))
            return Violation("empty", (call, *(one for item in chain for one in (item.put, item.get))))
    return None


def _chain(must: Sequence[tuple[int, int, Item]], call: Call) -> Iterator[Item]:
    """Yield as few items as can be of which at every moment of a call one must have been in the queue."""
    reached, best, place = call.start, must[0], 0
    while reached <= call.end:
        while place < len(must) and must[place][0] < reached:
            best = max(best, must[place], key=itemgetter(1))
            place += 1
        reached = best[1]
        yield best[2]


def _stretches(spans: Iterable[tuple[int, int]], count: int, *, closed: bool) -> list[tuple[int, int]]:
    """Return the stretches of time in which at least so many of the spans are.

    Args:
        spans: From when to when.
        count: How many, at least.
        closed: Whether a span has its first and its last moment.
    """
    begins, ends = (-1, 1) if closed else (1, -1)
    events = []
    for start, end in spans:
        events += [(start, begins, 1), (end, ends, -1)]
    events.sort()
    stretches, inside, since = [], 0, 0
    for at, _, step in events:
        if step > 0 and inside == count - 1:
            since = at
        if step < 0 and inside == count:
            stretches.append((since, at))
        inside += step
    return stretches


def _around(stretches: Sequence[tuple[int, int]], call: Call) -> bool:
    """Return whether a call lies within one of the stretches, the first and last moments of these left out."""
    place = bisect_left(stretches, (call.start, call.start)) - 1
    return place >= 0 and stretches[place][1] > call.end


def _meets(stretches: Sequence[tuple[int, int]], call: Call) -> bool:
    """Return whether a call and one of the stretches have a moment in common."""
    place = bisect_right(stretches, call.end, key=itemgetter(0)) - 1
    return place >= 0 and stretches[place][1] >= call.start
