"""The search for an order in which the operations could have happened one after the other.

After J. M. Wing and C. Gong, Testing and Verifying Concurrent Objects, JPDC 1993: try every operation that may come
first, then every one that may come next, and go back where none fits; with the memory of G. Lowe, Testing for
Linearizability, CCPE 2017: what is left of a history depends on which operations have been placed and on the state
alone, so that no such pair is looked at twice.

Guarantees: "yes" comes with an order, "no" when there is none; what is past the limit is neither. What saves work here
changes no answer, each for a reason:

* *Lanes.* Operations of which each ends before the next one starts form a lane, whoever called them; which ones have
  been placed is one number for each lane, all of them packed into an integer.
* *Operations without an end* may be left out, so they stand apart. Of two states that differ in them alone, the one
  that has used fewer can do whatever the other can. Those that are alike are used by the order of their starts. One
  that changes nothing is never needed.
* *Operations that change nothing, in any state*, are placed at once where they are possible: in any order of the
  others, they could come first. That an operation changes nothing in *this* state would not do: ``write(3)`` while
  there is 3 may be needed later.
* *Operations that may move before others* (`Stepper.moves_before`): the operation that ends first must be placed before
  anything can start after it, and only what may start before its end can come before it. When it could move before all
  of these, it is placed at once; else only it, and those that it cannot move before, and those that these cannot, are
  tried. This is a persistent set, in the words of P. Godefroid (Partial-Order Methods, LNCS 1032).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, TypeAlias

from ._operation import UNKNOWN, Operation
from ._rules import State, Step
from ._values import frozen

__all__ = ["Entry", "Found", "Search", "relaxed"]

_NEVER = 1 << 200
"""Later than any time."""

_Choice: TypeAlias = tuple[int, int, State]
"""An operation that may come next: its end, its lane, the state after it."""

_Path: TypeAlias = tuple[Any, int] | None
"""What has been placed: the path before, and the number of the last one."""


class Stepper(Protocol):
    """What a search asks of a model."""

    @property
    def step(self) -> Step:
        """Tells what states an operation may leave."""

    @property
    def reads(self) -> Callable[[Operation], bool] | None:
        """Tells whether an operation changes nothing, whatever the state."""

    @property
    def moves_before(self) -> Callable[[Operation, Operation], bool] | None:
        """Tells whether an operation that is possible right after another one could as well come before it."""

    @property
    def ours(self) -> bool:
        """Whether ``step`` takes operations of one name and with the same arguments as alike."""


class Entry(NamedTuple):
    """An operation that is to be placed.

    Attributes:
        start: When it started.
        end: When it ended; `_NEVER` when it did not.
        operation: The operation, as the model is to have it.
        reads: Whether it changes nothing, whatever the state.
        number: Which one it is, for the caller.
    """

    start: int
    end: int
    operation: Operation
    reads: bool
    number: int


class Found(NamedTuple):
    """What a search has found.

    Attributes:
        linearizable: Whether there is an order; ``None``: gave up.
        states: How many states were looked at.
        order: The numbers of the operations, by the order that was found; of "no", by the longest that was.
        until: Of "no": the end of the operation that has no place, however the earlier ones are ordered.
    """

    linearizable: bool | None
    states: int
    order: tuple[int, ...] = ()
    until: int = _NEVER


_SENTINEL = Entry(_NEVER, _NEVER, Operation("", {}, UNKNOWN, _NEVER, None), False, -1)


def relaxed(operation: Operation) -> Operation:
    """Return an operation as if it had never ended: nobody knows what became of it."""
    return Operation(
        operation.name, operation.arguments, UNKNOWN, operation.start, None, operation.process, "", operation.tag
    )


class Search:
    """One search.

    Args:
        rules: What the model says.
        initial: The state at the beginning.
        operations: The operations, as the model is to have them, with a number of the caller's choice for each.
        limit: How many states to look at.
    """

    def __init__(self, rules: Stepper, initial: State, operations: Iterable[tuple[int, Operation]], limit: int) -> None:
        self._step, self._moves_before = rules.step, rules.moves_before
        self._limit = limit
        reads = rules.reads or (lambda _: False)
        ended: list[Entry] = []
        endless: list[Entry] = []
        for number, operation in operations:
            end = _NEVER if operation.end is None else operation.end
            entry = Entry(operation.start, end, operation, reads(operation), number)
            if end < _NEVER:
                ended.append(entry)
            elif not entry.reads:
                endless.append(entry)
        firm, loose = _chains(ended), _kinds(endless, alike=rules.ours)
        self._firm = len(firm)
        self._lanes = [[*lane, _SENTINEL] for lane in (*firm, *loose)]
        self._heads = [lane[0] for lane in self._lanes]
        self._ends = [head.end for head in self._heads[: self._firm]] or [_NEVER]
        self._positions = [0] * len(self._lanes)
        firm_units, _ = _fields(firm)
        loose_units, self._guards = _fields(loose)
        self._units = firm_units + loose_units
        self._state = initial
        self._placed = self._used = 0
        self.states = 0
        self._seen: set[tuple[int, State]] = set()
        self._least: dict[tuple[int, State], list[int]] = {}

    def run(self) -> Found:
        """Search."""
        if min(self._ends) == _NEVER:
            return Found(True, 0)
        stack: list[tuple[list[_Choice], bool, int, State, int, int, _Path]] = []
        path: _Path = None
        until, longest = min(self._ends), path
        choices, more = self._choices()
        while True:
            if choices:
                _, lane, after = choices.pop()
                if not self._is_new(lane, after):
                    continue
                if self.states > self._limit:
                    return Found(None, self.states)
                stack.append((choices, more, lane, self._state, self._placed, self._used, path))
                path = (path, self._heads[lane].number)
                self._place(lane, after)
                bound = min(self._ends)
                if bound == _NEVER:
                    return Found(True, self.states, _order(path))
                if bound > until:
                    until, longest = bound, path
                choices, more = self._choices()
            elif more:
                choices, more = self._endless_choices(), False
            elif stack:
                choices, more, lane, self._state, self._placed, self._used, path = stack.pop()
                self._move(lane, -1)
            else:
                return Found(False, self.states, _order(longest), until)

    def _choices(self) -> tuple[list[_Choice], bool]:
        """Return what may come next, the most urgent last, and whether something without an end may."""
        bound, state, step = min(self._ends), self._state, self._step
        choices: list[_Choice] = []
        for lane in range(self._firm):
            head = self._heads[lane]
            if head.start <= bound:
                states = step(state, head.operation)
                if states:
                    if head.reads:
                        return [(head.end, lane, state)], False
                    choices += [(head.end, lane, after) for after in states]
        more = bool(self._guards)
        if self._moves_before is not None and len(choices) + more > 1:
            kept = self._persistent(bound)
            choices = [choice for choice in choices if choice[1] in kept]
            more = more and max(kept) >= self._firm
        if len(choices) > 1:
            choices.sort(key=itemgetter(0), reverse=True)
        return choices, more

    def _endless_choices(self) -> list[_Choice]:
        bound, state = min(self._ends), self._state
        return [
            (head.end, lane, after)
            for lane, head in enumerate(self._heads[self._firm :], self._firm)
            if head.start <= bound
            for after in self._step(state, head.operation)
        ]

    def _persistent(self, bound: int) -> set[int]:
        """Return lanes of which one must come next, if there is an order at all."""
        assert self._moves_before is not None
        outside = {lane: head.operation for lane, head in enumerate(self._heads) if head.start <= bound}
        urgent = self._ends.index(bound)
        todo, kept = [outside.pop(urgent)], {urgent}
        while todo:
            operation = todo.pop()
            for lane in [lane for lane, other in outside.items() if not self._moves_before(operation, other)]:
                todo.append(outside.pop(lane))
                kept.add(lane)
        return kept

    def _is_new(self, lane: int, after: State) -> bool:
        """Return whether what an operation leads to was not looked at before; remember it."""
        if not self._guards:
            key = (self._placed + self._units[lane], after)
            if key in self._seen:
                return False
            self._seen.add(key)
        else:
            placed, used = self._placed, self._used
            if lane < self._firm:
                placed += self._units[lane]
            else:
                used += self._units[lane]
            guards = self._guards
            before = self._least.setdefault((placed, after), [])
            if any(((used | guards) - least) & guards == guards for least in before):
                return False
            before.append(used)
        self.states += 1
        return True

    def _place(self, lane: int, after: State) -> None:
        if lane < self._firm:
            self._placed += self._units[lane]
        else:
            self._used += self._units[lane]
        self._state = after
        self._move(lane, 1)

    def _move(self, lane: int, by: int) -> None:
        self._positions[lane] += by
        self._heads[lane] = head = self._lanes[lane][self._positions[lane]]
        if lane < self._firm:
            self._ends[lane] = head.end


def _order(path: _Path) -> tuple[int, ...]:
    order = []
    while path is not None:
        path, number = path
        order.append(number)
    return tuple(reversed(order))


def _chains(entries: list[Entry]) -> list[list[Entry]]:
    """Divide operations into as few lanes as there can be."""
    lanes: list[list[Entry]] = []
    free: list[tuple[int, int]] = []
    for entry in sorted(entries, key=itemgetter(0)):
        if free and free[0][0] < entry.start:
            lane = heapq.heappop(free)[1]
        else:
            lane = len(lanes)
            lanes.append([])
        lanes[lane].append(entry)
        heapq.heappush(free, (entry.end, lane))
    return lanes


def _kinds(entries: list[Entry], *, alike: bool) -> list[list[Entry]]:
    """Divide operations without an end into lanes of which each holds what is alike.

    Args:
        entries: The operations.
        alike: Whether the model takes those of one name and with the same arguments as alike.
    """
    lanes: dict[Hashable, list[Entry]] = {}
    for entry in sorted(entries, key=itemgetter(0)):
        kind: Hashable = entry.number
        if alike:
            kind = (entry.operation.name, frozen(dict(entry.operation.arguments)))
        lanes.setdefault(kind, []).append(entry)
    return list(lanes.values())


def _fields(lanes: list[list[Entry]]) -> tuple[list[int], int]:
    """Return what to add to a number for a step in each lane, and the bits between the lanes."""
    units, guards, shift = [], 0, 0
    for lane in lanes:
        width = len(lane).bit_length()
        units.append(1 << shift)
        guards |= 1 << (shift + width)
        shift += width + 1
    return units, guards
