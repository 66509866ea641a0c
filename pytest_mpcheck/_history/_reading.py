"""Reads the log: the files that processes have written, and may be writing, as a `Chronicle`.

Guarantees: no event that nobody has recorded, and none twice, whatever the files hold; nothing raises for what they
hold. What was recorded before the reading began is there, but for what had to make room, and is counted.

In which order events come: what one source has recorded, by its tickets; what a link says came before, before; the rest
by the clock, which is promised to be one for all processes on Linux, macOS and Windows (see `_platforms.event_clock`),
and elsewhere orders what nothing else does, without a promise.
"""

from __future__ import annotations

import heapq
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from .. import _platforms
from .._records import ProcessId
from ._chronicle import Chronicle, Event, EventId, EventKind, Link, LinkKind, Source
from ._layout import BEGIN, CONTROL, END, LINK, POINT
from ._slots import Record, SourceFile, read_file

__all__ = ["read_chronicle"]

_EVENT_KINDS: dict[int, EventKind] = {POINT: "point", BEGIN: "begin", END: "end"}

_LINK_KINDS = get_args(LinkKind)


def read_chronicle(folder: str, epoch: int) -> Chronicle:
    """Read what was recorded in a test up to now, in the process of the test.

    Args:
        folder: The folder of the log.
        epoch: The number of the test.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        names = []
    files = [found for name in names if name != CONTROL and (found := read_file(folder, name, epoch))]
    pid = os.getpid()
    own = ProcessId(pid, _platforms.start_token(pid))
    files.sort(key=lambda file: (_process(file) != own, file.records[0].at if file.records else 0, file.key))
    sources = [_source(file) for file in files]
    if not sources or sources[0].process != own:
        sources.insert(0, Source(own, "MainProcess"))
        files.insert(0, SourceFile("", {}, (), 0, 0))
    numbers = {file.key: number for number, file in enumerate(files)}
    last = [file.records[-1].sequence if file.records else -1 for file in files]
    links = tuple(
        link
        for number, file in enumerate(files)
        for record in file.records
        if record.kind == LINK and (link := _link(record, number, numbers, last))
    )
    events = [
        [event for record in file.records if (event := _event(record, number, sources[number].process))]
        for number, file in enumerate(files)
    ]
    return Chronicle(tuple(sources), tuple(_in_order(events, links)), links, _platforms.clock_is_shared())


def _process(file: SourceFile) -> ProcessId:
    return ProcessId(file.facts["pid"], file.facts["start_token"])


def _source(file: SourceFile) -> Source:
    return Source(_process(file), file.facts["name"], file.facts["start_method"], file.dropped, file.torn)


def _event(record: Record, source: int, process: ProcessId) -> Event | None:
    kind = _EVENT_KINDS.get(record.kind)
    if kind is None:
        return None
    data = record.data
    begin = data.pop(0) if kind == "end" else None
    return Event(
        process,
        record.sequence,
        record.name,
        data,
        record.at,
        kind,
        EventId(source, record.sequence),
        record.thread,
        begin,
    )


def _link(record: Record, source: int, numbers: dict[str, int], last: Sequence[int]) -> Link | None:
    key: Any = record.data.get(0)
    sequence: Any = record.data.get(1)
    other = numbers.get(key)
    if other is None or record.name not in _LINK_KINDS:
        return None
    kind: Any = record.name
    before = EventId(other, last[other] if sequence < 0 else sequence)
    return Link(kind, before, EventId(source, record.sequence), record.at, record.thread)


def _in_order(events: Sequence[Sequence[Event]], links: Iterable[Link]) -> Iterable[Event]:
    """Give the events of all sources, each once all are given that a link puts before it."""
    needs: list[list[Link]] = [[] for _ in events]
    for link in links:
        needs[link.after.source].append(link)
    for of_source in needs:
        of_source.sort(key=lambda link: link.after.sequence, reverse=True)
    positions = [0] * len(events)
    waiting: dict[int, set[int]] = defaultdict(set)  # who waits for whom
    ready: list[tuple[int, int]] = []

    def offer(source: int) -> None:
        """Offer the next event of a source, or let the source wait for the one that is in its way."""
        if positions[source] == len(events[source]):
            return
        event = events[source][positions[source]]
        while needs[source] and needs[source][-1].after.sequence <= event.sequence:
            before = needs[source][-1].before
            if before.source != source and not has_passed(before):
                waiting[before.source].add(source)
                return
            needs[source].pop()
        heapq.heappush(ready, (event.at, source))

    def has_passed(place: EventId) -> bool:
        position = positions[place.source]
        of_source = events[place.source]
        return position == len(of_source) or of_source[position].sequence > place.sequence

    for source in range(len(events)):
        offer(source)
    while ready or any(waiting.values()):
        if not ready:  # links that contradict each other: nothing orders these but the clock
            blocked = min(set().union(*waiting.values()), key=lambda one: events[one][positions[one]].at)
            for others in waiting.values():
                others.discard(blocked)
            needs[blocked].pop()
            offer(blocked)
            continue
        _, source = heapq.heappop(ready)
        yield events[source][positions[source]]
        positions[source] += 1
        offer(source)
        for other in waiting.pop(source, ()):
            offer(other)
