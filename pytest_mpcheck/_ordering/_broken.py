"""`Broken`: an assertion that does not hold, and the message that says so.

Guarantees: a message has the rule in words, what broke it, the timeline, what was lost, and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .._history._chronicle import Chronicle, Event
from ._timeline import timeline

__all__ = ["MOST", "Broken", "broken_words", "cannot_tell_words", "lost_in_short", "lost_words", "some_of"]

MOST = 5
"""How many of the same kind are told, and marked."""

T = TypeVar("T")


@dataclass(frozen=True)
class Broken:
    """Why an assertion does not hold.

    Attributes:
        rule: What should have been, and what was instead, in a line.
        evidence: What broke it, a line each.
        events: The events that broke it.
        remedy: What to do.
    """

    rule: str
    evidence: tuple[str, ...]
    events: tuple[Event, ...]
    remedy: str


def broken_words(chronicle: Chronicle, broken: Broken, *, colour: bool = False) -> str:
    """Make the message of an assertion that does not hold."""
    drawn = timeline(chronicle, {event.id for event in broken.events}, colour=colour)
    marks = ", what broke the rule is marked by >" if broken.events else ""
    return "\n".join(
        [
            broken.rule,
            *(f"  {line}" for line in broken.evidence),
            f"the timeline, a column for each process{marks}:",
            *drawn,
            *lost_words(chronicle, range(len(chronicle.sources))),
            f"what to do: {broken.remedy}",
        ]
    )


def cannot_tell_words(chronicle: Chronicle, rule: str, sources: Iterable[int]) -> str:
    """Make the message of an assertion that holds for all that is known, where something is not."""
    return "\n".join(
        [
            f"cannot tell whether {rule}: what is there says so, but events are missing",
            *lost_words(chronicle, sources, torn=False),
            "what to do: raise the limit (mp_history_limit), record less, or name the events by themselves",
        ]
    )


def lost_words(chronicle: Chronicle, sources: Iterable[int], *, torn: bool = True) -> list[str]:
    """Tell which events were lost, a line for each source; nothing where none was."""
    lines: list[str] = []
    for number in sorted(sources):
        source = chronicle.sources[number]
        who = f"{source.name!r} (pid {source.process.pid})"
        if source.dropped:
            lines.append(f"lost: the {source.dropped:,} oldest events of {who}: they had to make room for later ones")
        if source.torn and torn:
            lines.append(f"lost: {source.torn:,} events of {who} are not there as a whole: it was killed meanwhile")
    return lines


def lost_in_short(chronicle: Chronicle) -> list[str]:
    """Tell how many events were lost, of all sources together, in one line; nothing where none was."""
    dropped = sum(source.dropped for source in chronicle.sources)
    torn = sum(source.torn for source in chronicle.sources)
    facts = [f"{dropped:,} older events, which had to make room"] * (dropped > 0)
    facts += [f"{torn:,} that are not there as a whole"] * (torn > 0)
    return [f"  lost: {' and '.join(facts)}"] if facts else []


def some_of(things: Sequence[T], words: Callable[[T], str], most: int = MOST) -> tuple[str, ...]:
    """Tell the first of many things, a line each, and how many there are more."""
    more = len(things) - most
    return *map(words, things[:most]), *([f"... and {more:,} more"] if more > 0 else ())
