"""`Transfer`: a thing that was sent and received.

Guarantees: a send or a receive that did nothing, because it raised or never came back, is none. Things are told apart
by their value and its type.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from .._excerpts import repr_of
from .._history._chronicle import Event
from ._selection import Selection, What, what_words

__all__ = ["Act", "Parcels", "parcels_of"]


@dataclass(frozen=True, slots=True)
class Act:
    """A send, or a receive: a span, or a checkpoint, of which nobody knows how it lies to the act itself.

    Attributes:
        begin: Its first event.
        end: Its last one, or the first again; ``None`` for a span without an end.
        value: What was sent or received.
    """

    begin: Event
    end: Event | None
    value: object


@dataclass(frozen=True, slots=True)
class Parcels:
    """All that was sent and received.

    Attributes:
        transfers: What was sent once and received once: the send and the receive.
        lost: Sends of what was not received as often as it was sent.
        surplus: Receives of what was not sent as often as it was received.
        pending: How many receives never ended: each may have taken something.
    """

    transfers: tuple[tuple[Act, Act], ...]
    lost: tuple[Act, ...]
    surplus: tuple[Act, ...]
    pending: int


def parcels_of(selection: Selection, sent: What, received: What, key: str) -> Parcels:
    """Find out what of that which was sent was received.

    Args:
        selection: The filters.
        sent: The sends.
        received: The receives.
        key: Under which name the thing is among the data.

    Raises:
        AssertionError: There is no send, or no receive.
        ValueError: One of them has no such data.
    """
    sends, _ = _acts(selection, sent, key)
    receives, pending = _acts(selection, received, key)
    sent_of, received_of = _by_value(sends), _by_value(receives)
    transfers: list[tuple[Act, Act]] = []
    lost: list[Act] = []
    surplus: list[Act] = []
    for value in dict.fromkeys([*sent_of, *received_of]):
        out, back = sent_of.get(value, []), received_of.get(value, [])
        if len(out) == len(back) == 1:
            transfers.append((out[0], back[0]))
        ended = sum(act.end is not None for act in out)  # the others may not have got so far
        lost += out[len(back) :] if ended > len(back) else []
        surplus += back[len(out) :]
    return Parcels(tuple(transfers), tuple(lost), tuple(surplus), pending)


def _acts(selection: Selection, what: What, key: str) -> tuple[list[Act], int]:
    """Return the acts, and how many more there may have been."""
    events = selection.needed_events(what)
    spans = {span.begin.id: span for span in selection.chronicle.spans()}
    acts: list[Act] = []
    pending = 0
    for event in events:
        if event.kind == "end":
            continue
        span = spans.get(event.id)
        data = event.data if span is None else span.data
        if "raised" in data:
            continue
        end = event if span is None else span.end
        name = key if key in data else "result"
        if span is not None and end is None and name not in data:
            pending += 1
        elif name in data and (name == key or span is not None):
            acts.append(Act(event, end, data[name]))
        else:
            known = ", ".join(map(repr, data)) or "none"
            raise ValueError(
                f"key={key!r}: an event {what_words(what)} has no such data; it has {known}: "
                f"give the name under which it says what was sent or received"
            )
    return acts, pending


def _by_value(acts: Sequence[Act]) -> dict[Hashable, list[Act]]:
    groups: dict[Hashable, list[Act]] = defaultdict(list)
    for act in acts:
        groups[_identity(act.value)].append(act)
    return groups


def _identity(value: object) -> Hashable:
    """Return what tells values apart: 1 is neither True nor 1.0, and equal lists are one."""
    try:
        hash(value)
    except TypeError:
        return type(value), repr_of(value, 10_000)
    return type(value), value
