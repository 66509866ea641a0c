"""Were these spans ever at work at the same time, or never?

Guarantees: an overlap is only claimed where each of two spans began before the other ended; that there was none only
where each pair is ordered. Times decide where those of different processes compare, causes everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise

from .._history._chronicle import Chronicle, Event, Span
from ._broken import MOST, Broken, some_of
from ._extent import Extents, Lane, lane_of, lanes_of
from ._selection import Selection, What, what_words
from ._timeline import event_words

__all__ = ["broken_exclusion", "broken_overlap"]

MOST_MEETINGS = 100
"""How many overlaps are looked for."""


def broken_overlap(selection: Selection, name: What) -> Broken | None:
    """Tell why no two spans overlap; ``None`` when two do.

    Args:
        selection: The filters.
        name: The spans.

    Raises:
        AssertionError: There is none.
    """
    spans = selection.needed_spans(name)
    lanes = lanes_of(spans)
    extents = Extents(selection.chronicle)
    unsure = False
    for pair in extents.meetings(lanes):
        if extents.overlap(*pair):
            return None
        unsure = True
    what, remedy = _why_never(selection.chronicle, extents, lanes, unsure=unsure)
    rule = f"assert_overlap: two spans {what_words(name)} have to overlap, and none did: {what}"
    shown = sorted((span for lane in lanes.values() for span in lane), key=_begin)
    words = some_of(shown, lambda span: _span_words(selection.chronicle, span))
    return Broken(rule, words, _ends(shown[:MOST]), remedy)


def broken_exclusion(selection: Selection, names: Sequence[What]) -> Broken | None:
    """Tell which spans overlap; ``None`` when none do.

    Args:
        selection: The filters.
        names: The spans, those of all names together.

    Raises:
        AssertionError: One of the names has no span, or all spans are of one thread.
        ValueError: No name is given.
    """
    if not names:
        raise ValueError("assert_exclusive() of nothing proves nothing: give the name of a span")
    groups = [selection.needed_spans(name) for name in names]
    spans = tuple({span.begin.id: span for group in groups for span in group}.values())
    words = ", ".join(map(what_words, names))
    lanes = lanes_of(spans)
    if len(lanes) == 1:
        return Broken(
            f"assert_exclusive: all {len(spans)} spans {words} are of one thread of one process, so that none could "
            "overlap: nothing to judge",
            (),
            (),
            "let at least two processes or threads do it",
        )
    extents = Extents(selection.chronicle)
    met = list(islice(extents.meetings(lanes), MOST_MEETINGS))
    if not met:
        return None
    sure = [pair for pair in met if extents.overlap(*pair)]
    return Broken(
        f"assert_exclusive: no two spans {words} may overlap, and "
        + ("some did" if sure else "nothing says that none did"),
        some_of(sure or met, lambda pair: _meeting_words(selection.chronicle, pair, sure=bool(sure))),
        _ends([span for pair in (sure or met)[:MOST] for span in pair]),
        "let who is inside keep the others out by a lock, and record the span inside of the lock"
        if sure
        else "order them by what the plugin sees: a join, or a message through multiprocessing",
    )


def _why_never(
    chronicle: Chronicle, extents: Extents, lanes: dict[Lane, list[Span]], *, unsure: bool
) -> tuple[str, str]:
    """Tell why there was no overlap, and what to do."""
    if len(lanes) == 1:
        source = chronicle.sources[next(iter(lanes))[0]]
        return (
            f"all are of one thread of {source.name!r} (pid {source.process.pid})",
            "let at least two processes or threads do it, and each have something to do; coroutines do not count",
        )
    if unsure:
        return (
            "cannot tell, some may have: nothing orders them, neither a cause nor the clock",
            "hold one within its span (mp_history.hold) until the other has begun",
        )
    spans = sorted((span for lane in lanes.values() for span in lane), key=_begin)
    handovers = [pair for pair in pairwise(spans) if lane_of(pair[0].begin) != lane_of(pair[1].begin)]
    if all(extents.had_ended(one, other.begin, by_clock=False) for one, other in handovers):
        return (
            "serialised, each began because another had ended",
            "see what makes the one wait for the other: a join, a message, a lock",
        )
    gaps = sum(_duration(one.end, other.begin) for one, other in handovers)
    worked = sum(min(_length(one), _length(other)) for one, other in handovers)
    numbers = f"spans of {_mean(worked, handovers)} ms with gaps of {_mean(gaps, handovers)} ms, on average"
    if 2 * gaps <= worked and worked:
        return (
            f"serialised, each began only when another had ended ({numbers})",
            "see what makes the one wait for the other: a lock, the GIL, a single worker at a time",
        )
    return (
        f"too short to tell, each was over before another had the chance ({numbers})",
        "give each more to do, or hold one within its span (mp_history.hold) until the other has begun",
    )


def _begin(span: Span) -> tuple[int, int, int]:
    return span.begin.at, *_place(span)


def _place(span: Span) -> tuple[int, int]:
    return span.begin.id.source, span.begin.id.sequence


def _ends(spans: Sequence[Span]) -> tuple[Event, ...]:
    return tuple(event for span in spans for event in (span.begin, span.end) if event is not None)


def _duration(first: Event | None, second: Event | None) -> int:
    return max(0, second.at - first.at) if first and second else 0


def _length(span: Span) -> int:
    return _duration(span.begin, span.end)


def _mean(total: int, things: Sequence[object]) -> str:
    return f"{total / len(things) / 1e6:.3f}"


def _span_words(chronicle: Chronicle, span: Span) -> str:
    where = event_words(chronicle, span.begin).removeprefix("the begin of ")
    if span.end is None:
        return f"{where}, without an end"
    return f"{where}, for {_length(span) / 1e6:.3f} ms"


def _meeting_words(chronicle: Chronicle, pair: tuple[Span, Span], *, sure: bool) -> str:
    one, other = sorted(pair, key=_begin)
    how = ", overlaps" if sure else ", may have overlapped (neither a cause nor the clock orders them)"
    return f"{_span_words(chronicle, one)}{how} {_span_words(chronicle, other)}"
