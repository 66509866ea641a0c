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
from itertools import accumulate, chain, repeat
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
        sure: Those of the items of which it is no matter of choice which `get` got them, or makes no difference.
        complete: Whether the result of every call of `get` that has an end is known.
    """

    items: tuple[Item, ...]
    surplus: tuple[Call, ...]
    empty: tuple[Call, ...]
    full: tuple[Call, ...]
    spare: tuple[Call, ...]
    takers: tuple[Call, ...]
    sure: tuple[Item, ...]
    complete: bool

    @property
    def certain(self) -> bool:
        """Whether that goes for all items."""
        return len(self.sure) == len(self.items)


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
    sure: list[Item] = []
    left: list[Item] = []
    certain = True
    for value in {**puts, **gets}:
        mine, theirs = sorted(puts.get(value, ()), key=first), sorted(gets.get(value, ()), key=first)
        if len(theirs) > len(mine):
            return Items((), (*mine, *theirs) if mine else (theirs[0],), (), (), (), (), (), complete)
        group = [Item(put, get, value) for put, get in zip(mine, chain(theirs, repeat(_NO_GET)), strict=False)]
        items += group[: len(theirs)]
        left += group[len(theirs) :]
        if len(mine) > 1:
            taken = bool(takers) and len(mine) > len(theirs)
            plain = zip(group, _plain(mine), chain(_plain(theirs), repeat(True)), strict=False)
            group = [item for item, put_is, get_is in plain if put_is and get_is and not taken]
            certain = certain and len(group) == len(mine)
        sure += group
    spare = tuple(item.put for item in left if item.put.end == NEVER)
    left = sorted((item for item in left if item.put.end < NEVER), key=lambda item: item.put.end)
    for item, taker in zip(left, chain(sorted(takers), repeat(_NO_GET)), strict=False):
        items.append(item._replace(get=Call(taker.start, NEVER, taker.number)))
    if certain:
        sure = items
    elif takers:
        sure = [item for item in sure if item.get.start < NEVER]
    return Items(
        tuple(items), (), tuple(raised["Empty"]), tuple(raised["Full"]), spare, tuple(takers), tuple(sure), complete
    )


def _sorted_out(initial: Sequence[Hashable], operations: Iterable[tuple[int, Operation]]) -> Any:
    puts: dict[Hashable, list[Call]] = {}
    gets: dict[Hashable, list[Call]] = {}
    takers: list[Call] = []
    raised: dict[str, list[Call]] = {"Empty": [], "Full": []}
    complete = True
    for place, value in enumerate(initial):
        before_all = place - NEVER
        puts.setdefault(value, []).append(Call(before_all, before_all, -1))
    for number, operation in operations:
        call = Call(operation.start, NEVER if operation.end is None else operation.end, number)
        if operation.raised:
            raised[operation.raised].append(call)
        elif operation.name == "put":
            puts.setdefault(operation.arguments["item"], []).append(call)
        elif operation.result is UNKNOWN:
            complete = complete and operation.end is None
            takers.append(call)
        else:
            gets.setdefault(operation.result, []).append(call)
    return puts, gets, takers, raised, complete


def _plain(calls: Sequence[Call]) -> list[bool]:
    """Return of each call whether it neither began before another one and ended after it, nor the other way round.

    Args:
        calls: Calls that did the same, by their starts or by their ends.
    """
    plain = [True] * len(calls)
    for times in ([call.start for call in calls], [call.end for call in calls]):
        latest_before = accumulate(times, max)
        soonest_after = list(accumulate(reversed(times), min))[::-1]
        for place, (time, latest, soonest) in enumerate(zip(times, latest_before, soonest_after, strict=True)):
            plain[place] = plain[place] and latest == time == soonest
    return plain
