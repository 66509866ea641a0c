"""A test as marks of a trace: what its processes have recorded, and when they lived.

Guarantees: pure. Every mark lies within a slice of its own thread, so that a viewer can bind arrows to slices at both
ends; slices of a lane lie within each other or apart; an arrow never leads back in time. A span that has no end is
closed where its thread was last heard of, and says so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import NamedTuple

from .._history._chronicle import Chronicle, Event, EventId, Link, Span
from .._records import ProcessId
from .._words import exit_words
from ._arguments import arguments
from ._lanes import Slice, in_lanes
from ._life import Life, TracedTest
from ._mark import Mark
from ._tracks import Point, Track, Tracks

__all__ = ["draw", "identified", "names_of"]

NOTE = "no end"
"""The argument by which a slice says that nothing is known of its end, and why."""

_SLICE, _INSTANT, _FLOW = range(3)
"""What goes before what at the same moment."""


def draw(test: TracedTest, chronicle: Chronicle, lives: Iterable[Life]) -> list[Mark]:
    """Draw a test.

    Args:
        test: The test.
        chronicle: What was recorded in it.
        lives: The processes that it has started.

    Returns:
        The marks, earlier ones first.
    """
    drawing = _Drawing(test, chronicle, lives)
    drawing.lay_out()
    return drawing.marks()


def identified(lives: Sequence[Life], chronicle: Chronicle) -> tuple[Life, ...]:
    """Complete the lives of processes that had ended before their start token was asked for.

    Args:
        lives: The lives.
        chronicle: What was recorded meanwhile, maybe by these, too: they know their own.
    """
    taken = {life.process for life in lives}
    recorded = {source.process.pid: source.process for source in chronicle.sources if source.process not in taken}
    return tuple(
        life
        if life.process.start_token
        else replace(life, process=recorded.pop(life.process.pid, ProcessId(life.process.pid, f"at {life.begin}")))
        for life in lives
    )


def names_of(chronicle: Chronicle, lives: Iterable[Life]) -> dict[ProcessId, str]:
    """Name the processes of a test but its own: the name that `multiprocessing` gave, and the start method."""
    named = [(life.process, life.name, life.start_method) for life in lives]
    named += [(source.process, source.name, source.start_method) for source in chronicle.sources[1:]]
    names: dict[ProcessId, str] = {}
    for process, name, method in named:
        names.setdefault(process, f"{name or 'process'} ({method})" if method else name or "process")
    return names


class _Place(NamedTuple):
    """Where an event or a link stands in a source, when it was recorded, and by which thread."""

    sequence: int
    at: int
    thread: int
    is_event: bool


class _Drawing:
    def __init__(self, test: TracedTest, chronicle: Chronicle, lives: Iterable[Life]) -> None:
        self._test = test
        self._chronicle = chronicle
        self._lives = {life.process: life for life in lives}
        self._names = names_of(chronicle, self._lives.values())
        self._tracks = Tracks()
        self._flows = count(1)
        self._marks: list[tuple[int, int, Mark]] = []  # after what decides at the same moment
        self._places: list[list[_Place]] = [[] for _ in chronicle.sources]
        self._drawn: set[tuple[str, EventId, EventId]] = set()
        for event in chronicle.events:
            at = event.at - (event.kind == "end")  # where an arrow meets a span's end it is still within the span
            self._places[event.id.source].append(_Place(event.sequence, at, event.thread, True))
        for link in chronicle.links:
            if link.at:
                self._places[link.after.source].append(_Place(link.after.sequence, link.at, link.thread, False))
        for places in self._places:
            places.sort()

    def lay_out(self) -> None:
        """Find out who was there when, and put everything on its track."""
        test = self._test
        self._tracks.thread(test.process, test.thread, test.begin).touch(test.end)
        for event in self._chronicle.events:
            self._tracks.thread(event.process, event.thread, event.at)
        for life in self._lives.values():
            self._life(life)
        for link in self._chronicle.links:
            self._link(link)
        spans = self._chronicle.spans()
        for span in spans:
            self._span(span)
        begins = {span.begin.id for span in spans}
        for event in self._chronicle.events:
            if event.kind == "point":
                self._instant(event, event.name)
            elif event.kind == "end" and EventId(event.id.source, event.begin or 0) not in begins:
                self._instant(event, f"end of {event.name}")  # its begin had to make room
        for track in self._tracks:
            self._slices(track)

    def marks(self) -> list[Mark]:
        """Return all marks, earlier ones first."""
        return [mark for _, _, mark in sorted(self._marks, key=lambda one: (one[2].at, one[0], one[1]))]

    def _life(self, life: Life) -> None:
        home = self._tracks.home(life.process, life.begin)
        home.touch(self._test.end if life.end is None else life.end)
        starter = self._tracks.thread(self._test.process, life.thread, life.begin)
        self._arrow("start", Point(starter, life.begin), Point(home, life.begin))
        if life.end is not None:
            waiter = self._tracks.thread(self._test.process, life.end_thread, life.end)
            self._arrow("join", Point(home, life.end - 1), Point(waiter, life.end))

    def _link(self, link: Link) -> None:
        """Draw a link as an arrow between what was recorded next to it, unless a life has drawn it already."""
        whose = link.after if link.kind == "start" else link.before
        life = self._lives.get(self._chronicle.sources[whose.source].process)
        if life and (link.kind == "start" or (link.kind == "join" and life.end is not None)):
            return
        earlier, later = self._places[link.before.source], self._places[link.after.source]
        before = bisect_right(earlier, link.before.sequence, key=_sequence)
        after = bisect_left(later, link.after.sequence, key=_sequence)
        if after == len(later):
            return  # what has recorded it has had to make room
        following = next((place.sequence for place in later[after:] if place.is_event), -1)
        what = link.kind, link.before, EventId(link.after.source, following)
        if what not in self._drawn:  # a message may have been noted twice on its way
            self._drawn.add(what)
            arrives = self._point(link.after, later[after])
            process = self._chronicle.sources[link.before.source].process
            home = Point(self._tracks.home(process, arrives.at), arrives.at)
            self._arrow(link.kind, self._point(link.before, earlier[before - 1]) if before else home, arrives)

    def _point(self, where: EventId, place: _Place) -> Point:
        process = self._chronicle.sources[where.source].process
        return Point(self._tracks.thread(process, place.thread, place.at), place.at)

    def _arrow(self, kind: str, before: Point, after: Point) -> None:
        flow = next(self._flows)
        fields: dict[str, object] = {"name": kind, "cat": kind}
        for track, at, end in ((*before, {"ph": "s"}), (after.track, max(before.at, after.at), {"ph": "f", "bp": "e"})):
            track.touch(at)
            mark = Mark(at, track.process, str(track.thread), flow, fields | end)
            self._marks.append((_FLOW, flow, mark))

    def _instant(self, event: Event, name: str) -> None:
        known = arguments(event.data)
        fields: dict[str, object] = {"name": name, "cat": "checkpoint", "ph": "i", "s": "t", "args": known}
        self._marks.append((_INSTANT, event.sequence, Mark(event.at, event.process, str(event.thread), 0, fields)))

    def _span(self, span: Span) -> None:
        begin, end = span.begin, span.end
        track = self._tracks.thread(begin.process, begin.thread, begin.at)
        known = arguments(span.data)
        if end is None:
            known[NOTE] = self._fate(begin.process)
        last = track.last if end is None else max(begin.at, end.at)
        track.touch(last)
        track.slices.append(Slice(begin.at, last, begin.sequence, span.name, "span", known))

    def _slices(self, track: Track) -> None:
        whole = Slice(track.first, track.last + 1, -1, *self._whole(track))
        for lane, one in in_lanes([whole, *track.slices]):
            duration = one.end - one.begin
            fields = {"name": one.name, "cat": one.category, "ph": "X", "dur": duration / 1000, "args": one.arguments}
            thread = f"{track.thread}+{lane}" if lane else str(track.thread)
            self._marks.append((_SLICE, -duration, Mark(one.begin, track.process, thread, 0, fields)))

    def _whole(self, track: Track) -> tuple[str, str, dict[str, object]]:
        """Return what a track is as a whole: the test, or a process as far as it was there in the test."""
        process = track.process
        if process == self._test.process:
            return self._test.name, "test", {}
        known: dict[str, object] = {"test": self._test.name}
        if self._tracks.is_home(track):
            life = self._lives.get(process)
            if life and life.origin:
                known["started at"] = life.origin
            known["end"] = self._fate(process)
            for source in self._chronicle.sources:
                lost = {"dropped": source.dropped, "torn": source.torn} if source.process == process else {}
                known |= {key: value for key, value in lost.items() if value}
        return self._names[process], "process", known

    def _fate(self, process: ProcessId) -> str:
        life = self._lives.get(process)
        if life is not None and life.end is not None:
            return exit_words(life.exitcode)
        return "the test was over before anybody saw it end"


def _sequence(place: _Place) -> int:
    return place.sequence
