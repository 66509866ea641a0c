"""Why a history is not linearizable: a few of its operations that show it.

Guarantees: the witness that `few` returns has no order from the state that it tells, and neither has it one when any of
the other operations that were left then, with what it gave back, takes effect at whatever time from its start on, or
never. Where it is told to be minimal, this holds of no part of it. The state is the initial one, so that the witness
shows it by itself, unless that would take too many operations; otherwise it is one through which every order of the
earlier operations leads. The witness is found by asking the search again and again, within a budget; past it the
witness is larger than need be, up to all that was left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ._operation import Operation
from ._rules import Rules
from ._search import Search, Settled

__all__ = ["Few", "few"]

_BUDGET = 30_000
"""How many states, or operations made ready, may be looked at in order to make a witness small."""

_MANY = 20
"""How many operations are too many for a witness, when there is another one that tells what went before."""

_FAR = 300
"""How many operations back a witness is searched that shows it by itself."""


class Few(NamedTuple):
    """The witness.

    Attributes:
        numbers: Which operations, the one that ends last first.
        minimal: Whether each of them is needed.
        settled: From where on they have no order.
    """

    numbers: tuple[int, ...]
    minimal: bool
    settled: Settled


def few(rules: Rules, operations: Mapping[int, Operation], search: Search, until: int) -> Few:
    """Find a few operations that show why there is no order.

    Args:
        rules: What the model says.
        operations: The operations, as the model has them, by their numbers.
        search: The search that found that there is none.
        until: The end of the operation that has no place.
    """
    settled = search.settled()
    first, latest = settled[0], settled[-1]
    by_itself = next(one for one in reversed(settled) if one.state == first.state)
    near = [one for one in dict.fromkeys((first, by_itself)) if latest.level - one.level <= _FAR]
    witnesses = [_Sieve(rules, operations, search, one, until).run() for one in near]
    if latest not in near and not any(one.minimal and len(one.numbers) <= _MANY for one in witnesses):
        witnesses.append(_Sieve(rules, operations, search, latest, until).run())
    return min(witnesses, key=lambda witness: len(witness.numbers))


class _Sieve:
    def __init__(
        self, rules: Rules, operations: Mapping[int, Operation], search: Search, settled: Settled, until: int
    ) -> None:
        self._rules, self._settled, self._budget = rules, settled, _BUDGET
        left = [number for number in search.left(settled) if operations[number].start <= until]
        self._operations = {number: operations[number] for number in left}
        reads = rules.reads or (lambda _: False)
        self._others = {
            number: one if one.end is None else replace(one, end=None)
            for number, one in self._operations.items()
            if not reads(one)
        }
        ended = [(one.end, number) for number, one in self._operations.items() if one.end is not None]
        self._before = [number for end, number in sorted(ended, reverse=True) if end <= until]

    def run(self) -> Few:
        """Add what the order that is found for less does not keep to, the latest first; then leave out what it can."""
        kept = self._before[:1]
        more = 1
        while (order := self._order_with(kept)) is not None:
            if not order:
                return Few(tuple(self._before), len(self._before) == 1, self._settled)
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
                    return Few(tuple(kept), minimal=False, settled=self._settled)
            if size == 1:
                break
            size //= 2
        return Few(tuple(kept), minimal=True, settled=self._settled)

    def _order_with(self, kept: Sequence[int]) -> tuple[int, ...] | None:
        """Return an order for these operations, with any of the others; ``None``: there is none; empty: gave up."""
        operations = {**self._others, **{number: self._operations[number] for number in kept}}
        found = Search(self._rules, self._settled.state, operations.items(), self._budget).run()
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
