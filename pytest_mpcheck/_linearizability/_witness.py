"""Why a history is not linearizable: a few of its operations that show it.

Guarantees: the witness that `few` returns has no order by itself, and neither has it one when any of the other
operations, with what it gave back, takes effect at whatever time from its start on, or never. Where it is told to be
minimal, this holds of no part of it. It is found by asking the search again and again, within a budget; past it the
witness is larger than need be, up to all that came before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ._operation import Operation
from ._rules import Rules, State
from ._search import Found, Search

__all__ = ["Few", "few"]

_BUDGET = 200_000
"""How many states, or operations made ready, may be looked at in order to make a witness small."""


class Few(NamedTuple):
    """The witness.

    Attributes:
        numbers: Which operations, the one that has no place first.
        minimal: Whether each of them is needed.
    """

    numbers: tuple[int, ...]
    minimal: bool


def few(rules: Rules, initial: State, operations: Sequence[tuple[int, Operation]], found: Found) -> Few:
    """Find a few operations that show why there is no order.

    Args:
        rules: What the model says.
        initial: The state at the beginning.
        operations: The operations, as the model has them, with their numbers.
        found: What the search has found: that there is no order.
    """
    return _Sieve(rules, initial, operations, found).run()


class _Sieve:
    def __init__(self, rules: Rules, initial: State, operations: Sequence[tuple[int, Operation]], found: Found) -> None:
        self._rules, self._initial = rules, initial
        self._operations = {number: one for number, one in operations if one.start <= found.until}
        self._budget = _BUDGET
        ended = [(one.end, number) for number, one in self._operations.items() if one.end is not None]
        self._before = [number for end, number in sorted(ended, reverse=True) if end <= found.until]

    def run(self) -> Few:
        """Add what the order that is found for less does not keep to, the latest first; then leave out what it can."""
        kept = self._before[:1]
        more = 1
        while (order := self._order_with(kept)) is not None:
            if not order:
                return Few(tuple(self._before), minimal=len(self._before) == 1)
            displaced, missing = self._broken(order, kept)
            kept += displaced or missing[:more]
            more *= 1 if displaced else 2
        chosen = set(kept)
        return self._sifted([number for number in self._before if number in chosen])

    def _sifted(self, kept: list[int]) -> Few:
        size = (len(kept) + 1) // 2
        while len(kept) > 1:
            for at in range(len(kept) - size, -size, -size):
                fewer = kept[: max(at, 0)] + kept[at + size :]
                order = self._order_with(fewer)
                if order is None:
                    kept = fewer
                elif not order and fewer:
                    return Few(tuple(kept), minimal=False)
            if size == 1:
                break
            size //= 2
        return Few(tuple(kept), minimal=True)

    def _order_with(self, kept: Sequence[int]) -> tuple[int, ...] | None:
        """Return an order for these operations, with any of the others; ``None``: there is none; empty: gave up."""
        keep = set(kept)
        operations = [
            (number, one if number in keep or one.end is None else replace(one, end=None))
            for number, one in self._operations.items()
        ]
        found = Search(self._rules, self._initial, operations, self._budget).run()
        self._budget -= found.states + len(operations)
        return None if found.linearizable is False else found.order

    def _broken(self, order: Sequence[int], kept: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return which operations an order puts after what they came before, and which ones it leaves out."""
        displaced = []
        latest = self._operations[order[0]].start
        for number in order:
            one = self._operations[number]
            if one.end is not None and one.end < latest and number not in kept:
                displaced.append(number)
            latest = max(latest, one.start)
        placed = {*order, *kept}
        return displaced, [number for number in self._before if number not in placed]
