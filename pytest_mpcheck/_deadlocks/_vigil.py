"""When to look at those who wait, and how often the same must be seen before it is a proof."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from multiprocessing import process as _process

from .. import _platforms
from .._clock import Deadline
from .._records import Deadlock
from ._kinds import explain
from ._look import Look, look, nobody_else_gives, who_gives

__all__ = ["Vigil", "names_of_children"]

_FIRST_PAUSE = 0.2
_PROOF_PAUSE = 0.05
_LONGEST_PAUSE = 0.5
_SIGHTINGS = 4
"""Two would do by the argument in the head of this package; in 3,162 checks of healthy programs two erred once."""


class Vigil:
    """Watches over one wait. Looking costs nothing before the wait has lasted a little, and little while it is healthy.

    Args:
        first: The process that is waited for; ``None`` when there are several.
        owner: As for `counting`.
        names: Tells the names of processes.
    """

    def __init__(self, first: int | None, owner: int, names: Callable[[], Mapping[int, str]]) -> None:
        self._first = first
        self._owner = owner
        self._names = names
        self._kin = None if first == os.getpid() else _platforms.kin()  # nothing is proved of a mere thread
        self._seen: list[Look] = []
        self._pause = _FIRST_PAUSE
        self._next = Deadline(_FIRST_PAUSE)

    def pause(self) -> float:
        """Return how long to wait before the next look, in seconds; for ever where nothing can be proved."""
        return float("inf") if self._kin is None else self._next.remaining()

    def look(self) -> Deadlock | None:
        """Look at the family, if it is time; return the proof when it is complete."""
        if self._kin is None or not self._next.passed():
            return None
        seen = look(self._kin, self._first, self._owner)
        if seen is None or (self._seen and seen != self._seen[-1]):
            self._seen.clear()
        if seen is not None:
            self._seen.append(seen)
        if seen is not None and len(self._seen) == _SIGHTINGS - 1 and not nobody_else_gives(self._kin, seen):
            self._seen.clear()
            seen = None
        if seen is not None and len(self._seen) == _SIGHTINGS:
            return explain(seen.members, who_gives(self._kin, seen), self._names(), self._first)
        self._pause = _PROOF_PAUSE if seen is not None else min(self._pause * 1.5, _LONGEST_PAUSE)
        self._next = Deadline(self._pause)
        return None


def names_of_children() -> dict[int, str]:
    """Return the names of the processes that this one has started by `multiprocessing`, without a touch on them."""
    found: dict[int, str] = {}
    for process in list(_process._children):  # type: ignore[attr-defined]
        with contextlib.suppress(ValueError):  # closed
            found[process.pid] = process.name
    return found
