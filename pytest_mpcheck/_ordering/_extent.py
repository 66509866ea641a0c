"""How far spans extend, and which of them overlapped.

Guarantees: spans of one thread never overlap: one of them lies within the other, or comes after it. A span without an
end lasts until its process was known to have ended, by a join; else for ever.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence

from .._history._chronicle import Chronicle, Event, EventId, Span
from ._happens_before import HappensBefore

__all__ = ["Extents", "Lane", "lanes_of"]

Lane = tuple[int, int]
"""Who cannot do two things at once: a source, and a thread of it."""


def lane_of(event: Event) -> Lane:
    """Return the thread that has recorded an event."""
    return event.id.source, event.thread


def lanes_of(spans: Sequence[Span]) -> dict[Lane, list[Span]]:
    """Return the spans of each thread in their order, without those that lie within others."""
    lanes: dict[Lane, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.begin.id):
        lane = lanes[lane_of(span.begin)]
        if not lane or not _within(span, lane[-1]):
            lane.append(span)
    return dict(lanes)


def _within(inner: Span, outer: Span) -> bool:
    return outer.end is None or inner.begin.id.sequence < outer.end.id.sequence


class Extents:
    """The spans of a chronicle, beside each other."""

    def __init__(self, chronicle: Chronicle) -> None:
        """Find out which processes were known to have ended, and from where on.

        Args:
            chronicle: Events and links.
        """
        self.before = HappensBefore(chronicle)
        self._clock_is_shared = chronicle.clock_is_shared
        self._of_source: dict[int, list[Event]] = defaultdict(list)
        for event in chronicle.events:
            self._of_source[event.id.source].append(event)
        self._joins: dict[int, list[tuple[EventId, Event | None]]] = defaultdict(list)
        for link in chronicle.links:
            if link.kind == "join":
                later = self._of_source[link.after.source]
                index = bisect_left(later, link.after.sequence, key=lambda event: event.sequence)
                self._joins[link.before.source].append((link.after, later[index] if index < len(later) else None))

    def meetings(self, lanes: dict[Lane, list[Span]]) -> Iterator[tuple[Span, Span]]:
        """Give the pairs of spans of different threads of which neither had surely ended before the other began."""
        spans_of = list(lanes.values())
        for number, spans in enumerate(spans_of):
            for others in spans_of[number + 1 :]:
                for span in spans:
                    yield from self._met(span, others)

    def _met(self, span: Span, others: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
        low, high = 0, len(others)
        while low < high:  # those that had ended before come first
            middle = (low + high) // 2
            if self.had_ended(others[middle], span.begin):
                low = middle + 1
            else:
                high = middle
        while low < len(others) and not self.had_ended(span, others[low].begin):
            yield span, others[low]
            low += 1

    def had_ended(self, span: Span, event: Event, *, by_clock: bool = True) -> bool:
        """Tell whether a span had surely ended when an event was recorded; at the same moment is enough.

        Args:
            span: The span.
            event: The event.
            by_clock: Whether the clock may decide where no cause does.
        """
        by_clock = by_clock and self._clock_is_shared
        if span.end is not None:
            relation = self.before.by_cause(span.end, event)
            return relation == "before" or (relation == "concurrent" and by_clock and span.end.at <= event.at)
        return any(
            place == event.id
            or self.before.leads_to(place, event.id)
            or (by_clock and first is not None and first.at <= event.at)
            for place, first in self._joins[span.begin.id.source]
        )

    def overlap(self, one: Span, other: Span) -> bool:
        """Tell whether two spans surely overlapped: each began before the other ended."""
        return self._outlasts(one, other.begin) and self._outlasts(other, one.begin)

    def _outlasts(self, span: Span, event: Event) -> bool:
        """Tell whether a span had surely not ended when an event was recorded."""
        if span.end is not None:
            return self.before.order(event, span.end) == "before"
        source = span.begin.id.source
        return not self._joins[source] or self.before.order(event, self._of_source[source][-1]) == "before"
