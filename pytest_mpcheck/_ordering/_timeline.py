"""The timeline: events as text, a column for each process.

Guarantees: at most so many lines, however many events there are; what is left out is counted. Plain text, but for the
colours where they are asked for; only ASCII of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from .._excerpts import repr_of
from .._history._chronicle import Chronicle, Event, EventId

__all__ = ["FEWEST_LINES", "LINES", "event_words", "moment", "timeline"]

LINES = 40
"""How many lines a timeline has, at most."""

FEWEST_LINES = 8
"""How many lines it takes to show anything."""

MOST_COLUMNS = 8
"""How many processes have a column."""

WIDTH = 110
"""How wide a timeline is, as long as its columns are readable."""

_NARROWEST, _WIDEST = 14, 40

_SIGNS = {"point": "", "begin": "[ ", "end": "] "}
_RED, _PLAIN = "\x1b[31m\x1b[1m", "\x1b[0m"


def timeline(
    chronicle: Chronicle, marked: Collection[EventId] = (), *, lines: int = LINES, colour: bool = False
) -> list[str]:
    """Draw events.

    Args:
        chronicle: The events.
        marked: Those that are to be marked, and shown if there is room for one thing only; none: the first and last.
        lines: How many lines there may be.
        colour: Whether marked events are red and all others are not, inside of a text that pytest prints in red.

    Returns:
        The lines, without their ends.
    """
    if not chronicle.events:
        return ["(no events)"]
    columns = _columns(chronicle, marked)
    shown = [event for event in chronicle.events if event.id.source in columns]
    others = len({event.id.source for event in chronicle.events} - set(columns))
    rows = _chosen(shown, marked, lines - 1 - bool(others))
    columns = [source for source in columns if any(shown[row].id.source == source for row in rows)]
    width = min(_WIDEST, max(_NARROWEST, (WIDTH - 16) // len(columns)))
    text = [_line("  ", "ms", [_head(chronicle, source, width) for source in columns], width)]
    threads = _threads(shown)
    running: Counter[int] = Counter()
    next_row = 0
    for row, event in enumerate(shown):
        running[event.id.source] += {"point": 0, "begin": 1, "end": -1}[event.kind]
        if row not in rows:
            continue
        if row > next_row:
            text.append(_gap(row - next_row))
        next_row = row + 1
        cells = [
            _cell(event, threads, width) if source == event.id.source else "|" if running[source] > 0 else ""
            for source in columns
        ]
        is_marked = event.id in marked
        text.append(_line("> " if is_marked else "  ", moment(chronicle, event), cells, width))
        if colour:
            text[-1] = f"{_RED if is_marked else _PLAIN}{text[-1]}{_PLAIN}"
    if next_row < len(shown):
        text.append(_gap(len(shown) - next_row))
    if others:
        text.append(f"  ... {others} processes more")
    return text


def event_words(chronicle: Chronicle, event: Event) -> str:
    """Tell an event: its name, its data, who recorded it, and when."""
    source = chronicle.source_of(event)
    kind = {"point": "", "begin": "the begin of ", "end": "the end of "}[event.kind]
    data = _data(event)
    at = moment(chronicle, event)
    words = f"{kind}{event.name!r}{f' ({data})' if data else ''} of {source.name!r} (pid {source.process.pid})"
    return f"{words} at {at} ms" if at else words


def moment(chronicle: Chronicle, event: Event) -> str:
    """Tell when an event was, in milliseconds since the first one; nothing where times do not compare."""
    if not chronicle.clock_is_shared:
        return ""
    return f"{(event.at - chronicle.events[0].at) / 1e6:.3f}"


def _columns(chronicle: Chronicle, marked: Collection[EventId]) -> list[int]:
    """Choose the sources that get a column: those of marked events first, then the others by their first events."""
    first = dict.fromkeys(event.id.source for event in chronicle.events)
    concerned = dict.fromkeys(source for source in first if any(place.source == source for place in marked))
    return sorted([*concerned, *(source for source in first if source not in concerned)][:MOST_COLUMNS])


def _chosen(events: Sequence[Event], marked: Collection[EventId], room: int) -> set[int]:
    """Choose the rows: all, or those around what is marked, or the first and the last."""
    if len(events) <= (room if not marked else room // 2):
        return set(range(len(events)))
    places = [row for row, event in enumerate(events) if event.id in marked]
    if not places:
        half = (room - 1) // 2
        return {*range(half), *range(len(events) - half, len(events))}
    places = places[: room // 2] + places[room // 2 :][-(room // 2) :]  # the first and the last say most
    while True:
        for context in (3, 2, 1, 0):
            rows = {row for place in places for row in range(place - context, place + context + 1)}
            rows &= set(range(len(events)))
            if len(rows) + _gaps(rows, len(events)) <= room:
                return rows
        places.pop(len(places) // 2)


def _gaps(rows: set[int], count: int) -> int:
    return sum(row - 1 not in rows for row in rows if row) + (count - 1 not in rows)


def _gap(count: int) -> str:
    return f"  ... {count} event{'s' * (count > 1)}"


def _line(mark: str, at: str, cells: Sequence[str], width: int) -> str:
    return f"{mark}{at:>10}  {' '.join(cell.ljust(width) for cell in cells)}".rstrip()


def _head(chronicle: Chronicle, source: int, width: int) -> str:
    facts = chronicle.sources[source]
    pid = str(facts.process.pid)
    return f"{_cut(_one_line(facts.name), width - len(pid) - 1)} {pid}"


def _threads(events: Sequence[Event]) -> dict[tuple[int, int], int]:
    """Number the threads of each source, by their first events."""
    numbers: dict[tuple[int, int], int] = {}
    of_source: Counter[int] = Counter()
    for event in events:
        key = event.id.source, event.thread
        if key not in numbers:
            of_source[event.id.source] += 1
            numbers[key] = of_source[event.id.source]
    return numbers


def _cell(event: Event, threads: dict[tuple[int, int], int], width: int) -> str:
    number = threads[event.id.source, event.thread]
    thread = f"t{number}: " if number > 1 else ""
    return _cut(f"{thread}{_SIGNS[event.kind]}{_one_line(event.name)} {_data(event)}".rstrip(), width)


def _data(event: Event) -> str:
    return ", ".join(f"{key}={repr_of(value, 60)}" for key, value in event.data.items())


def _one_line(text: str) -> str:
    return text if text.isprintable() else repr(text)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 2]}.."
