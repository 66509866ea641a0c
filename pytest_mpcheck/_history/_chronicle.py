"""`Chronicle`: all that the processes of one test have recorded.

Guarantees: frozen facts. What was lost is counted and never made up. Within a process, all its threads together, events
are ordered by their sequence numbers. Across processes a `Link` says that its source came before its target; nothing
else does, but for the clock, where the platform has one for all processes. Children do not load this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .._records import ProcessId

__all__ = ["Chronicle", "Event", "EventId", "EventKind", "Link", "LinkKind", "Source", "Span"]

EventKind: TypeAlias = Literal["point", "begin", "end"]
"""What an event is: a checkpoint, or the begin or the end of a span."""

LinkKind: TypeAlias = Literal["start", "join", "message", "hold"]
"""Why one event came before another in another process.

``start``: a process was started; ``join``: its end was waited for; ``message``: something was sent and received;
``hold``: a process was waited for at a checkpoint, or let go on from there.
"""


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """Where an event stands.

    Attributes:
        source: The number of its source in the chronicle.
        sequence: Its place in that source; grows, may have gaps.
    """

    source: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Source:
    """Who has recorded: a process, or an interpreter in it.

    Attributes:
        process: The process.
        name: Its name, as `multiprocessing.Process.name`; ``MainProcess`` for the process of the test.
        start_method: How it was started; empty for the process of the test, and where that is not known.
        dropped: How many events, the oldest, had to make room for later ones.
        torn: How many events were not there as a whole: the process was killed while it wrote them.
    """

    process: ProcessId
    name: str
    start_method: str = ""
    dropped: int = 0
    torn: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        process: The process that recorded it.
        sequence: Its place among the events of its process; grows, may have gaps.
        name: Its name.
        data: What was recorded with it.
        at: When, in nanoseconds of the clock of events (`_platforms.event_clock`).
        kind: What it is.
        id: Where it stands in the chronicle.
        thread: The number of the thread (`threading.get_ident`).
        begin: The sequence number of the begin, for the end of a span.
    """

    process: ProcessId
    sequence: int
    name: str
    data: Mapping[str, object]
    at: int
    kind: EventKind = "point"
    id: EventId = EventId(0, 0)
    thread: int = 0
    begin: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """That one event, or what stands at this place in its source, came before another.

    A place need not be an event of the chronicle: all that the source has recorded up to `before` came before all that
    the other one has recorded from `after` on.

    Attributes:
        kind: Why.
        before: The earlier place.
        after: The later place.
        at: When the later one was recorded, as `Event.at`; 0 where that is not known.
        thread: By which thread, as `Event.thread`.
    """

    kind: LinkKind
    before: EventId
    after: EventId
    at: int = field(default=0, compare=False)
    thread: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Span:
    """What lies between the begin of a span and its end.

    Attributes:
        begin: Its begin.
        end: Its end; ``None`` when there is none: the process was killed, or goes on.
    """

    begin: Event
    end: Event | None

    @property
    def name(self) -> str:
        """Its name."""
        return self.begin.name

    @property
    def data(self) -> dict[str, object]:
        """What was recorded with its begin, and then with its end."""
        return {**self.begin.data, **(self.end.data if self.end else {})}


@dataclass(frozen=True, slots=True)
class Chronicle:
    """What was recorded, up to the moment at which it was read.

    Attributes:
        sources: Who has recorded; `EventId.source` is an index of it. The process of the test is the first.
        events: The events, earlier ones first: by links, then by the clock.
        links: What orders events of different sources.
        clock_is_shared: Whether times of different processes compare.
    """

    sources: tuple[Source, ...] = ()
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    clock_is_shared: bool = True

    def source_of(self, event: Event) -> Source:
        """Return who has recorded an event."""
        return self.sources[event.id.source]

    def spans(self, name: str | None = None) -> tuple[Span, ...]:
        """Return the spans, of one name or of all, by the order of their begins."""
        ends = {(event.id.source, event.begin): event for event in self.events if event.kind == "end"}
        return tuple(
            Span(event, ends.get((event.id.source, event.sequence)))
            for event in self.events
            if event.kind == "begin" and name in (None, event.name)
        )
