"""`Selection`: the events that an assertion is about.

Guarantees: what an assertion needs is there, or it fails: with the names that were seen, and the nearest one.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from .._excerpts import repr_of
from .._history._chronicle import Chronicle, Event, Source, Span
from .._records import ProcessId
from ._broken import lost_words

__all__ = ["Process", "Selection", "What", "Where", "what_words"]

MOST_NAMES = 20
"""How many names are told."""


class _HasPid(Protocol):
    @property
    def pid(self) -> int | None: ...


What: TypeAlias = str | Event | Span | Sequence[Event | Span]
"""Events: all of one name, or these."""

Process: TypeAlias = str | int | ProcessId | _HasPid
"""A process: its name, its pid, or whatever has a pid: a `Child`, a `multiprocessing.Process`."""

Where: TypeAlias = Mapping[str, object] | Callable[[Event], object]
"""Which data an event has: each of these values; or what this function says of it."""


class Selection:
    """The events of a chronicle that pass the filters of an assertion.

    Attributes:
        chronicle: All events.
        sources: The sources that pass.
        by_name: Whether events were asked for by name, so that one that was lost might be among them.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        process: Process | None = None,
        where: Where | None = None,
        *,
        may_be_nobody: bool = False,
    ) -> None:
        """Choose the sources.

        Args:
            chronicle: All events.
            process: Only those of this process.
            where: Only those with these data.
            may_be_nobody: Whether the process may have recorded nothing.

        Raises:
            AssertionError: The process has recorded nothing.
            ValueError: `process` or `where` is nothing of that kind.
        """
        if not (where is None or callable(where) or isinstance(where, Mapping)):
            raise ValueError(f"where={repr_of(where)}: give a mapping of data, or a function of an event")
        self.chronicle = chronicle
        self._where = where
        self._process = process
        self._thread = _thread_of(process)
        self.sources = frozenset(
            number for number, source in enumerate(chronicle.sources) if process is None or _is(source, process)
        )
        if not self.sources and not may_be_nobody:
            seen = ", ".join(f"{source.name!r} (pid {source.process.pid})" for source in chronicle.sources[:MOST_NAMES])
            raise AssertionError(
                f"process={_process_words(process)}: this process has recorded nothing; those that have: "
                f"{seen or 'none'}\nwhat to do: see whether it has come to its first checkpoint"
            )
        self.by_name = False

    def events(self, what: What | None = None) -> tuple[Event, ...]:
        """Return the events that pass; of all names where none is given."""
        begins = _begins_of(self.chronicle.events)
        return tuple(
            event
            for event in self._named(what)
            if self._is_theirs(event) and self._passes(event, _data_of(event, begins))
        )

    def spans(self, what: What | None = None) -> tuple[Span, ...]:
        """Return the spans that pass; of all names where none is given."""
        begins = {event.id for event in self._named(what)}
        return tuple(
            span
            for span in self.chronicle.spans(what if isinstance(what, str) else None)
            if self._is_theirs(span.begin) and span.begin.id in begins and self._passes(span.begin, span.data)
        )

    def needed_events(self, what: What) -> tuple[Event, ...]:
        """Return the events that pass.

        Raises:
            AssertionError: There is none.
        """
        events = self.events(what)
        if not events:
            raise AssertionError(self.nothing("event", what))
        return events

    def needed_spans(self, what: What) -> tuple[Span, ...]:
        """Return the spans that pass.

        Raises:
            AssertionError: There is none.
        """
        spans = self.spans(what)
        if not spans:
            raise AssertionError(self.nothing("span", what))
        return spans

    def _named(self, what: What | None) -> tuple[Event, ...]:
        if what is None or isinstance(what, str):
            self.by_name = True
            return tuple(event for event in self.chronicle.events if what in (None, event.name))
        here = {(event.process, event.sequence, event.name, event.at): event for event in self.chronicle.events}
        found: list[Event] = []
        for event in _listed(what):
            known = here.get((event.process, event.sequence, event.name, event.at))
            if known is None:
                raise ValueError(f"the event {event.name!r} of pid {event.process.pid} is none of this history")
            found.append(known)
        return tuple(found)

    def _is_theirs(self, event: Event) -> bool:
        return event.id.source in self.sources and self._thread in (None, event.thread)

    def _passes(self, event: Event, data: Mapping[str, object]) -> bool:
        if self._where is None:
            return True
        if callable(self._where):
            return bool(self._where(event))
        return all(key in data and data[key] == value for key, value in self._where.items())

    def nothing(self, noun: str, what: What) -> str:
        """Tell that there is nothing to judge, and what there is instead.

        Args:
            noun: What there should have been: an event, or a span.
            what: Which.
        """
        name = what if isinstance(what, str) else ""
        lines = [f"there is no {noun} {what_words(what)}{self._filters()}: nothing to judge"]
        same = [event for event in self.chronicle.events if event.name == name]
        names = Counter(event.name for event in self.chronicle.events)
        if same and not any(event.kind == "begin" for event in same) and noun == "span":
            lines.append(f"{name!r} is the name of a checkpoint ({len(same)} times)")
            remedy = "record what takes time by `with span(...)`"
        elif same:
            data = _data_of(same[-1], _begins_of(same))
            lines.append(f"the filters leave out all events {name!r} ({len(same)}); the last one: {_with(data)}")
            remedy = "see whether process= and where= say what you mean"
        else:
            seen = ", ".join(f"{name!r} ({count})" for name, count in names.most_common(MOST_NAMES))
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            lines.append(f"names seen: {seen}{more}" if names else "no event was recorded in this test at all")
            objects = {seen.rpartition(".")[0]: seen for seen in names if "." in seen}
            if nearest := difflib.get_close_matches(name.removesuffix(".<operation>"), {**objects, **names}, n=1):
                lines.append(f"the nearest: {objects.get(nearest[0], nearest[0])!r}")
            remedy = "see that the code comes to its checkpoint before this assertion, and that the name is right"
        lost = lost_words(self.chronicle, range(len(self.chronicle.sources)))
        return "\n".join([*lines, *lost, f"what to do: {remedy}"])

    def _filters(self) -> str:
        words = "" if self._process is None else f" of process {_process_words(self._process)}"
        if isinstance(self._where, Mapping):
            words += " with " + ", ".join(f"{key}={repr_of(value)}" for key, value in self._where.items())
        elif self._where is not None:
            words += f" for which {getattr(self._where, '__name__', None) or repr_of(self._where)} is true"
        return words


def what_words(what: What) -> str:
    """Name what an assertion was asked about."""
    if isinstance(what, str):
        return repr(what)
    names = dict.fromkeys(event.name for event in _listed(what))
    return "of an empty sequence" if not names else "/".join(map(repr, names))


def _listed(what: Event | Span | Sequence[Event | Span]) -> list[Event]:
    """Return events one by one; a span as its begin and its end."""
    things = list(what) if isinstance(what, Iterable) else [what]
    events: list[Event] = []
    for thing in things:
        if isinstance(thing, Span):
            events += [thing.begin] if thing.end is None else [thing.begin, thing.end]
        elif isinstance(thing, Event):
            events.append(thing)
        else:
            raise ValueError(f"{repr_of(thing)} is no event: give a name, an event or a span, or a sequence of these")
    return events


def _is(source: Source, process: Process) -> bool:
    match process:
        case str():
            return source.name == process
        case int():
            return source.process.pid == process
        case ProcessId():
            return source.process == process
        case _ if hasattr(process, "pid"):
            return source.process.pid == process.pid
    raise ValueError(f"process={repr_of(process)}: give a name, a pid or a child")


def _thread_of(process: Process | None) -> int | None:
    """Return the thread that a child is which is no process."""
    known: Any = process
    return known.process.ident if getattr(process, "start_method", "") in ("thread", "interpreter") else None


def _process_words(process: Process | None) -> str:
    return repr_of(getattr(process, "name", process))


def _begins_of(events: Iterable[Event]) -> dict[tuple[int, int | None], Event]:
    """Return the begins of spans, by what their ends say of them."""
    return {(event.id.source, event.sequence): event for event in events if event.kind == "begin"}


def _data_of(event: Event, begins: Mapping[tuple[int, int | None], Event]) -> Mapping[str, object]:
    """Return the data of an event; those of the end of a span have those of its begin among them."""
    begin = begins.get((event.id.source, event.begin)) if event.kind == "end" else None
    return {**begin.data, **event.data} if begin else event.data


def _with(data: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={repr_of(value)}" for key, value in data.items()) or "without data"
