"""What is clever in the rules, held against what is plain: small random chronicles, each pair of events looked at."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import combinations, permutations, product

import pytest

from pytest_mpcheck import Event, History, Span
from pytest_mpcheck._history._chronicle import Chronicle, EventId, Link, LinkKind, Source
from pytest_mpcheck._ordering._happens_before import HappensBefore
from pytest_mpcheck._records import ProcessId

ROUNDS = 400
SOURCES = 3


class Play:
    """A random chronicle in which every event comes after what causes it, and threads do one thing at a time."""

    folder, epoch, timeout = "", 1, 1.0

    def __init__(self, seed: int, *, names: tuple[str, ...], steps: int, points: bool = False) -> None:
        self._random = random.Random(seed)
        self._at = 0
        self._sequences = [0] * SOURCES
        self._open: dict[tuple[int, int], Event] = {}
        self._events: list[Event] = []
        self._links: list[Link] = []
        self._clock_is_shared = self._random.random() < 0.7
        items = iter(range(steps * 2))
        for _ in range(steps):
            self._at += self._random.randrange(3)
            self._step(names, items, points=points)
        for lane in list(self._open):
            if self._random.random() < 0.8:
                self._at += self._random.randrange(3)
                self._end(lane)

    def chronicle(self) -> Chronicle:
        sources = tuple(Source(ProcessId(number, "token"), f"Process-{number}") for number in range(SOURCES))
        return Chronicle(sources, tuple(self._events), tuple(self._links), self._clock_is_shared)

    def _step(self, names: tuple[str, ...], items: Iterator[int], *, points: bool) -> None:
        lane = self._random.randrange(SOURCES), self._random.randrange(2)
        if lane in self._open:
            self._end(lane)
        elif points and self._random.random() < 0.5:
            self._record(lane, self._random.choice(names), "point", {"item": next(items)})
        else:
            begin = self._record(lane, self._random.choice(names), "begin", {"item": next(items)})
            self._open[lane] = begin
        if self._random.random() < 0.4:
            self._link()

    def _end(self, lane: tuple[int, int]) -> None:
        begin = self._open.pop(lane)
        self._record(lane, begin.name, "end", {}, begin.sequence)

    def _record(self, lane: tuple[int, int], name: str, kind: str, data: dict[str, object], begin: int = -1) -> Event:
        source, thread = lane
        sequence = self._sequences[source]
        self._sequences[source] += self._random.randrange(1, 3)
        event = Event(
            ProcessId(source, "token"),
            sequence,
            name,
            data,
            self._at,
            kind,  # type: ignore[arg-type]
            EventId(source, sequence),
            thread,
            begin if kind == "end" else None,
        )
        self._events.append(event)
        return event

    def _link(self) -> None:
        """Let the event that comes next in a source have a cause in another one."""
        before = self._random.choice(self._events)
        target = self._random.randrange(SOURCES)
        kinds: tuple[LinkKind, ...] = ("start", "message", "hold")
        place = EventId(target, self._sequences[target])
        self._links.append(Link(self._random.choice(kinds), before.id, place))


class Plain:
    """The same questions, answered by looking at everything."""

    def __init__(self, chronicle: Chronicle) -> None:
        self.chronicle = chronicle
        places = sorted({event.id for event in chronicle.events})
        self._later: dict[EventId, set[EventId]] = {}
        for place in reversed([event.id for event in chronicle.events]):
            following = {other for other in places if other.source == place.source and other.sequence > place.sequence}
            for link in chronicle.links:
                if link.before.source == place.source and link.before.sequence >= place.sequence:
                    after = link.after
                    following |= {o for o in places if o.source == after.source and o.sequence >= after.sequence}
            self._later[place] = following | {further for one in following for further in self._later.get(one, ())}

    def causes(self, one: Event, other: Event) -> bool:
        return other.id in self._later[one.id]

    def precedes(self, one: Event, other: Event, *, or_touches: bool = False) -> bool:
        if self.causes(one, other) or self.causes(other, one):
            return self.causes(one, other)
        return self.chronicle.clock_is_shared and (one.at <= other.at if or_touches else one.at < other.at)

    def is_over(self, span: Span, other: Span) -> bool:
        return span.end is not None and self.precedes(span.end, other.begin, or_touches=True)


def lane(event: Event) -> tuple[int, int]:
    return event.id.source, event.thread


def holds(assertion: Callable[..., None], *arguments: str) -> bool:
    try:
        assertion(*arguments)
    except AssertionError as error:
        if "nothing to judge" in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize("part", range(4))
def test_happens_before(part: int) -> None:
    for seed in range(part, ROUNDS, 4):
        chronicle = Play(seed, names=("a",), steps=12, points=True).chronicle()
        plain, clever = Plain(chronicle), HappensBefore(chronicle)
        for one, other in permutations(chronicle.events, 2):
            assert clever.leads_to(one.id, other.id) == plain.causes(one, other), seed


def test_order() -> None:
    seen = set()
    for seed in range(ROUNDS):
        play = Play(seed, names=("a", "b"), steps=4, points=True)
        chronicle, history = play.chronicle(), History(play)
        if {"a", "b"} - set(history.names):
            continue
        plain = Plain(chronicle)
        pairs = list(product(history.events("a"), history.events("b")))
        by_clock = holds(history.assert_order, "a", "b")
        by_cause = holds(history.assert_happens_before, "a", "b")
        assert by_clock == all(plain.precedes(*pair) for pair in pairs), seed
        assert by_cause == all(plain.causes(*pair) for pair in pairs), seed
        seen.add((by_clock, by_cause))
    assert seen == {(True, True), (True, False), (False, False)}


def test_overlap_and_exclusion() -> None:
    seen = set()
    for seed in range(ROUNDS):
        play = Play(seed, names=("a",), steps=6)
        chronicle, history = play.chronicle(), History(play)
        spans = chronicle.spans("a")
        if len({lane(span.begin) for span in spans}) < 2:
            continue
        plain = Plain(chronicle)
        pairs = [(one, other) for one, other in combinations(spans, 2) if lane(one.begin) != lane(other.begin)]
        exclusive = holds(history.assert_exclusive, "a")
        overlap = holds(history.assert_overlap, "a")
        assert exclusive == all(plain.is_over(*pair) or plain.is_over(*pair[::-1]) for pair in pairs), seed
        assert overlap == any(
            (one.end is None or plain.precedes(other.begin, one.end))
            and (other.end is None or plain.precedes(one.begin, other.end))
            for one, other in pairs
        ), seed
        seen.add((exclusive, overlap))
    assert seen == {(True, False), (False, True), (False, False)}


def test_fifo() -> None:
    seen = set()
    for seed in range(ROUNDS):
        play = Play(seed, names=("put",), steps=8)
        puts = play.chronicle().spans("put")
        order = random.Random(seed).sample(range(len(puts)), len(puts))
        if random.Random(seed).random() < 0.5:
            order.sort()
        gets = _received(play.chronicle(), puts, order)
        chronicle = Chronicle(gets.sources, gets.events, gets.links, gets.clock_is_shared)
        plain = Plain(chronicle)
        sends = {span.begin.data["item"]: span for span in chronicle.spans("put")}
        receives = {event.data["item"]: event for event in chronicle.events if event.name == "got"}
        bound = [
            (receives[one], receives[other])
            for one, other in permutations(sends, 2)
            if (end := sends[one].end) is not None and plain.precedes(end, sends[other].begin)
        ]
        if not bound:
            continue
        play.chronicle = lambda chronicle=chronicle: chronicle  # type: ignore[method-assign, misc]
        history = History(play)
        fifo = holds(history.assert_fifo, "put", "got")
        assert fifo == all(one.sequence < other.sequence for one, other in bound), seed
        seen.add(fifo)
    assert seen == {True, False}


def _received(chronicle: Chronicle, puts: tuple[Span, ...], order: list[int]) -> Chronicle:
    """Let a process of its own receive what was put, in this order."""
    number, at = len(chronicle.sources), chronicle.events[-1].at
    process = ProcessId(number, "token")
    got = [
        Event(process, place, "got", {"item": puts[which].data["item"]}, at + place, id=EventId(number, place))
        for place, which in enumerate(order)
    ]
    sources = (*chronicle.sources, Source(process, "receiver"))
    return Chronicle(sources, (*chronicle.events, *got), chronicle.links, chronicle.clock_is_shared)
