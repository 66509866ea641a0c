"""One look at a family of processes: does every one of them wait for the others, and what would wake them?"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from .. import _platforms
from .._platforms import Kin
from .._process_facts import Awaited, ThreadWait
from ._bystanders import counting, hears_signals

__all__ = ["Look", "look", "nobody_else_gives", "who_gives"]

_UNSURE = OSError, ValueError, struct.error
"""What a look at somebody raises who has ended, may not be looked at, or tells what nobody expected."""

_MOST_PROCESSES = 64
"""A look at more than that would cost more than it is worth."""


@dataclass(frozen=True, slots=True)
class Look:
    """A family in which everybody waits.

    Attributes:
        members: The processes with what each of their threads waits for; this process first.
        helpers: Processes that do nothing unless they are asked: fork server and resource tracker.
    """

    members: tuple[tuple[int, tuple[ThreadWait, ...]], ...]
    helpers: tuple[tuple[int, tuple[ThreadWait, ...]], ...]

    @property
    def awaited(self) -> frozenset[Awaited]:
        """All that somebody waits for."""
        return frozenset(one for _, waits in self.members for wait in waits for one in wait.awaited)


def look(kin: Kin, first: int | None, owner: int) -> Look | None:
    """Look at this process and all that descend from it.

    Args:
        kin: Looks at processes.
        first: Whom to look at first: most looks end there, because it works.
        owner: As for `counting`.

    Returns:
        What was seen; ``None`` as soon as somebody does not wait, or it is not known what for.
    """
    if first is not None and not _sleeps(_platforms.waits_of(first)):
        return None
    try:
        return _look_at_all(kin, os.getpid(), owner)
    except _UNSURE:  # somebody has ended, or may not be looked at
        return None


def _look_at_all(kin: Kin, here: int, owner: int) -> Look | None:
    family = kin.descendants(here)
    members: list[tuple[int, tuple[ThreadWait, ...]]] = []
    helpers: list[tuple[int, tuple[ThreadWait, ...]]] = []
    for pid in sorted(family) if len(family) <= _MOST_PROCESSES else ():
        waits = _platforms.waits_of(pid)
        if _sleeps(waits) and not kin.obstacle(pid):
            (helpers if kin.is_helper(pid) else members).append((pid, waits))
        elif not kin.is_zombie(pid):
            return None
    if not members or hears_signals(kin, here):
        return None
    counted = counting(kin, _platforms.waits_of(here), owner)
    return Look(((here, counted), *members), tuple(helpers)) if all(map(_is_endless, counted)) else None


def nobody_else_gives(kin: Kin, seen: Look) -> bool:
    """Return whether nobody outside of a family could give what it waits for.

    Args:
        kin: Looks at processes.
        seen: The family.
    """
    awaited = seen.awaited
    sockets = frozenset(one.key for one in awaited if one.kind == "socket")
    try:
        peers = kin.peers(sockets) if sockets else {}
    except _UNSURE:
        return False
    if sockets - set(peers):
        return False
    wanted = {one for one in awaited if one.kind in ("pipe", "shared lock", "process")}
    wanted |= {Awaited("socket", peer) for peer in peers.values()}
    for pid in kin.outsiders({pid for pid, _ in seen.members + seen.helpers}):
        try:
            if kin.gives(pid, wanted):
                return False
        except _UNSURE:  # it has ended, or belongs to another user
            continue
    return True


def who_gives(kin: Kin, seen: Look) -> dict[Awaited, tuple[int, ...]]:
    """Return, for each thing that a family waits for, which of its members could give it."""
    awaited = seen.awaited
    try:
        peers = kin.peers({one.key for one in awaited if one.kind == "socket"})
        given = {
            pid: kin.gives(pid, awaited | {Awaited("socket", peer) for peer in peers.values()})
            for pid, _ in seen.members + seen.helpers
        }
    except _UNSURE:  # the proof stands; only its words have less to say
        return {}
    other_end = {one: Awaited("socket", peers.get(one.key, "")) if one.kind == "socket" else one for one in awaited}
    return {one: tuple(pid for pid, gives in given.items() if other_end[one] in gives) for one in awaited}


def _sleeps(waits: tuple[ThreadWait, ...]) -> bool:
    return bool(waits) and all(map(_is_endless, waits))


def _is_endless(wait: ThreadWait) -> bool:
    return bool(wait.awaited) and not wait.timed
