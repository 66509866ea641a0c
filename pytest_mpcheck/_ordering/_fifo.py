"""Was what was sent first received first?

Guarantees: only what is known is held against a queue. Two sends are ordered when one had ended before the other
began, and so are two receives; checkpoints of different threads when one caused the other, for where a checkpoint lies,
before the send or after it, nobody knows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from .._excerpts import repr_of
from .._history._chronicle import Chronicle, Event
from ._broken import MOST, Broken, some_of
from ._extent import Lane, lane_of
from ._happens_before import HappensBefore
from ._selection import Selection, What, what_words
from ._timeline import event_words
from ._transfers import Act, Parcels, parcels_of

__all__ = ["broken_fifo"]

Transfer = tuple[Act, Act]


def broken_fifo(selection: Selection, sent: What, received: What, key: str) -> Broken | None:
    """Tell what was lost, doubled or overtaken; ``None`` when nothing was.

    Args:
        selection: The filters.
        sent: The sends.
        received: The receives.
        key: Under which name the data say what was sent or received.

    Raises:
        AssertionError: There is no send, or no receive.
        ValueError: One of them has no such data.
    """
    parcels = parcels_of(selection, sent, received, key)
    words = (
        f"assert_fifo: all that {what_words(sent)} sends has to come to {what_words(received)}, once and in that order"
    )
    if wrong := _miscounted(selection.chronicle, words, parcels):
        return wrong
    queue = _Queue(selection.chronicle, parcels.transfers)
    overtaken = list(queue.overtaken())
    if overtaken:
        acts = [act for pair in overtaken[:MOST] for transfer in pair for act in transfer]
        return Broken(
            f"{words}; one was overtaken by another",
            some_of(overtaken, lambda pair: _overtaken_words(selection.chronicle, *pair)),
            _events(acts),
            "let one process send and one receive, use what keeps the order (imap, not imap_unordered), "
            "or do not rely on it",
        )
    if not queue.judged:
        count = len(parcels.transfers)
        none = f"no two of the {count} have an order of their sends and one of their receives"
        return Broken(
            f"{words}; {none if count else 'nothing was sent just once and received'}: nothing to judge",
            (),
            (),
            "send at least two things that differ, one after the other; let sends and receives of several processes be "
            "spans: of checkpoints nobody knows whether they come before or after the send itself",
        )
    return None


def _miscounted(chronicle: Chronicle, words: str, parcels: Parcels) -> Broken | None:
    """Tell what was lost or doubled; ``None`` when nothing was."""
    wrong = [("received and never sent, or more often than sent", act) for act in parcels.surplus]
    what = [f"{len(parcels.surplus)} came too often"] * bool(parcels.surplus)
    if len(parcels.lost) > parcels.pending:  # else each may be with one of those that never ended
        wrong += [("lost, sent and not received", act) for act in parcels.lost]
        what += [f"{len(parcels.lost)} got lost"]
    if not wrong:
        return None
    return Broken(
        f"{words}; {' and '.join(what)}",
        some_of(wrong, lambda pair: f"{pair[0]}: {_act_words(chronicle, pair[1])}"),
        _events([act for _, act in wrong[:MOST]]),
        "receive all that was sent before this assertion; leave out by where= what is not to be received",
    )


class _Queue:
    """The transfers, by who sent and who received.

    Attributes:
        judged: Whether any two transfers have an order of their sends and of their receives.
    """

    def __init__(self, chronicle: Chronicle, transfers: Sequence[Transfer]) -> None:
        self._before = HappensBefore(chronicle)
        self._clock_is_shared = chronicle.clock_is_shared
        self.judged = False
        self._groups: dict[tuple[Lane, Lane], list[Transfer]] = defaultdict(list)
        for transfer in sorted(transfers, key=lambda transfer: transfer[0].begin.id):
            lanes = lane_of(transfer[0].begin), lane_of(transfer[1].begin)
            self._groups[lanes].append(transfer)

    def overtaken(self) -> Iterator[tuple[Transfer, Transfer]]:
        """Give what was sent first and received last, each with the first that has overtaken it."""
        for others in self._groups.values():
            earliest, latest = _suffixes(others)
            for group in self._groups.values():
                for transfer in group:
                    start = bisect_right(others, False, key=lambda other: self._precedes(transfer[0], other[0]))
                    if start == len(others):
                        continue
                    fastest, slowest = others[earliest[start]], others[latest[start]]
                    if self._precedes(fastest[1], transfer[1]):
                        self.judged = True
                        yield transfer, fastest
                    elif self._precedes(transfer[1], slowest[1]):
                        self.judged = True

    def _precedes(self, one: Act, other: Act) -> bool:
        """Tell whether one act was surely over before the other began."""
        if one.end is None:
            return False
        if lane_of(one.end) == lane_of(other.begin):
            return one.end.sequence < other.begin.sequence
        if one.end is one.begin or other.end is other.begin:  # checkpoints
            return one.end.id.source != other.begin.id.source and self._before.leads_to(one.end.id, other.begin.id)
        return self._before.order(one.end, other.begin) == "before"


def _suffixes(transfers: Sequence[Transfer]) -> tuple[list[int], list[int]]:
    """Return for each place, of all transfers from there on, the one that was received first, and the one last."""
    order = range(len(transfers) - 1, -1, -1)

    def received(number: int) -> int:
        return transfers[number][1].begin.sequence

    def earlier(one: int, other: int) -> int:
        return min(one, other, key=received)

    def later(one: int, other: int) -> int:
        return max(one, other, key=received)

    earliest, latest = list(accumulate(order, earlier)), list(accumulate(order, later))
    return earliest[::-1], latest[::-1]


def _events(acts: Sequence[Act]) -> tuple[Event, ...]:
    return tuple(event for act in acts for event in (act.begin, act.end) if event is not None)


def _act_words(chronicle: Chronicle, act: Act) -> str:
    return f"{repr_of(act.value)}, {event_words(chronicle, act.begin)}"


def _overtaken_words(chronicle: Chronicle, first: Transfer, second: Transfer) -> str:
    return (
        f"{repr_of(first[0].value)} was sent before {repr_of(second[0].value)} and received after it: "
        f"{event_words(chronicle, second[1].begin)} came before {event_words(chronicle, first[1].begin)}"
    )
