"""Why a history is not linearizable, in words.

Guarantees: pure; one sentence or two, of bounded length, with the values.
"""

from __future__ import annotations

from collections.abc import Sequence

from .._excerpts import repr_of
from ._aspects import Aspect
from ._operation import Operation, described

__all__ = ["grounds_of_few", "grounds_of_violation"]


def grounds_of_few(operations: Sequence[Operation], after: str, *, minimal: bool) -> str:
    """Tell why operations have no order.

    Args:
        operations: The operations, the one that ends last first.
        after: What the operations before them leave, in every order; empty when they have no part in it.
        minimal: Whether each of them is needed.
    """
    last, *others = operations
    told = described(last)
    if not others and after:
        return f"{told}: yet in every order of what went before, {after} is the state then"
    if not others:
        return f"{told}: no order has that, whatever else was done and when"
    several = "the other operation" if len(others) == 1 else f"the other {len(others)} operations"
    told = f"{told}: this fits into no order of {several} shown"
    if after:
        told = f"{told}, from the state {after} on, to which every order of what went before leads"
    return told if minimal else f"{told}; some of them may not matter"


def grounds_of_violation(aspect: Aspect, operations: Sequence[Operation | None], bound: int | None) -> str:
    """Tell what is wrong with a queue.

    Args:
        aspect: What is wrong.
        operations: What shows it, as `Violation.calls` has it; ``None`` for what was in the queue at the beginning.
        bound: How many items it takes.
    """
    known = [one for one in operations if one is not None]
    told = described(known[0]) if known else ""
    if aspect == "fresh":
        return f"{told} had ended before {described(known[1])} started" if known[1:] else f"{told}: nobody had put that"
    if aspect == "repeat":
        gets = [one for one in known if one.name == "get"]
        puts = len(operations) - len(gets)
        return f"{repr_of(gets[0].result, 60)} was got {len(gets)} times and put {_times(puts)}"
    if aspect == "order":
        return _grounds_of_order(operations)
    if aspect == "empty":
        items = ", then ".join(repr_of(one.arguments["item"], 60) for one in known if one.name == "put")
        return f"{told}: yet all the while it held {items or 'what was in it at the beginning'}"
    if aspect == "crowd":
        puts = sum(one is None or one.name == "put" for one in operations)
        return f"it takes {bound}, and yet at one moment it must have held more, for {_times(puts)} something was put"
    full = "it has no bound" if bound is None else f"at no moment of it can it have held {bound}"
    return f"{told}: yet {full}"


def _grounds_of_order(operations: Sequence[Operation | None]) -> str:
    get, first, second, *late = (described(one) if one is not None else "" for one in operations)
    earlier = f"{first} had ended before {second} started" if first else "one item was there from the beginning"
    if not second:
        earlier = "two items were there from the beginning"
    return f"{earlier}, and yet {get} " + (f"had ended before {late[0]} started" if late else "got the later one first")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
