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

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, Protocol, TypeAlias

from ._lanes import LAST, NEVER, Entry, chains, fields, kinds, lefts, linked
from ._operation import UNKNOWN, Operation
from ._rules import State, Step

__all__ = ["Found", "Search", "Settled", "Stepper", "relaxed"]

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
    until: int = NEVER


class Settled(NamedTuple):
    """What every order leads through.

    Attributes:
        state: The state then.
        level: How many operations with an end have been placed.
        placed: Which ones, packed.
        used: Which ones without an end, packed.
    """

    state: State
    level: int
    placed: int
    used: int


def relaxed(operation: Operation) -> Operation:
    """Return an operation as if it had never ended: nobody knows what became of it."""
    return Operation(
        operation.name, operation.arguments, UNKNOWN, operation.start, None, operation.process, "", operation.tag
    )


_Node: TypeAlias = tuple[Any, int, dict[int, Entry], _Path]
"""What has been reached: the state; how many operations without an end have been placed, packed; which one comes next
in each of their lanes, where some have been; what has been placed."""

_NOTHING: Iterator[_Node] = iter(())


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
        self._initial = initial
        reads = rules.reads or (lambda _: False)
        entries = sorted((Entry(*one, reads(one[1])) for one in operations), key=attrgetter("start"))
        firm = chains([entry for entry in entries if entry.end < NEVER])
        loose = kinds([entry for entry in entries if entry.end == NEVER and not entry.reads], alike=rules.ours)
        self._firm, self._loose = firm, loose
        self._heads = [linked(lane) for lane in firm]
        self._ends = [head.end for head in self._heads] or [NEVER]
        # Below the number for each lane stands their sum: how many have been placed.
        self._width = len(entries).bit_length()
        self._units = [(unit << self._width) + 1 for unit in fields(firm)[0]]
        self._endless = [linked(lane) for lane in loose]
        self._endless_units, self._guards = fields(loose)
        self._states = 0
        self._seen: set[tuple[int, State]] = set()
        self._least: dict[tuple[int, State], list[int]] = {}

    def run(self) -> Found:
        """Search."""
        heads, ends, units, is_new = self._heads, self._ends, self._units, self._is_new
        node: _Node = (self._initial, 0, {}, None)
        placed, used, taken, path = 0, *node[1:]
        bound = until = min(ends)
        if bound == NEVER:
            return Found(True, 0)
        longest: _Path = None
        stack: list[tuple[list[_Choice], Iterator[_Node], int, Entry, int, _Node]] = []
        choices, later = self._next(bound, placed, node)
        while self._states <= self._limit:
            if choices:
                _, lane, after = choices.pop()
                if not is_new(placed + units[lane], used, after):
                    continue
                head = heads[lane]
                stack.append((choices, later, lane, head, placed, node))
                placed += units[lane]
                path = path, head.number
                node = after, used, taken, path
                heads[lane] = head = head.next
                ends[lane] = head.end
                bound = min(ends)
                if bound > until:
                    if bound == NEVER:
                        return Found(True, self._states, _order(path))
                    until, longest = bound, path
                choices, later = self._next(bound, placed, node)
            elif (other := next(later, None)) is not None:
                stack.append((choices, later, -1, LAST, placed, node))
                node = _, used, taken, path = other
                choices, later = self._next(min(ends), placed, node)[0], _NOTHING
            elif stack:
                choices, later, lane, head, placed, node = stack.pop()
                _, used, taken, path = node
                if lane >= 0:
                    heads[lane] = head
                    ends[lane] = head.end
            else:
                return Found(False, self._states, _order(longest), until)
        return Found(None, self._states)

    def settled(self) -> list[Settled]:
        """Return what every order that was tried led through, the beginning first."""
        levels: dict[int, tuple[int, State] | None] = {}
        mask = (1 << self._width) - 1
        for key in self._least or self._seen:
            level = key[0] & mask
            levels[level] = None if level in levels else key
        found = [Settled(self._initial, 0, 0, 0)]
        for level, alone in sorted(levels.items()):
            used = self._least.get(alone, [0]) if alone else []
            if level and alone and len(used) == 1:
                found.append(Settled(alone[1], level, alone[0], used[0]))
        return found

    def left(self, settled: Settled) -> tuple[int, ...]:
        """Return the numbers of the operations that have not been placed."""
        firm, loose = lefts(self._firm, settled.placed >> self._width), lefts(self._loose, settled.used)
        return tuple(entry.number for entry in (*firm, *loose))

    def _next(self, bound: int, placed: int, node: _Node) -> tuple[list[_Choice], Iterator[_Node]]:
        """Return what may come next, the most urgent last, and what may after operations without an end."""
        state, step = node[0], self._step
        choices: list[_Choice] = []
        for lane, head in enumerate(self._heads):
            if head.start <= bound:
                states = step(state, head.operation)
                if states:
                    if head.reads:
                        return [(head.end, lane, state)], _NOTHING
                    choices += [(head.end, lane, after) for after in states]
        later = self._closure(bound, placed, node) if self._guards else _NOTHING
        if self._moves_before is not None and (len(choices) > 1 or self._guards):
            kept = self._persistent(bound, node[2])
            choices = [choice for choice in choices if choice[1] in kept]
            if max(kept) < len(self._heads):
                later = _NOTHING
        if len(choices) > 1:
            choices.sort(key=itemgetter(0), reverse=True)
        return choices, later

    def _closure(self, bound: int, placed: int, node: _Node) -> Iterator[_Node]:
        """Yield what operations without an end lead to, first what takes few of them."""
        todo = deque([node])
        while todo:
            state, used, taken, path = todo.popleft()
            for lane, first in enumerate(self._endless):
                head = taken.get(lane, first)
                if head.start > bound:
                    continue
                for after in self._step(state, head.operation):
                    self._states += 1
                    now = used + self._endless_units[lane]
                    if self._is_new(placed, now, after):
                        found: _Node = (after, now, {**taken, lane: head.next}, (path, head.number))
                        yield found
                        todo.append(found)

    def _persistent(self, bound: int, taken: Mapping[int, Entry]) -> set[int]:
        """Return lanes of which one must come next, if there is an order at all; those without an end come last."""
        assert self._moves_before is not None
        heads = [*self._heads, *(taken.get(lane, first) for lane, first in enumerate(self._endless))]
        outside = {lane: head.operation for lane, head in enumerate(heads) if head.start <= bound}
        urgent = self._ends.index(bound)
        todo, kept = [outside.pop(urgent)], {urgent}
        while todo:
            operation = todo.pop()
            for lane in [lane for lane, other in outside.items() if not self._moves_before(operation, other)]:
                todo.append(outside.pop(lane))
                kept.add(lane)
        return kept

    def _is_new(self, placed: int, used: int, state: State) -> bool:
        """Return whether nothing that could do as much was looked at before; remember it."""
        guards = self._guards
        if not guards:
            key = (placed, state)
            if key in self._seen:
                return False
            self._seen.add(key)
        else:
            before = self._least.setdefault((placed, state), [])
            most = used | guards
            for least in before:
                if (most - least) & guards == guards:
                    return False
            before.append(used)
        self._states += 1
        return True


def _order(path: _Path) -> tuple[int, ...]:
    order = []
    while path is not None:
        path, number = path
        order.append(number)
    return tuple(reversed(order))
