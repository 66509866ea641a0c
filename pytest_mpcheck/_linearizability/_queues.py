"""Deciding about a queue: by its aspects, and where these do not tell, by a search that knows which item is which.

The general search knows only when it comes to the `get` that the `put` of two items, both long placed, should have been
the other way round; of a thousand operations it sees no end. What is done instead, each with its grounds:

* Without a bound, and with every `get` matched with its `put`, the aspects decide.
* With a bound they show only that there is *no* order. Else there is a search that places the `put` of an item no
  sooner than those of all items of which the `get` had ended before that of this one started: first in, first out.
* Where it is a matter of choice which `get` got some of the items, "no" is what is wrong with the rest of them, and
  "yes" what is found for one of two choices. Else the general search has to tell.

Guarantees: those of `check`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ._aspects import Violation, crowded, roomy, violation
from ._items import Call, Items, read_items
from ._lanes import NEVER
from ._operation import UNKNOWN, Operation
from ._rules import State
from ._search import Found, Search

__all__ = ["Insight", "look_at_queue"]


class Insight(NamedTuple):
    """What is known of a queue without the general search.

    Attributes:
        linearizable: Yes or no; ``None``: not known, or given up.
        violation: What is wrong, where the aspects tell.
        states: How many states were looked at.
        found: What a search has found, where they do not; ``None``: the general search has to tell.
    """

    linearizable: bool | None
    violation: Violation | None = None
    states: int = 0
    found: Found | None = None


def look_at_queue(
    bound: int | None, initial: tuple[State, ...], operations: Sequence[tuple[int, Operation]], limit: int
) -> Insight:
    """Decide about a queue as far as that is possible without the general search.

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
        if wrong := _wrong(items, bound):
            return Insight(False, wrong, states)
        found = None
        linearizable: bool | None = items.certain or violation(items) is None
        if linearizable and not (bound is None and items.complete):
            known = _KnownItems(items, bound)
            found = Search(known, known.initial, _calls(items), limit - states).run()
            states += found.states
            linearizable = found.linearizable
        if linearizable or items.certain:
            return Insight(linearizable, None, states, found)
    return Insight(None, None, states)


def _wrong(items: Items, bound: int | None) -> Violation | None:
    """Find out what is wrong, whichever `get` got which item where that is a matter of choice."""
    sure = items if items.certain else items._replace(items=items.sure)
    if bound is None:
        return violation(sure)
    return violation(sure) or crowded(sure, bound) or (roomy(items, bound) if items.certain else None)


class _KnownItems:
    """The model of a queue of which is known which `get` got which item.

    A state is how many of the items, by the ends of their calls of `get`, have been put without a gap; which ones have
    been put after the gap; and what is in the queue. The result of an operation is the place of its item.
    """

    ours = True
    moves_before = None

    def __init__(self, items: Items, bound: int | None) -> None:
        self._bound = NEVER if bound is None else bound
        got = [place for place, item in enumerate(items.items) if item.get.end < NEVER]
        got.sort(key=lambda place: items.items[place].get.end)
        self._ends = [*(items.items[place].get.end for place in got), NEVER]
        self._ranks = {place: rank for rank, place in enumerate(got)}
        # One without a `get` of its own may have been got by a call that has no end; otherwise it stayed to the last.
        others = -NEVER if items.takers else NEVER
        self._starts = [
            item.get.start if place in self._ranks else others for place, item in enumerate(items.items)
        ] + [others] * len(items.spare)
        before = [place for place, item in enumerate(items.items) if item.put.number < 0]
        before.sort(key=lambda place: items.items[place].put.start)
        self.initial: State = (0, frozenset(), ())
        for place in before:
            (self.initial,) = self._put(self.initial, place)

    def reads(self, operation: Operation) -> bool:
        return bool(operation.raised)

    def step(self, state: Any, operation: Operation) -> Sequence[State]:
        inside = state[2]
        if operation.raised:
            return (state,) if len(inside) == (0 if operation.raised == "Empty" else self._bound) else ()
        if operation.name == "put":
            return self._put(state, operation.arguments["place"])
        if not inside or (inside[0] in self._ranks if operation.result is UNKNOWN else inside[0] != operation.result):
            return ()
        return ((*state[:2], inside[1:]),)

    def _put(self, state: Any, place: Any) -> Sequence[State]:
        gapless, others, inside = state
        if len(inside) >= self._bound or self._starts[place] > self._ends[gapless]:
            return ()
        rank = self._ranks.get(place)
        if rank == gapless:
            gapless += 1
            while gapless in others:
                others -= {gapless}
                gapless += 1
        elif rank is not None:
            others |= {rank}
        return ((gapless, others, (*inside, place)),)


def _calls(items: Items) -> Iterator[tuple[int, Operation]]:
    for place, item in enumerate(items.items):
        if item.put.number >= 0:
            yield _call("put", place, item.put)
        if item.get.end < NEVER:
            yield _call("get", place, item.get)
    for place, put in enumerate(items.spare, len(items.items)):
        yield _call("put", place, put)
    for taker in items.takers:
        yield _call("get", UNKNOWN, taker)
    for raised, calls in (("Empty", items.empty), ("Full", items.full)):
        for call in calls:
            yield _call("", UNKNOWN, call, raised)


def _call(name: str, place: object, call: Call, raised: str = "") -> tuple[int, Operation]:
    end = None if call.end == NEVER else call.end
    return call.number, Operation(name, {"place": place}, place, call.start, end, None, raised)
