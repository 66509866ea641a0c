"""What there is to tell of holds, kills and delays: pure functions from facts to sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from .._excerpts import shortened
from .._words import RAISE_THE_LIMIT
from ._chronicle import Chronicle
from ._taken import Taker

__all__ = ["Wanted", "never_reached", "never_released", "not_reached_in_time", "still_held"]

_MOST_NAMES = 20
"""How many of the names that were seen are told."""


class Wanted(NamedTuple):
    """What a test wants of somebody who arrives.

    Attributes:
        kind: What is to become of whoever arrives.
        name: Where.
        process: Who is meant, in words; empty for anybody.
        origin: Where in the test it was said.
        seconds: How long, for a delay.
    """

    kind: Literal["hold", "kill", "delay"]
    name: str
    process: str
    origin: str
    seconds: float = 0.0

    @property
    def words(self) -> str:
        """The call, with who is meant."""
        call = {
            "hold": f"hold({self.name!r})",
            "kill": f"kill_at({self.name!r})",
            "delay": f"delay({self.name!r}, {self.seconds:g})",
        }[self.kind]
        return f"{call} for {self.process}" if self.process else call


def not_reached_in_time(wanted: Wanted, seconds: float | None, chronicle: Chronicle) -> str:
    """Tell that nobody has arrived.

    Args:
        wanted: The hold.
        seconds: How long it was waited; ``None`` when the process that alone was meant has ended before.
        chronicle: What was recorded.
    """
    how = "before its end" if seconds is None else f"within {seconds:g} s"
    return "\n".join(
        [
            f"{wanted.words} was not reached {how}",
            f"it was made at {wanted.origin}",
            *_seen(wanted, chronicle),
            "what to do: make it before the process comes by, and wait where the process does come by"
            + ("" if seconds is None else f", or {RAISE_THE_LIMIT}"),
        ]
    )


def never_reached(missed: Sequence[Wanted], chronicle: Chronicle) -> str:
    """Tell of a test that has passed that some of what it wanted was in vain."""
    lines: list[str] = []
    for wanted in missed:
        lines += [f"{wanted.words} was never reached; it was made at {wanted.origin}", *_seen(wanted, chronicle)]
    return "\n".join(
        [
            *lines,
            "what to do: correct the name, make it before the process comes by, or take it away: so it proves nothing",
        ]
    )


def never_released(held: Sequence[tuple[Wanted, Taker]]) -> str:
    """Tell of a test whose own code is through that it still holds somebody."""
    return "\n".join(
        [
            *(
                f"{wanted.words} was never released: process {taker.name!r} (pid {taker.pid}) was still held there at "
                f"the end of the test; the hold was made at {wanted.origin}"
                for wanted, taker in held
            ),
            "what to do: release it (held.release(), or with mp_history.hold(...) as held:)",
        ]
    )


def still_held(wanted: Wanted) -> str:
    """Tell of a process that it is held."""
    return (
        f"it is held at {wanted.name!r} by the hold made at {wanted.origin}, which nobody has released: "
        "release it before you wait for the process"
    )


def _seen(wanted: Wanted, chronicle: Chronicle) -> list[str]:
    """Tell where somebody did arrive, and what the name may have been meant to be."""
    arrivals = [event for event in chronicle.events if event.kind != "end"]
    by = {chronicle.source_of(event) for event in arrivals if event.name == wanted.name}
    if by:
        who = ", ".join(sorted(f"{source.name!r} (pid {source.process.pid})" for source in by))
        return [f"{wanted.name!r} was passed by {who}: before it was wanted, or by one who was not meant"]
    counts = Counter(event.name for event in arrivals)
    if not counts:
        return ["nothing was recorded in this test"]
    names = ", ".join(
        f"{shortened(name, 80)!r}" + (f" ({count:,} times)" if count > 1 else "")
        for name, count in counts.most_common(_MOST_NAMES)
    )
    more = f" and {len(counts) - _MOST_NAMES:,} more" if len(counts) > _MOST_NAMES else ""
    import difflib

    near = difflib.get_close_matches(wanted.name, counts, 1, 0.5)
    nearest = f"; the nearest is {near[0]!r}" if near else ""
    return [f"names that were seen: {names}{more}{nearest}"]
