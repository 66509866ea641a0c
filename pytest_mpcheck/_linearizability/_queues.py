"""Deciding about a queue: by its aspects, and where these do not tell, by a search along one order of the items.

The general search knows only when it comes to the `get` that the `put` of two items, both long placed, should have been
the other way round; of a thousand operations it sees no end. What is done instead, each with its grounds:

* Without a bound, and with the calls matched in the only way that matters (`Items.certain`), the aspects decide.
* With a bound they show only that there is *no* order. That there is one is shown by finding it: the order of the items
  is laid down first, so that a search has only to choose when the next one is put and when the next one is got.
* Whatever is left goes to the general search.

Guarantees: those of `check`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ._aspects import Violation, crowded, violation
from ._items import NEVER, Call, Item, Items, read_items
from ._operation import Operation
from ._search import Search

__all__ = ["Insight", "look_at_queue"]


class Insight(NamedTuple):
    """What is known of a queue without a general search.

    Attributes:
        linearizable: Yes, no, or ``None``: the general search has to tell.
        violation: What is wrong.
        states: How many states were looked at.
    """

    linearizable: bool | None
    violation: Violation | None = None
    states: int = 0


def look_at_queue(
    bound: int | None, initial: tuple[object, ...], operations: Sequence[tuple[int, Operation]], limit: int
) -> Insight:
    """Decide about a queue as far as that is possible without a general search.

    Args:
        bound: How many items it takes; ``None`` for any number.
        initial: What is in it at the beginning.
        operations: The operations, as the model has them, with their numbers.
        limit: How many states to look at.
    """
    states = 0
    for by_end in (False, True):
        items = read_items(initial, operations, by_end=by_end)
        if bound is None and items.full:
            return Insight(False, Violation("room", items.full[:1]))
        wrong = violation(items) or (crowded(items, bound) if bound is not None else None)
        if wrong is not None:
            if items.certain:
                return Insight(False, wrong, states)
        elif bound is None and items.complete:
            return Insight(True, None, states)
        elif bound is not None:
            for urgency in _URGENCIES:
                found = Search(_InOrder(bound), (0, 0), _ranked(items, urgency), limit - states).run()
                states += found.states
                if found.linearizable:
                    return Insight(True, None, states)
        if items.certain:
            break
    return Insight(None, None, states)


_URGENCIES: tuple[Callable[[Item], tuple[int, int]], ...] = (
    lambda item: (item.get.end, item.put.end),
    lambda item: (item.put.end, item.get.end),
    lambda item: (item.put.start, item.get.start),
)
"""Which of two items comes first when either may; each is tried."""


class _InOrder:
    """The model of a queue whose items come in an order that is known: how many have been put, and how many got.

    The argument of each operation is the rank of its item; what found the queue empty or full has none.
    """

    ours = True
    moves_before = None

    def __init__(self, bound: int) -> None:
        self._bound = bound

    def reads(self, operation: Operation) -> bool:
        return bool(operation.raised)

    def step(self, state: tuple[int, int], operation: Operation) -> tuple[tuple[int, int], ...]:
        put, got = state
        if operation.raised:
            return (state,) if put - got == {"Empty": 0, "Full": self._bound}[operation.raised] else ()
        if operation.name == "put":
            return ((put + 1, got),) if operation.result == put and put - got < self._bound else ()
        return ((put, got + 1),) if operation.result == got < put else ()


def _ranked(items: Items, urgency: Callable[[Item], tuple[int, int]]) -> Iterator[tuple[int, Operation]]:
    for rank, item in enumerate(_sorted(items.items, urgency)):
        for name, call in (("put", item.put), ("get", item.get)):
            if call.start < NEVER:
                yield call.number, _operation(name, rank, call)
    for raised, calls in (("Empty", items.empty), ("Full", items.full)):
        for call in calls:
            yield call.number, _operation("", -1, call, raised)


def _operation(name: str, rank: int, call: Call, raised: str = "") -> Operation:
    return Operation(name, {"rank": rank}, rank, call.start, None if call.end == NEVER else call.end, None, raised)


def _sorted(items: Sequence[Item], urgency: Callable[[Item], tuple[int, int]]) -> Iterator[Item]:
    """Yield items so that one comes before another when its `put` or its `get` ended before the other's started."""
    keys = list(map(urgency, items))
    unput = [(item.put.start, place) for place, item in enumerate(items)]
    ungot: list[tuple[int, int]] = []
    ready: list[tuple[tuple[int, int], int]] = []
    first_put = [(item.put.end, place) for place, item in enumerate(items)]
    first_get = [(item.get.end, place) for place, item in enumerate(items)]
    for heap in (unput, first_put, first_get):
        heapq.heapify(heap)
    gone: set[int] = set()
    while len(gone) < len(items):
        for heap in (first_put, first_get):
            while heap[0][1] in gone:
                heapq.heappop(heap)
        while unput and unput[0][0] <= first_put[0][0]:
            place = heapq.heappop(unput)[1]
            heapq.heappush(ungot, (items[place].get.start, place))
        while ungot and ungot[0][0] <= first_get[0][0]:
            place = heapq.heappop(ungot)[1]
            heapq.heappush(ready, (keys[place], place))
        if not ready:
            return
        place = heapq.heappop(ready)[1]
        gone.add(place)
        yield items[place]
