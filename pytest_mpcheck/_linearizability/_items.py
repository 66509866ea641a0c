"""`Items`: what went through a queue, each item from its `put` to its `get`.

Guarantees: where an item was put several times, which `get` got which of them is a choice. It is told as such unless it
makes no difference: of two calls that did the same, the one that both started and ended earlier may be taken to have
come first, for if it had come second the two could be swapped. An operation without an end:

* a `put` whose item was got must have taken effect; one whose item was not is left out, which is never worse, but
  that it could have filled a bounded queue;
* a `get` may have got one of those that nobody else got. As many as there are such calls, those whose `put` ended
  first, the earliest by the call that started first: every other choice leaves items in the queue for longer.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import chain, pairwise, repeat
from operator import itemgetter
from typing import Any, NamedTuple

from ._lanes import NEVER
from ._operation import UNKNOWN, Operation

__all__ = ["Call", "Item", "Items", "read_items"]


class Call(NamedTuple):
    """A call of `put` or `get`.

    Attributes:
        start: When it started.
        end: When it ended; `NEVER` when it did not.
        number: Which operation it is; -1 for what was in the queue at the beginning, and for a `get` that never came.
    """

    start: int
    end: int
    number: int


_NO_GET = Call(NEVER, NEVER, -1)


class Item(NamedTuple):
    """An item in the queue.

    Attributes:
        put: When it was put.
        get: When it was got; a call at `NEVER` when it was not.
        value: What it is.
    """

    put: Call
    get: Call
    value: Hashable


class Items(NamedTuple):
    """What went through a queue.

    Attributes:
        items: The items.
        surplus: What was got more often than it was put: its calls of `put` and of `get`.
        empty: The calls that found the queue empty.
        full: The calls that found it full.
        spare: Calls of `put` without an end that nobody needs.
        takers: Calls of `get` of which nobody knows what they got; those that have an end come with it.
        certain: Whether which `get` got which item is no matter of choice, or the choice makes no difference.
        complete: Whether the result of every call of `get` that has an end is known.
    """

    items: tuple[Item, ...]
    surplus: tuple[Call, ...]
    empty: tuple[Call, ...]
    full: tuple[Call, ...]
    spare: tuple[Call, ...]
    takers: tuple[Call, ...]
    certain: bool
    complete: bool


def read_items(
    initial: Sequence[Hashable], operations: Iterable[tuple[int, Operation]], *, by_end: bool = False
) -> Items:
    """Match every `get` of a queue with a `put`.

    Args:
        initial: What is in the queue at the beginning.
        operations: The operations, as the model has them, with their numbers.
        by_end: Whether of calls that did the same the one that ended first comes first, not that which started first.
    """
    puts, gets, takers, raised, complete = _sorted_out(initial, operations)
    first = itemgetter(1, 0) if by_end else itemgetter(0, 1)
    items: list[Item] = []
    left: list[Item] = []
    certain = True
    for value in {**puts, **gets}:
        mine, theirs = sorted(puts.get(value, ()), key=first), sorted(gets.get(value, ()), key=first)
        if len(theirs) > len(mine):
            return Items((), (*mine, *theirs) if mine else (theirs[0],), (), (), (), (), True, complete)
        certain = certain and _in_step(mine) and _in_step(theirs)
        certain = certain and not (takers and len(mine) > len(theirs) and len(mine) > 1)
        items += [Item(put, get, value) for put, get in zip(mine, theirs, strict=False)]
        left += [Item(put, _NO_GET, value) for put in mine[len(theirs) :]]
    spare = tuple(item.put for item in left if item.put.end == NEVER)
    left = sorted((item for item in left if item.put.end < NEVER), key=lambda item: item.put.end)
    for item, taker in zip(left, chain(sorted(takers), repeat(_NO_GET)), strict=False):
        items.append(item._replace(get=Call(taker.start, NEVER, taker.number)))
    return Items(tuple(items), (), raised["Empty"], raised["Full"], spare, tuple(takers), certain, complete)


def _sorted_out(initial: Sequence[Hashable], operations: Iterable[tuple[int, Operation]]) -> Any:
    puts: dict[Hashable, list[Call]] = {}
    gets: dict[Hashable, list[Call]] = {}
    takers: list[Call] = []
    raised: dict[str, tuple[Call, ...]] = {"Empty": (), "Full": ()}
    complete = True
    for place, value in enumerate(initial):
        before_all = place - NEVER
        puts.setdefault(value, []).append(Call(before_all, before_all, -1))
    for number, operation in operations:
        call = Call(operation.start, NEVER if operation.end is None else operation.end, number)
        if operation.raised:
            raised[operation.raised] += (call,)
        elif operation.name == "put":
            puts.setdefault(operation.arguments["item"], []).append(call)
        elif operation.result is UNKNOWN:
            complete = complete and operation.end is None
            takers.append(call)
        else:
            gets.setdefault(operation.result, []).append(call)
    return puts, gets, takers, raised, complete


def _in_step(calls: Sequence[Call]) -> bool:
    """Return whether none of the calls began before another and ended after it."""
    return all(a.start <= b.start and a.end <= b.end for a, b in pairwise(calls))
