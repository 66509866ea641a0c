"""What a platform must know of processes that wait for each other, for a proof that they wait for ever."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # children load this module
    from .._process_facts import Awaited

__all__ = ["Kin"]


class Kin(Protocol):
    """Looks at processes; raises `OSError` where it may not, or when one of them has ended meanwhile."""

    def descendants(self, pid: int) -> tuple[int, ...]:
        """Return the processes that descend from one, zombies too."""
        ...

    def obstacle(self, pid: int) -> str:
        """Return what could wake a process beside what its threads wait for: a timer, a signal; empty for nothing."""
        ...

    def caught(self, pid: int) -> frozenset[int]:
        """Return the signals that a process has handlers for."""
        ...

    def is_zombie(self, pid: int) -> bool:
        """Return whether a process has ended and nobody has collected it."""
        ...

    def is_helper(self, pid: int) -> bool:
        """Return whether a process is one that `multiprocessing` keeps, and that does nothing unless it is asked."""
        ...

    def is_watchdog(self, thread: int) -> bool:
        """Return whether a thread of this process takes no signal at all, as the one of `faulthandler` does."""
        ...

    def outsiders(self, members: Set[int]) -> tuple[int, ...]:
        """Return all other processes that may be looked at."""
        ...

    def gives(self, pid: int, awaited: Set[Awaited]) -> frozenset[Awaited]:
        """Return what of the awaited a process could give."""
        ...

    def peers(self, sockets: Set[str]) -> dict[str, str]:
        """Return the one other end of each of some sockets, as far as they have a single one."""
        ...
