"""`HappensBefore`: which of two events came first, and how that is known.

Guarantees: *by cause* an event comes before another when both are of one source and its sequence number is smaller, or
when a chain of links leads from one to the other (Lamport 1978; decided by vector clocks, Fidge 1988, Mattern 1989).
*By the clock* it does when no cause says otherwise, its time is smaller, and times of different processes compare. All
else is concurrent. A chronicle of a damaged log may have links that lead in a circle; they never make this run forever.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, TypeAlias

from .._history._chronicle import Chronicle, Event, EventId, Link

__all__ = ["HappensBefore", "Relation"]

Relation: TypeAlias = Literal["before", "after", "concurrent"]
"""How the first of two events stands to the second."""


class HappensBefore:
    """The order of the events of a chronicle."""

    def __init__(self, chronicle: Chronicle) -> None:
        """Work out what each source knew of the others, at each of its links.

        Args:
            chronicle: The events and the links between them.
        """
        self._clock_is_shared = chronicle.clock_is_shared
        self._arrivals: list[list[tuple[int, list[Link]]]] = [_arrivals(part) for part in _by_target(chronicle)]
        self._places = [[place for place, _ in arrivals] for arrivals in self._arrivals]
        self._known: list[list[list[int] | None]] = [[None] * len(places) for places in self._places]
        for source, places in enumerate(self._places):
            if places:
                self._learn(source, len(places) - 1)

    def by_cause(self, first: Event, second: Event) -> Relation:
        """Tell how two events stand by cause alone."""
        if self.leads_to(first.id, second.id):
            return "before"
        return "after" if self.leads_to(second.id, first.id) else "concurrent"

    def order(self, first: Event, second: Event) -> Relation:
        """Tell how two events stand by cause, and else by the clock where it may decide."""
        relation = self.by_cause(first, second)
        if relation != "concurrent" or not self._clock_is_shared or first.at == second.at:
            return relation
        return "before" if first.at < second.at else "after"

    def leads_to(self, first: EventId, second: EventId) -> bool:
        """Tell whether one place comes before another by cause."""
        if first.source == second.source:
            return first.sequence < second.sequence
        known = self._at(second.source, second.sequence)
        return known is not None and known[first.source] >= first.sequence

    def _at(self, source: int, sequence: int) -> list[int] | None:
        """Return what a source knew at a place: for each source, how much of it came before."""
        index = bisect_right(self._places[source], sequence) - 1
        return self._known[source][index] if index >= 0 else None

    def _learn(self, source: int, index: int) -> None:
        """Work out what a source knew after its link number `index`, and before that all that this hangs on."""
        todo, begun = [(source, index)], set[tuple[int, int]]()
        while todo:
            node = todo[-1]
            missing = [] if node in begun else [other for other in self._needs(*node) if other not in begun]
            begun.add(node)
            if missing:
                todo += missing
            else:
                todo.pop()
                if self._known[node[0]][node[1]] is None:
                    self._known[node[0]][node[1]] = self._combined(*node)

    def _needs(self, source: int, index: int) -> Iterator[tuple[int, int]]:
        if index and self._known[source][index - 1] is None:
            yield source, index - 1
        for link in self._arrivals[source][index][1]:
            at = bisect_right(self._places[link.before.source], _reach(link)) - 1
            if at >= 0 and self._known[link.before.source][at] is None:
                yield link.before.source, at

    def _combined(self, source: int, index: int) -> list[int]:
        known = list((self._known[source][index - 1] if index else None) or [-1] * len(self._places))
        for link in self._arrivals[source][index][1]:
            theirs = self._at(link.before.source, _reach(link))
            if theirs is not None:
                known = [max(pair) for pair in zip(known, theirs, strict=True)]
            known[link.before.source] = max(known[link.before.source], _reach(link))
        return known


def _reach(link: Link) -> int:
    """Return up to where a link reaches back in its source; a negative number stands for all of it."""
    return sys.maxsize if link.before.sequence < 0 else link.before.sequence


def _by_target(chronicle: Chronicle) -> list[list[Link]]:
    parts: list[list[Link]] = [[] for _ in chronicle.sources]
    for link in chronicle.links:
        parts[link.after.source].append(link)
    return parts


def _arrivals(links: list[Link]) -> list[tuple[int, list[Link]]]:
    """Group the links into one source by the place at which they arrive, earlier places first."""
    groups: dict[int, list[Link]] = {}
    for link in links:
        groups.setdefault(link.after.sequence, []).append(link)
    return sorted(groups.items(), key=lambda group: group[0])
