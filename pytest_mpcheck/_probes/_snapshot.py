"""`Snapshot`: what a process had when it looked at itself.

Guarantees: frozen texts, so it crosses to other processes and compares there with what they had. What belongs to a
process by nature (its pid, the identity of its threads) is told beside these texts and never compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .._excerpts import shortened
from .._records import ProcessId

__all__ = ["Aspect", "Difference", "Snapshot", "is_part"]

_VALUE = 200
"""How much of a value is told, in characters."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """What a process had of one kind.

    Attributes:
        facts: By place, what there was; nothing of what any fresh process has by itself. In the order in which it
            stands in the process.
        is_ordered: Whether that order means something.
        obstacle: Why it could not be measured; empty when it could.
    """

    facts: Mapping[str, str]
    is_ordered: bool = False
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place at which two processes differ.

    Attributes:
        word: The word of `Snapshot`, or the name that was given to `probe`.
        place: The place, such as ``environ['HOME']``.
        here: What is there in the snapshot that was asked, as text; ``None`` for nothing.
        there: What is there in the other one.
    """

    word: str
    place: str
    here: str | None
    there: str | None

    def __str__(self) -> str:
        return f"{shortened(self.place, _VALUE)}: {_told(self.here)} here, {_told(self.there)} there"


def _told(text: str | None) -> str:
    return "(not there)" if text is None else shortened(text, _VALUE)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a process had when it looked at itself; made by `probe`.

    ``snapshot["environ"]`` gives all places of a word with what was there, as texts; ``snapshot["environ['HOME']"]``
    the ones at and below one place.

    Attributes:
        process: The process.
        thread: Its thread that looked, by `threading.get_ident`.
        interpreter: The number of the interpreter in it, 0 for the main one.
        aspects: By word, and by name that was given to `probe`, what there was.
    """

    process: ProcessId
    thread: int
    interpreter: int
    aspects: Mapping[str, Aspect]

    def __getitem__(self, name: str) -> Mapping[str, str]:
        if name in self.aspects:
            return self.aspects[name].facts
        return {place: text for place, text in self._everything() if is_part(place, name)}

    def _everything(self) -> Iterator[tuple[str, str]]:
        for aspect in self.aspects.values():
            yield from aspect.facts.items()

    def difference(self, other: Snapshot) -> tuple[Difference, ...]:
        """Tell where another process differs from this one.

        Args:
            other: What it had. What only one of the two was asked for, or could measure, is not compared.

        Returns:
            Each place that differs, word by word; each of them as text is a line.
        """
        found: list[Difference] = []
        for word, mine in self.aspects.items():
            its = other.aspects.get(word)
            if its is not None and not mine.obstacle and not its.obstacle:
                found += _differences(word, mine, its)
        return tuple(found)


def _differences(word: str, mine: Aspect, its: Aspect) -> Iterator[Difference]:
    for place in dict.fromkeys((*mine.facts, *its.facts)):
        here, there = mine.facts.get(place), its.facts.get(place)
        if here != there:
            yield Difference(word, place, here, there)
    if mine.is_ordered:
        here_order = [place for place in mine.facts if place in its.facts]
        there_order = [place for place in its.facts if place in mine.facts]
        if here_order != there_order:
            yield Difference(word, f"{word}, the order of it", ", ".join(here_order), ", ".join(there_order))


def is_part(place: str, name: str) -> bool:
    """Return whether a place is the one of a name, or lies in it."""
    return place == name or (place.startswith(name) and place[len(name)] in ".[{")
