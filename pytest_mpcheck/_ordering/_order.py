"""Did all of these come before all of those?

Guarantees: what is concurrent is called concurrent, and never passes for ordered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from .._history._chronicle import Chronicle, Event
from ._broken import MOST, Broken, some_of
from ._happens_before import HappensBefore
from ._selection import Selection, What, what_words
from ._timeline import event_words

__all__ = ["broken_cause", "broken_order"]


def broken_order(selection: Selection, names: Sequence[What]) -> Broken | None:
    """Tell why events are not in this order; ``None`` when they are.

    Args:
        selection: The filters.
        names: At least two; all events of each have to come before all of the next one.

    Raises:
        AssertionError: One of them has no event.
        ValueError: There are fewer than two, or an event would have to come before itself.
    """
    if len(names) < 2:
        raise ValueError(
            "assert_order() orders at least two: give more names, such as assert_order('sent', 'received')"
        )
    groups = [selection.needed_events(name) for name in names]
    before = HappensBefore(selection.chronicle)
    for (first, earlier), (second, later) in pairwise(zip(names, groups, strict=True)):
        pairs = list(_pairs(earlier, later))
        wrong = [pair for pair in pairs if before.order(*pair) != "before"]
        if wrong:
            rule = f"assert_order: every {what_words(first)} has to come before every {what_words(second)}, and did not"
            return Broken(
                rule,
                some_of(wrong, lambda pair: _order_words(selection.chronicle, before, *pair)),
                _events(wrong),
                "make the later one wait for the earlier one; if both orders are right, do not assert one",
            )
    return None


def broken_cause(selection: Selection, first: What, second: What) -> Broken | None:
    """Tell why events do not come before others by cause; ``None`` when they do.

    Args:
        selection: The filters.
        first: What has to come before.
        second: What has to come after.

    Raises:
        AssertionError: One of them has no event.
        ValueError: An event would have to come before itself.
    """
    earlier, later = selection.needed_events(first), selection.needed_events(second)
    before = HappensBefore(selection.chronicle)
    wrong = [pair for pair in _pairs(earlier, later) if before.by_cause(*pair) != "before"]
    if not wrong:
        return None
    rule = (
        f"assert_happens_before: every {what_words(first)} has to cause every {what_words(second)}, "
        "by a chain of starts, joins and messages, and did not"
    )
    of_spans = any(event.kind != "point" for pair in wrong for event in pair)
    return Broken(
        rule,
        some_of(wrong, lambda pair: _cause_words(selection.chronicle, before, *pair)),
        _events(wrong),
        "make the later one wait for the earlier one by what the plugin sees: a start, a join, a message through "
        "multiprocessing; what else may order them, such as a lock or a file, is for assert_order: it asks the clock"
        + "; where a span need not have ended, such as that of a put, give its `begin`"
        * of_spans,
    )


def _events(pairs: Sequence[tuple[Event, Event]]) -> tuple[Event, ...]:
    return tuple({event.id: event for pair in pairs[:MOST] for event in pair}.values())


def _pairs(earlier: Sequence[Event], later: Sequence[Event]) -> Iterator[tuple[Event, Event]]:
    """Pair the last of the earlier ones of each source with the first of the later ones: those decide for all."""
    both = {event.id for event in earlier} & {event.id for event in later}
    if both:
        name = next(event.name for event in earlier if event.id in both)
        raise ValueError(f"an event {name!r} would have to come before itself: give different names, or filters")
    lasts = {event.id.source: event for event in sorted(earlier, key=_sequence)}
    firsts = {event.id.source: event for event in sorted(later, key=_sequence, reverse=True)}
    return ((one, other) for one in lasts.values() for other in firsts.values())


def _sequence(event: Event) -> int:
    return event.id.sequence


def _order_words(chronicle: Chronicle, before: HappensBefore, first: Event, second: Event) -> str:
    pair = f"{event_words(chronicle, first)} did not come before {event_words(chronicle, second)}"
    if before.order(first, second) == "concurrent":
        return f"{pair}: they are concurrent, nothing orders them"
    return f"{pair}, but after it, by {_basis(before, first, second)}"


def _cause_words(chronicle: Chronicle, before: HappensBefore, first: Event, second: Event) -> str:
    pair = f"{event_words(chronicle, first)}, {event_words(chronicle, second)}"
    if before.by_cause(first, second) == "after":
        return f"{pair}: the second caused the first"
    order = before.order(first, second)
    clock = "" if order == "concurrent" else f", only the clock puts the first {order} the second"
    return f"{pair}: concurrent, neither caused the other{clock}"


def _basis(before: HappensBefore, first: Event, second: Event) -> str:
    return "the clock" if before.by_cause(first, second) == "concurrent" else "cause"
